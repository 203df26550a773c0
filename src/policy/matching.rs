//! Whether a policy permits what a page tried (CSP3 section 6.7.2).
//!
//! In: a policy, the directive of the attempt, the attempt, the page. Out: yes, no, or `None` where
//! neither is sure: what a nonce or a hash would have said, what only the browser knew, and where
//! engines and the specification differ. It never guesses, and never fails.

use super::source::HostSource;
use super::{Directive, Policy, Source, Sources};

/// What a page tried to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt<'u> {
    /// To run code, or to apply style, that stands in the page itself.
    Inline,
    /// To make code out of a string.
    Eval,
    /// To make WebAssembly out of bytes.
    WasmEval,
    /// To load something, or to go somewhere.
    Load(Url<'u>),
}

/// A URL, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url<'u> {
    /// Lower case.
    pub scheme: &'u str,
    /// Absent where only the scheme is known, or the URL has no host.
    pub place: Option<Place<'u>>,
}

/// Where a URL leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'u> {
    /// Canonical, `www.` included; IPv6 in brackets.
    pub host: &'u str,
    /// Absent when it is the scheme's default.
    pub port: Option<u16>,
    /// Absent when it is not known. A `*` in it stands for what was masked.
    pub path: Option<&'u str>,
}

/// Says whether a policy permits an attempt. `page` is where `'self'` points to.
pub fn permits(
    policy: Policy<'_>,
    directive: Directive,
    attempt: Attempt<'_>,
    page: Option<Url<'_>>,
) -> Option<bool> {
    let is_code = matches!(directive.base(), Directive::ScriptSrc | Directive::DefaultSrc);
    let is_style = directive.base() == Directive::StyleSrc;
    let asked = match attempt {
        // Section 4.4 asks script-src, whatever the report names.
        Attempt::Eval | Attempt::WasmEval if is_code => Directive::ScriptSrc,
        Attempt::Inline if is_code || is_style => directive,
        // Whose ancestor it was, the report does not say.
        Attempt::Load(_) if directive.lists_sources() && directive != Directive::FrameAncestors => {
            directive
        }
        Attempt::Inline | Attempt::Eval | Attempt::WasmEval | Attempt::Load(_) => return None,
    };
    let Some(sources) = policy.governing(asked) else {
        // What no directive governs is allowed, unless one that only an old browser knew did.
        return policy.is_understood().then_some(true);
    };
    match attempt {
        Attempt::Inline => inline(sources),
        Attempt::Eval => by_keyword(sources, &["unsafe-eval"]),
        Attempt::WasmEval => by_keyword(sources, &["unsafe-eval", "wasm-unsafe-eval"]),
        Attempt::Load(url) => {
            let is_script = is_code || directive == Directive::WorkerSrc;
            let as_loaded = |url| loads(sources, url, page, is_script, is_style);
            // Fetch asks for a WebSocket by an HTTP(S) URL, and engines compare the one that the
            // page wrote: sure is what both say.
            let as_fetched = match url.scheme {
                "ws" => as_loaded(Url { scheme: "http", ..url }),
                "wss" => as_loaded(Url { scheme: "https", ..url }),
                _ => return as_loaded(url),
            };
            as_fetched.filter(|_| as_loaded(url) == as_fetched)
        }
    }
}

/// Section 6.7.3.2: whether inline code passes whatever its content.
fn inline(sources: Sources<'_>) -> Option<bool> {
    if sources.allow_all_inline() {
        return Some(true);
    }
    let depends = |source| judges_content(source) || source.is_keyword("strict-dynamic");
    (!sources.iter().any(depends)).then_some(false)
}

/// Section 4.4, "EnsureCSPDoesNotBlockStringCompilation", and the same for bytes.
fn by_keyword(sources: Sources<'_>, keywords: &[&str]) -> Option<bool> {
    let is_one = |source: Source<'_>| keywords.iter().any(|keyword| source.is_keyword(keyword));
    if sources.iter().any(is_one) {
        return Some(true);
    }
    // Strings of Trusted Types, or of a known hash, may pass.
    let depends = |source: Source<'_>| {
        source.is_keyword("trusted-types-eval") || has_prefix(source, "eval-sha")
    };
    (!sources.iter().any(depends)).then_some(false)
}

