//! The language of a Content Security Policy.
//!
//! Directives and their fallbacks, source expressions, a parser for a serialized policy, what a
//! policy permits, and a key under which the many texts that browsers make of one policy fall
//! together.
//!
//! In: text. Out: borrowed nouns. It knows nothing of reports, and never fails: CSP3 section 2.2.1
//! tells a parser to skip what it does not know.

mod directive;
mod key;
mod matching;
mod parse;
mod source;
#[cfg(test)]
mod tests;

pub use directive::Directive;
pub use key::policy_key;
pub use matching::{Attempt, Place, Url, permits};
pub use parse::{Policy, Sources};
pub use source::Source;
