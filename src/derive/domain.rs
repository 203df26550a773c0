//! The registrable domain of a host, by the public suffix list.

use crate::report::Location;
use publicsuffix::{List, Psl};

/// The list of public suffixes, ready to be asked.
pub struct Domains {
    list: List,
}

/// Why a list of the site's own cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("no public suffix list: {0}")]
pub struct ListError(String);

impl Domains {
    /// Reads a list, or the built-in one, which carries its date in its head.
    pub fn read(list: Option<&[u8]>) -> Result<Self, ListError> {
        List::from_bytes(list.unwrap_or(BUILT_IN))
            .map(|list| Self { list })
            .map_err(|error| ListError(error.to_string()))
    }

    /// Whether anybody may register, or rent, names under this host.
    pub fn is_public_suffix(&self, host: &str) -> bool {
        self.list
            .suffix(host.as_bytes())
            .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == host.as_bytes())
    }

    /// The registrable domain; the host itself where it has none: IP addresses, single labels
    /// and public suffixes. That is a "site" in HTML section 7.1.1.
    pub fn registrable<'h>(&self, location: &'h Location<'_>) -> &'h str {
        let host = &*location.host;
        if location.is_ip() {
            return host;
        }
        self.list
            .domain(host.as_bytes())
            .and_then(|domain| std::str::from_utf8(domain.as_bytes()).ok())
            .unwrap_or(host)
    }
}

const BUILT_IN: &[u8] = include_bytes!("public_suffix_list.dat");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::NetworkScheme;

    #[test]
    fn domains_follow_the_list() {
        let domains = Domains::read(None).expect("the built-in list parses");
        let rows = [
            ("a.b.example.com", "example.com"),
            ("example.co.uk", "example.co.uk"),
            ("x.shop.example.co.uk", "example.co.uk"),
            ("someone.github.io", "someone.github.io"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("cdn.xn--mller-kva.example", "xn--mller-kva.example"),
            ("localhost", "localhost"),
            ("co.uk", "co.uk"),
            ("203.0.113.9", "203.0.113.9"),
            ("[2001:db8::1]", "[2001:db8::1]"),
        ];
        for (host, domain) in rows {
            let location = Location {
                text: host.into(),
                scheme: Some(NetworkScheme::Https),
                host: host.into(),
                port: None,
                path: 0..0,
            };
            assert_eq!(domains.registrable(&location), domain, "{host}");
        }
    }

    #[test]
    fn a_list_that_is_none_is_told() {
        assert!(Domains::read(Some(b"\xff")).is_err());
        let own = Domains::read(Some(
            b"// ===BEGIN ICANN DOMAINS===\ntest\ncorp.test\n// ===END ICANN DOMAINS===\n",
        ))
        .expect("reads");
        assert!(own.is_public_suffix("corp.test"));
        assert!(!own.is_public_suffix("co.uk"));
    }
}
