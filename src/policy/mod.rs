//! The language of a Content Security Policy.
//!
//! Directives and their fallbacks, source expressions, a parser for a serialized policy, and a
//! key under which the many texts that browsers make of one policy fall together.
//!
//! In: text. Out: borrowed nouns. It knows nothing of reports, and never fails: CSP3 section 2.2.1
//! tells a parser to skip what it does not know.

mod directive;
mod key;
mod parse;
mod source;

pub use directive::Directive;
pub use key::policy_key;
pub use parse::{Policy, Sources};
pub use source::Source;
