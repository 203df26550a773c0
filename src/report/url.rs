//! The one place where a URL is taken apart.
//!
//! Almost every URL in a report is plain ASCII in canonical form, and is split by looking at its
//! bytes once. Whatever else comes is handed to the `url` crate, so that the two can never
//! disagree; `tests/url_agreement.rs` holds them against each other.

use std::borrow::Cow;

/// The schemes of resources that come over the network (the "HTTP(S) schemes" of Fetch and those
/// of WebSockets). CSP3 section 5.4 keeps a URL whole only for these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkScheme {
    Http,
    Https,
    Ws,
    Wss,
}

/// A network URL without user info and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlParts<'t> {
    pub scheme: NetworkScheme,
    /// Lower case, ASCII, IPv4 and IPv6 in canonical form, IPv6 in brackets.
    pub host: Cow<'t, str>,
    /// Absent when it is the scheme's default.
    pub port: Option<u16>,
    /// Begins with a slash, or is empty where the text ended with the authority.
    pub path: Cow<'t, str>,
    pub query: Option<Cow<'t, str>>,
    /// How much of the text stands up to the end of the path, when that part is canonical as it
    /// stands and need not be put together anew.
    pub canonical_len: Option<usize>,
}

impl NetworkScheme {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Finds a scheme by its name, whatever the case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Http, Self::Https, Self::Ws, Self::Wss]
            .into_iter()
            .find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    /// Whether what it carries is encrypted.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Https | Self::Wss)
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http | Self::Ws => 80,
            Self::Https | Self::Wss => 443,
        }
    }
}

impl<'t> UrlParts<'t> {
    /// Splits an absolute `http`, `https`, `ws` or `wss` URL as the URL standard does.
    ///
    /// Returns `None` for every other scheme, and for what the standard calls a failure.
    pub fn split(text: &'t str) -> Option<Self> {
        split_plain(text).or_else(|| split_any(text))
    }
}

/// Splits off the scheme of any URL (RFC 3986 section 3.1), in the case in which it stands.
pub fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let at = text.find(':')?;
    let (scheme, rest) = (&text[..at], &text[at + 1..]);
    let mut bytes = scheme.bytes();
    let is_scheme = bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_'));
    is_scheme.then_some((scheme, rest))
}

/// The host as records show it and rules compare it: no `www.`, no trailing dot.
///
/// Twitter's collector stripped `www.` so that one site is one value; the name keeps it where
/// nothing with a dot would be left (`www.com`).
pub fn bare_host(host: &str) -> &str {
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.strip_prefix("www.") {
        Some(rest) if rest.contains('.') => rest,
        _ => host,
    }
}

/// The usual URL, recognised byte by byte; `None` for anything that needs rewriting.
fn split_plain(text: &str) -> Option<UrlParts<'_>> {
    let (scheme, after_scheme) = [
        (NetworkScheme::Https, "https://"),
        (NetworkScheme::Http, "http://"),
        (NetworkScheme::Wss, "wss://"),
        (NetworkScheme::Ws, "ws://"),
    ]
    .into_iter()
    .find_map(|(scheme, prefix)| Some((scheme, text.strip_prefix(prefix)?)))?;
    let host_start = text.len() - after_scheme.len();

    let authority_len = after_scheme
        .bytes()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(after_scheme.len());
    let (authority, rest) = after_scheme.split_at(authority_len);
    let (host, port) = match authority.split_once(':') {
        Some((host, digits)) => (host, Some(plain_port(digits)?)),
        None => (authority, None),
    };
    if !is_plain_host(host) {
        return None;
    }
    // A default port is not part of the canonical form.
    if port == Some(scheme.default_port()) {
        return None;
    }

    let before_fragment = rest.split('#').next().unwrap_or(rest);
    let (path, query) = match before_fragment.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (before_fragment, None),
    };
    if !is_plain_path(path) || !query.unwrap_or("").bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    Some(UrlParts {
        scheme,
        host: Cow::Borrowed(host),
        port,
        path: Cow::Borrowed(path),
        query: query.map(Cow::Borrowed),
        canonical_len: Some(host_start + authority_len + path.len()),
    })
}