/// Section 6.7.2.7: "Does url match source list in origin with redirect count?", after the checks
/// for scripts (6.7.1.1) and styles that come before it.
fn loads(
    sources: Sources<'_>,
    url: Url<'_>,
    page: Option<Url<'_>>,
    is_script: bool,
    is_style: bool,
) -> Option<bool> {
    // Step 1.3 of 6.7.1.1: hosts do not count then, but who inserted the element, or its nonce.
    if is_script && sources.iter().any(|source| source.is_keyword("strict-dynamic")) {
        return None;
    }
    // Steps 2 and 3, an empty list and `'none'`: what is no URL expression matches no URL.
    let mut is_sure = true;
    // Step 4.
    for source in sources.iter() {
        match matches(source, url, page) {
            Some(true) => return Some(true),
            Some(false) => is_sure &= !((is_script || is_style) && judges_content(source)),
            None => is_sure = false,
        }
    }
    // Step 5.
    is_sure.then_some(false)
}

/// Whether a source goes by what the report does not show: a nonce or a hash.
fn judges_content(source: Source<'_>) -> bool {
    matches!(source, Source::Nonce | Source::Hash(_)) || has_prefix(source, "url-sha")
}

fn has_prefix(source: Source<'_>, prefix: &str) -> bool {
    matches!(source, Source::Keyword(word)
        if word.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix)))
}

/// Section 6.7.2.8: "Does url match expression in origin with redirect count?". The count is 0: a
/// report names the URL before any redirect.
fn matches(source: Source<'_>, url: Url<'_>, page: Option<Url<'_>>) -> Option<bool> {
    match source {
        // Step 1.
        Source::Host("*") => {
            // A WebSocket has an HTTP(S) URL here; engines let both pass.
            if matches!(url.scheme, "http" | "https" | "ws" | "wss") {
                return Some(true);
            }
            page.map(|page| page.scheme == url.scheme)
        }
        // Steps 2.1 and 2.2.
        Source::Scheme(scheme) => Some(scheme_part_matches(scheme, url.scheme)),
        Source::Host(text) => host_source_matches(HostSource::split(text), url, page),
        // Step 4.
        _ if source.is_keyword("self") => is_self(url, page),
        // Step 5.
        Source::Keyword(_) | Source::Nonce | Source::Hash(_) => Some(false),
    }
}

/// Steps 2 and 3 of section 6.7.2.8.
fn host_source_matches(
    source: HostSource<'_>,
    url: Url<'_>,
    page: Option<Url<'_>>,
) -> Option<bool> {
    let scheme = match source.scheme {
        // Step 2.1.
        Some(scheme) => Some(scheme_part_matches(scheme, url.scheme)),
        // Step 3.2.
        None => page.map(|page| scheme_part_matches(page.scheme, url.scheme)),
    };
    if scheme == Some(false) {
        return Some(false);
    }
    // Step 3.1. Of a scheme that was named alone the host is not known.
    let place = url.place?;
    let parts = [
        scheme,
        // Step 3.3.
        host_part_matches(source.host, place.host),
        // Steps 3.4 and 3.5.
        port_part_matches(source.port, url.scheme, place.port),
        // Step 3.6.
        match place.path {
            // Every path begins with a slash.
            _ if matches!(source.path, "" | "/") => Some(true),
            Some(path) => path_part_matches(source.path, path),
            None => None,
        },
    ];
    all(parts.into_iter())
}

/// No if one is no, else `None` if one is not known, else yes.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut is_known = true;
    for part in parts {
        match part {
            Some(false) => return Some(false),
            Some(true) => {}
            None => is_known = false,
        }
    }
    is_known.then_some(true)
}

