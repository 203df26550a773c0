//! The form encoding of WebKit before 2012: `document-url=…&violated-directive=…`.
//!
//! Chrome 14 to 20, Safari 5.1 to 6.0, iOS 5 and 6. The captures' content lengths equal this
//! encoding byte for byte, although the article that published them prints JSON.

use super::keys::{Key, set_text};
use crate::report::{RawReport, Repair, Wire};

/// Reads a form; `None` when it holds no key by which a violation can be known.
pub fn decode(body: &[u8]) -> Option<RawReport<'_>> {
    let mut report = RawReport { wire: Some(Wire::Form), ..RawReport::default() };
    let mut is_report = false;
    for (name, value) in url::form_urlencoded::parse(body).take(MAX_PAIRS) {
        if let Some(key) = Key::from_name(&name) {
            is_report |= key.is_telling() && !value.is_empty();
            if value.contains(char::REPLACEMENT_CHARACTER) {
                report.repairs.add(Repair::InvalidUtf8);
            }
            set_text(&mut report, key, Some(value));
        }
    }
    is_report.then_some(report)
}

/// The browsers send two; more than there are keys is no report.
const MAX_PAIRS: usize = 32;
