//! One source expression of a directive's value (CSP3 section 2.3.1).

/// A source expression, as far as its kind can be told from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'p> {
    /// `'self'`, `'unsafe-inline'`, `'none'`, …: the quoted word without its quotes.
    Keyword(&'p str),
    /// `'nonce-…'`; the value is of no use outside the page that it was made for.
    Nonce,
    /// `'sha256-…'`, `'sha384-…'`, `'sha512-…'`: the whole text between the quotes.
    Hash(&'p str),
    /// `https:`, `data:`, …: the scheme without its colon.
    Scheme(&'p str),
    /// Everything else: a host with whatever scheme, port and path stand around it.
    Host(&'p str),
}

impl<'p> Source<'p> {
    /// Tells the kind of one white-space separated token.
    pub fn parse(token: &'p str) -> Self {
        if let Some(quoted) = token.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            let lower = |prefix: &str| {
                quoted.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
            };
            return if lower("nonce-") {
                Self::Nonce
            } else if lower("sha256-") || lower("sha384-") || lower("sha512-") {
                Self::Hash(quoted)
            } else {
                Self::Keyword(quoted)
            };
        }
        match token.strip_suffix(':') {
            Some(scheme) if is_scheme(scheme) => Self::Scheme(scheme),
            _ => Self::Host(token),
        }
    }

    /// Whether this is the given keyword, whatever its case.
    pub fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self, Self::Keyword(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// A host-source, taken apart (CSP3 section 2.3.1). Nothing is checked but where its parts end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostSource<'p> {
    pub scheme: Option<&'p str>,
    /// `*`, `*.example.com` or a name, in the case in which it stands.
    pub host: &'p str,
    /// Digits or `*`.
    pub port: Option<&'p str>,
    /// Begins with a slash, or is empty.
    pub path: &'p str,
}

impl<'p> HostSource<'p> {
    /// Splits the text of a [`Source::Host`].
    pub fn split(text: &'p str) -> Self {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port == "*" || port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (host, Some(port))
            }
            _ => (authority, None),
        };
        Self { scheme, host, port, path }
    }
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_kinds_apart() {
        let kinds = [
            ("'self'", Source::Keyword("self")),
            ("'NONCE-abc'", Source::Nonce),
            ("'sha256-AAA='", Source::Hash("sha256-AAA=")),
            ("https:", Source::Scheme("https")),
            ("https://*:*", Source::Host("https://*:*")),
            ("*.example.com:443", Source::Host("*.example.com:443")),
            ("*", Source::Host("*")),
            (":", Source::Host(":")),
            ("'", Source::Host("'")),
        ];
        for (token, kind) in kinds {
            assert_eq!(Source::parse(token), kind, "{token}");
        }
    }
}
