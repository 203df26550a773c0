//! One key for the many texts that browsers make of one policy.
//!
//! Firefox before CSP3 expanded `'self'` to the page's origin with its port, gave bare hosts the
//! page's scheme and printed `https:` as `https://*:*`; Chrome 21 doubled the spaces; a nonce
//! differs for each page view; the reporting directives say nothing about what is allowed.

use super::source::HostSource;
use super::{Policy, Source};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::ops::Range;

/// Digests a policy into 16 hexadecimal digits that survive what browsers do to its text.
///
/// `page_host` is the host of the page that the policy was served with: a source that names it
/// counts as `'self'`. Nonces count as one, schemes and ports around hosts are ignored, order and
/// repetition do not matter, and `report-uri`, `report-to` and `'report-sha256'` are left out.
pub fn policy_key(policy: &str, page_host: Option<&str>) -> String {
    // All canonical texts stand in one buffer; what is sorted are places in it.
    let mut text = String::with_capacity(policy.len() + 16);
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut directives: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for (name, sources) in Policy::new(policy).directives() {
        if name.eq_ignore_ascii_case("report-uri") || name.eq_ignore_ascii_case("report-to") {
            continue;
        }
        let name_start = text.len();
        push_lower(&mut text, name);
        let name = name_start..text.len();
        let first = places.len();
        for source in sources.iter().filter(|source| !is_about_reports(source)) {
            let start = text.len();
            push_canonical(&mut text, source, page_host);
            places.push(start..text.len());
        }
        directives.push((name, first..places.len()));
    }
    for (_, sources) in &directives {
        places[sources.clone()].sort_unstable_by_key(|place| &text[place.clone()]);
    }
    directives.sort_unstable_by_key(|(name, _)| &text[name.clone()]);

    let mut digest = Sha256::new();
    for (name, sources) in directives {
        digest.update(&text[name]);
        let mut previous = "";
        for place in &places[sources] {
            let source = &text[place.clone()];
            if source != previous {
                digest.update(b" ");
                digest.update(source);
            }
            previous = source;
        }
        digest.update(b";");
    }
    let digest = digest.finalize();
    let mut key = String::with_capacity(16);
    for byte in &digest[..8] {
        let _ = write!(key, "{byte:02x}");
    }
    key
}

/// `'report-sha256'` and its longer kin ask for hashes and allow nothing. Firefox 153 does not know
/// them, and leaves them out of the policy that it reports.
fn is_about_reports(source: &Source<'_>) -> bool {
    ["report-sha256", "report-sha384", "report-sha512"]
        .iter()
        .any(|keyword| source.is_keyword(keyword))
}

fn push_canonical(text: &mut String, source: Source<'_>, page_host: Option<&str>) {
    match source {
        Source::Keyword(word) => {
            text.push('\'');
            push_lower(text, word);
            text.push('\'');
        }
        Source::Nonce => text.push_str("'nonce'"),
        Source::Hash(hash) => {
            text.push('\'');
            text.push_str(hash);
            text.push('\'');
        }
        Source::Scheme(scheme) => {
            push_lower(text, scheme);
            text.push(':');
        }
        // `plugin-types` and the words of `sandbox` are no hosts, and pass unharmed.
        Source::Host(host) => push_host(text, host, page_host),
    }
}

fn push_host(text: &mut String, source: &str, page_host: Option<&str>) {
    let HostSource { scheme, host, path, .. } = HostSource::split(source);
    let is_page = page_host.is_some_and(|page| {
        let host = host.strip_prefix("www.").unwrap_or(host);
        page.eq_ignore_ascii_case(host) && matches!(path, "" | "/")
    });
    match (scheme, host) {
        (Some(scheme), "*" | "") => {
            push_lower(text, scheme);
            text.push(':');
        }
        // Old Firefox and old samples write the keyword without its quotes.
        (None, word) if word.eq_ignore_ascii_case("self") => text.push_str("'self'"),
        _ if is_page => text.push_str("'self'"),
        _ => {
            push_lower(text, host);
            if path != "/" {
                text.push_str(path);
            }
        }
    }
}

fn push_lower(text: &mut String, word: &str) {
    text.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_one_policy_share_a_key() {
        let sent = "default-src 'self'; script-src 'self' cdn.example.net 'nonce-a1' https:; \
                    report-uri /csp";
        let chrome21 = "default-src  'self'; script-src  'self' cdn.example.net 'nonce-b2' https:; \
                        report-uri http://collector.example/csp";
        let firefox = "default-src http://shop.example:80; script-src http://shop.example:80 \
                       http://cdn.example.net:80 'nonce-c3' https://*:*";
        let key = policy_key(sent, Some("shop.example"));
        assert_eq!(key.len(), 16);
        assert_eq!(policy_key(chrome21, Some("shop.example")), key);
        assert_eq!(policy_key(firefox, Some("shop.example")), key);
    }

    #[test]
    fn another_policy_has_another_key() {
        let key = |policy| policy_key(policy, Some("shop.example"));
        assert_ne!(key("img-src a.test"), key("img-src b.test"));
        assert_ne!(key("img-src a.test"), key("font-src a.test"));
        assert_ne!(key("img-src a.test/x"), key("img-src a.test"));
        assert_ne!(key("img-src 'sha256-A='"), key("img-src 'sha256-B='"));
        assert_eq!(key("img-src"), key("IMG-SRC"));
        assert_eq!(key("script-src 'self' 'Report-SHA256'"), key("script-src 'self'"));
        assert_ne!(key("script-src 'report-sample'"), key("script-src"));
    }
}