/// Step 4 of section 6.7.2.8: `'self'`, and its upgrades to a secure scheme.
fn is_self(url: Url<'_>, page: Option<Url<'_>>) -> Option<bool> {
    let page = page?;
    let (Some(to), Some(from)) = (url.place, page.place) else {
        // Engines take no `blob:` for the page that made it, and the page's own scheme alone may
        // be any place.
        return if page.scheme == url.scheme { None } else { Some(false) };
    };
    if to.host != from.host {
        return Some(false);
    }
    // Step 4.1.
    let is_same_origin = page.scheme == url.scheme && from.port == to.port;
    // Step 4.2; absent ports are default ones.
    let is_upgrade = from.port == to.port
        && (matches!(url.scheme, "https" | "wss")
            || page.scheme == "http" && matches!(url.scheme, "http" | "ws"));
    Some(is_same_origin || is_upgrade)
}

/// Section 6.7.2.9: whether a scheme of a policy allows one of a URL.
fn scheme_part_matches(policy: &str, url: &str) -> bool {
    let is = |scheme: &str| policy.eq_ignore_ascii_case(scheme);
    // Steps 1.1 to 1.4.
    is(url)
        || is("http") && url == "https"
        || is("ws") && matches!(url, "wss" | "http" | "https")
        || is("wss") && url == "https"
}

/// Section 6.7.2.10: whether a host of a policy allows one of a URL.
fn host_part_matches(pattern: &str, host: &str) -> Option<bool> {
    // Step 1 lets no address match; engines compare it as they do a name.
    if host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok() {
        let would_match = pattern == "*" || pattern.eq_ignore_ascii_case(host);
        return if would_match { None } else { Some(false) };
    }
    Some(match pattern.strip_prefix('*') {
        // Step 2.
        Some("") => true,
        // Step 3: the dot stays, so that `*.a.test` allows neither `a.test` nor `nota.test`.
        Some(rest) if rest.starts_with('.') => {
            let start = host.len().checked_sub(rest.len());
            start
                .and_then(|start| host.get(start..))
                .is_some_and(|tail| tail.eq_ignore_ascii_case(rest))
        }
        // Steps 4 and 5.
        _ => pattern.eq_ignore_ascii_case(host),
    })
}

/// Section 6.7.2.11: whether a port of a policy allows that of a URL.
fn port_part_matches(policy: Option<&str>, scheme: &str, port: Option<u16>) -> Option<bool> {
    let default = match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    };
    let wanted = match policy {
        // Step 2.
        Some("*") => return Some(true),
        // Step 3; a number that no port can have matches none.
        Some(digits) => match digits.parse::<u16>() {
            Ok(wanted) => wanted,
            Err(_) => return Some(false),
        },
        // Step 4 for no port at all.
        None => return Some(port.is_none()),
    };
    // Steps 4 to 6.
    let port = port.or(default);
    if port == Some(wanted) {
        return Some(true);
    }
    // Chromium lets 80 in a policy be upgraded to 443; the specification does so for schemes only.
    if wanted == 80 && port == Some(443) { None } else { Some(false) }
}

/// Section 6.7.2.12: whether a path of a policy allows that of a URL.
fn path_part_matches(policy: &str, path: &str) -> Option<bool> {
    // Steps 1 and 2; a canonical URL has a path.
    if policy.is_empty() || policy == "/" && path.is_empty() {
        return Some(true);
    }
    // The grammar allows neither in a path; engines ignore them.
    if policy.contains(['?', '#']) {
        return None;
    }
    // Step 3.
    let is_exact = !policy.ends_with('/');
    // Steps 4 to 7.
    let (wanted, given) = (policy.split('/').count(), path.split('/').count());
    if wanted > given || is_exact && wanted != given {
        return Some(false);
    }
    let compared = if is_exact { wanted } else { wanted - 1 };
    // Steps 8 and 9.
    all(policy.split('/').zip(path.split('/')).take(compared).map(|(wanted, given)| {
        let is_masked = wanted.contains('*') || given.contains('*');
        (!is_masked).then(|| percent_decoded(wanted).eq(percent_decoded(given)))
    }))
}

/// URL standard section 1.3: `%41` is `A`, and a `%` alone stays.
fn percent_decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        let byte = (first == b'%')
            .then(|| after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()))
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if byte.is_some() { &after[2..] } else { after };
        Some(byte.unwrap_or(first))
    })
}
