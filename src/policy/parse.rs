//! A serialized policy, taken apart (CSP3 section 2.2.1).

use super::source::HostSource;
use super::{Directive, Source};

/// One serialized policy. Nothing is copied: each look walks the text again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy<'p> {
    text: &'p str,
}

/// The source expressions of one directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sources<'p> {
    text: &'p str,
}

impl<'p> Policy<'p> {
    /// Takes the text of a policy as it stands.
    pub const fn new(text: &'p str) -> Self {
        Self { text }
    }

    /// The directives in the order of the text: name as written, and value.
    ///
    /// A name that came before is skipped, as a browser skips it (step 3.5).
    pub fn directives(&self) -> impl Iterator<Item = (&'p str, Sources<'p>)> {
        let text = self.text;
        split_directives(text).enumerate().filter_map(move |(at, (name, value))| {
            let seen = split_directives(text)
                .take(at)
                .any(|(earlier, _)| earlier.eq_ignore_ascii_case(name));
            (!seen).then_some((name, Sources { text: value }))
        })
    }

    /// The sources that govern a request of this directive: its own, or the fallback's
    /// (CSP3 section 6.8.3). `None` when the policy says nothing about it.
    pub fn governing(&self, directive: Directive) -> Option<Sources<'p>> {
        directive.fallbacks().iter().find_map(|fallback| {
            split_directives(self.text)
                .find(|(name, _)| name.eq_ignore_ascii_case(fallback.name()))
                .map(|(_, value)| Sources { text: value })
        })
    }
}

impl<'p> Policy<'p> {
    /// The hosts that the policy names, of all directives that list sources: without scheme, port,
    /// path and a leading `*.`, in the case in which they stand.
    pub fn hosts(&self) -> impl Iterator<Item = &'p str> {
        self.all_sources().filter_map(|source| match source {
            Source::Host(text) => {
                let host = HostSource::split(text).host;
                let host = host.strip_prefix("*.").unwrap_or(host);
                (!matches!(host, "*" | "")).then_some(host)
            }
            Source::Keyword(_) | Source::Nonce | Source::Hash(_) | Source::Scheme(_) => None,
        })
    }

    /// The schemes that the policy names as sources, in the case in which they stand. Firefox
    /// before CSP3 prints `https:` as `https://*:*`.
    pub fn schemes(&self) -> impl Iterator<Item = &'p str> {
        self.all_sources().filter_map(|source| match source {
            Source::Scheme(scheme) => Some(scheme),
            Source::Host(text) => text.strip_suffix("://*:*"),
            Source::Keyword(_) | Source::Nonce | Source::Hash(_) => None,
        })
    }

    /// Whether there is at least one directive, and every one is known by its name.
    pub fn is_understood(&self) -> bool {
        let mut names = split_directives(self.text).map(|(name, _)| name).peekable();
        names.peek().is_some()
            && names.all(|name| is_reporting(name) || Directive::from_name(name).is_some())
    }

    /// The source expressions of all directives, repeated ones included; also of those that no
    /// specification knows, such as `xhr-src`.
    fn all_sources(&self) -> impl Iterator<Item = Source<'p>> {
        split_directives(self.text)
            .filter(|(name, _)| {
                !is_reporting(name)
                    && Directive::from_name(name).is_none_or(Directive::lists_sources)
            })
            .flat_map(|(_, value)| value.split_ascii_whitespace().map(Source::parse))
    }
}

impl<'p> Sources<'p> {
    /// The expressions in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = Source<'p>> {
        self.text.split_ascii_whitespace().map(Source::parse)
    }

    /// Whether inline code passes whatever its content: `'unsafe-inline'` with neither nonce nor
    /// hash nor `'strict-dynamic'` beside it (CSP3 section 6.7.3.2).
    pub fn allow_all_inline(&self) -> bool {
        let mut allowed = false;
        for source in self.iter() {
            match source {
                Source::Nonce | Source::Hash(_) => return false,
                _ if source.is_keyword("strict-dynamic") => return false,
                _ if source.is_keyword("unsafe-inline") => allowed = true,
                _ => {}
            }
        }
        allowed
    }
}

/// `report-uri` and `report-to` say nothing about what is allowed.
fn is_reporting(name: &str) -> bool {
    name.eq_ignore_ascii_case("report-uri") || name.eq_ignore_ascii_case("report-to")
}

fn split_directives(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';')
        .filter_map(|token| {
            let token = token.trim_ascii();
            let (name, value) = token
                .split_once(|letter: char| letter.is_ascii_whitespace())
                .unwrap_or((token, ""));
            (!name.is_empty()).then_some((name, value))
        })
        .take(MAX_DIRECTIVES)
}

/// Twice as many as there are names; keeps the search for repetitions short on hostile text.
const MAX_DIRECTIVES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_directives_counts() {
        let policy = Policy::new("img-src a.test; IMG-SRC b.test;; ; default-src 'self'");
        let names: Vec<_> = policy.directives().map(|(name, _)| name).collect();
        assert_eq!(names, ["img-src", "default-src"]);
    }

    #[test]
    fn a_missing_directive_falls_back() {
        let policy = Policy::new("default-src 'unsafe-inline'; style-src 'self'");
        let script = policy.governing(Directive::ScriptSrcElem).expect("falls back");
        assert!(script.allow_all_inline());
        let style = policy.governing(Directive::StyleSrcAttr).expect("falls back");
        assert!(!style.allow_all_inline());
        assert_eq!(policy.governing(Directive::FormAction), None);
    }

    #[test]
    fn hosts_and_schemes_of_sources_are_found_wherever_they_stand() {
        let policy = Policy::new(
            "default-src 'self' data: https://*:*; script-src *.A.test:443 HTTPS://b.test/x/ * \
             'nonce-c.test' d.test; xhr-src e.test; frame-ancestors f.test; report-uri \
             https://g.test/csp; report-to h.test; sandbox allow-scripts; trusted-types i.test; \
             script-src j.test",
        );
        let hosts: Vec<_> = policy.hosts().collect();
        assert_eq!(hosts, ["A.test", "b.test", "d.test", "e.test", "f.test", "j.test"]);
        assert_eq!(policy.schemes().collect::<Vec<_>>(), ["data", "https"]);
    }

    #[test]
    fn a_policy_with_a_strange_directive_is_not_understood() {
        assert!(Policy::new("img-src a.test; report-uri /csp").is_understood());
        assert!(!Policy::new("allow 'self'; img-src a.test").is_understood());
        assert!(!Policy::new("[removed]").is_understood());
        assert!(!Policy::new("; ").is_understood());
    }

    #[test]
    fn a_nonce_switches_unsafe_inline_off() {
        let policy = Policy::new("script-src 'unsafe-inline' 'nonce-x'");
        let sources = policy.governing(Directive::ScriptSrc).expect("is there");
        assert!(!sources.allow_all_inline());
    }
}
