//! The registrable domain of a host, by the public suffix list.

use crate::report::Location;
use publicsuffix::{List, Psl};
use std::path::{Path, PathBuf};

/// The list of public suffixes, ready to be asked.
pub struct Domains {
    list: List,
}

/// Why a list of the site's own cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("cannot read the public suffix list {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path} is no public suffix list: {reason}")]
    Invalid { path: PathBuf, reason: String },
}

impl Domains {
    /// Loads a list, or the built-in one, which carries its date in its head.
    pub fn load(path: Option<&Path>) -> Result<Self, ListError> {
        let list = match path {
            None => List::from_bytes(BUILT_IN).map_err(|error| (PathBuf::from("built in"), error)),
            Some(path) => {
                let bytes = std::fs::read(path)
                    .map_err(|source| ListError::Unreadable { path: path.to_owned(), source })?;
                List::from_bytes(&bytes).map_err(|error| (path.to_owned(), error))
            }
        };
        let list =
            list.map_err(|(path, error)| ListError::Invalid { path, reason: error.to_string() })?;
        Ok(Self { list })
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
        let domains = Domains::load(None).expect("the built-in list parses");
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
    fn a_list_of_the_sites_own_is_told_when_it_is_none() {
        let error = Domains::load(Some(Path::new("/nowhere/list.dat"))).err().expect("fails");
        assert!(error.to_string().contains("/nowhere/list.dat"), "{error}");
    }
}
