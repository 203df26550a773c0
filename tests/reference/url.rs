//! The splitter of URLs against the `url` crate.

use cspipe::report::UrlParts;

/// Holds the splitter against the crate for one text.
pub fn check(text: &str) {
    let theirs = url::Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https" | "ws" | "wss"));
    match (UrlParts::split(text), theirs) {
        (None, None) => {}
        (Some(ours), Some(theirs)) => {
            assert_eq!(ours.scheme.name(), theirs.scheme(), "{text:?}");
            assert_eq!(Some(&*ours.host), theirs.host_str(), "{text:?}");
            assert_eq!(ours.port, theirs.port(), "{text:?}");
            let path = if ours.path.is_empty() { "/" } else { &ours.path };
            assert_eq!(path, theirs.path(), "{text:?}");
            // The crate rewrites quotes in a query; only names of parameters are ever kept of it.
            assert_eq!(ours.query.is_some(), theirs.query().is_some(), "{text:?}");
        }
        (ours, theirs) => panic!("{text:?}: {ours:?} against {theirs:?}"),
    }
}