fn plain_port(digits: &str) -> Option<u16> {
    let canonical = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !(digits.len() > 1 && digits.starts_with('0'));
    canonical.then(|| digits.parse().ok())?
}

/// Lower-case letters, digits and hyphens in non-empty labels; no `xn--`, which the standard
/// checks, and no last label that begins with a digit, which may make it an IPv4 address.
fn is_plain_host(host: &str) -> bool {
    host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with("xn--")
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    }) && host.rsplit('.').next().is_some_and(|last| !last.as_bytes()[0].is_ascii_digit())
}

/// No byte that the standard percent-encodes in a path, and no segment that it resolves away.
fn is_plain_path(path: &str) -> bool {
    path.bytes().all(|byte| {
        byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'}' | b'|')
    }) && !path.split('/').any(is_dot_segment)
}

fn is_dot_segment(segment: &str) -> bool {
    (segment.starts_with('.') || segment.starts_with('%'))
        && matches!(
            segment.to_ascii_lowercase().as_str(),
            "." | ".." | "%2e" | "%2e%2e" | ".%2e" | "%2e."
        )
}

fn split_any(text: &str) -> Option<UrlParts<'_>> {
    let url = ::url::Url::parse(text).ok()?;
    let scheme = NetworkScheme::from_name(url.scheme())?;
    Some(UrlParts {
        scheme,
        host: Cow::Owned(url.host_str()?.to_owned()),
        port: url.port(),
        path: Cow::Owned(url.path().to_owned()),
        query: url.query().map(|query| Cow::Owned(query.to_owned())),
        canonical_len: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_url_is_borrowed() {
        let parts = UrlParts::split("https://cdn.example.net:8443/a/b.js?v=1#top").expect("splits");
        assert!(matches!(parts.host, Cow::Borrowed("cdn.example.net")));
        assert_eq!(parts.port, Some(8443));
        assert_eq!(parts.path, "/a/b.js");
        assert_eq!(parts.query.as_deref(), Some("v=1"));
        assert_eq!(parts.canonical_len, Some("https://cdn.example.net:8443/a/b.js".len()));
    }

    #[test]
    fn odd_spellings_fall_together() {
        for text in [
            "HTTPS://user:pass@CDN.Example.NET:443/a/../b.js",
            "https:\\\\cdn.example.net\\b.js",
            " https://cdn.example.net/b.js\n",
            "https://cdn。example。net/b.js",
        ] {
            let parts = UrlParts::split(text).expect(text);
            assert_eq!(
                (&*parts.host, parts.port, &*parts.path),
                ("cdn.example.net", None, "/b.js"),
                "{text}"
            );
        }
    }

    #[test]
    fn addresses_are_canonical() {
        let host = |text| UrlParts::split(text).map(|parts| parts.host.into_owned());
        assert_eq!(host("http://0x7f.1/").as_deref(), Some("127.0.0.1"));
        assert_eq!(host("http://[2001:DB8:0::1]:8080/").as_deref(), Some("[2001:db8::1]"));
        assert_eq!(host("http://bücher.example/").as_deref(), Some("xn--bcher-kva.example"));
    }

    #[test]
    fn what_does_not_parse_is_told() {
        for text in [
            "http://:45671/x",
            "https://",
            "https://a b/",
            "data:text/html,x",
            "thiscannotbeparsed://",
            "/x",
        ] {
            assert_eq!(UrlParts::split(text), None, "{text}");
        }
    }

    #[test]
    fn www_and_the_trailing_dot_go() {
        assert_eq!(bare_host("www.shop.example"), "shop.example");
        assert_eq!(bare_host("www.shop.example."), "shop.example");
        assert_eq!(bare_host("www.com"), "www.com");
        assert_eq!(bare_host("wwwshop.example"), "wwwshop.example");
    }
}
