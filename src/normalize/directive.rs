//! The quirks of `violated-directive` and `effective-directive`.

use crate::policy::Directive;
use crate::report::{Blocked, DirectiveName};
use std::borrow::Cow;

/// Both names, and what a phrase betrayed of the blocked resource.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Directives<'b> {
    pub violated: Option<DirectiveName<'b>>,
    pub effective: Option<DirectiveName<'b>>,
    pub hint: Option<Hint>,
}

/// What an old Firefox says of the blocked resource in place of a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    Inline,
    Eval,
}

impl Hint {
    pub const fn blocked(self) -> Blocked<'static> {
        match self {
            Self::Inline => Blocked::Inline,
            Self::Eval => Blocked::Eval,
        }
    }
}

/// Reads both directives.
pub fn directives<'b>(violated: Option<&str>, effective: Option<&str>) -> Directives<'b> {
    let hint = violated.and_then(phrase);
    let violated = match hint {
        Some(_) => Some(DirectiveName::Known(Directive::ScriptSrc)),
        None => violated.and_then(name),
    };
    let effective = effective.and_then(name);
    let (violated, effective) = complete(violated, effective);
    Directives { violated, effective, hint }
}

/// Firefox before 33 writes a phrase where the directive belongs, always for scripts
/// (mozilla-central, contentSecurityPolicy.js).
fn phrase(text: &str) -> Option<Hint> {
    match text.trim() {
        "inline script base restriction" => Some(Hint::Inline),
        "eval script base restriction" => Some(Hint::Eval),
        _ => None,
    }
}

/// The first word, lower case.
///
/// Engines before CSP3 write the whole directive with its sources (Chrome 44, Firefox 41 and
/// WebKit captured so); Firefox 23 to 32 print ports and wildcards into them
/// (`script-src https://:443 https://*:*`), which go with the rest.
fn name<'b>(text: &str) -> Option<DirectiveName<'b>> {
    let word = text.split_ascii_whitespace().next()?.trim_end_matches([';', ',']);
    if let Some(directive) = Directive::from_name(word) {
        return Some(DirectiveName::Known(directive));
    }
    let is_name = (1..=MAX_UNKNOWN).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_name.then(|| DirectiveName::Unknown(Cow::Owned(word.to_ascii_lowercase())))
}

/// Fills what one engine tells and another does not.
///
/// The Reporting API has `effectiveDirective` alone, and CSP3 section 5.3 makes both equal.
/// Firefox before CSP3, Edge 12, Chrome before 40 and Safari before 9 send no
/// `effective-directive`; what they name was attempted, unless it is the fallback. A word that is
/// no directive yields to one that is.
fn complete<'b>(
    violated: Option<DirectiveName<'b>>,
    effective: Option<DirectiveName<'b>>,
) -> (Option<DirectiveName<'b>>, Option<DirectiveName<'b>>) {
    match (violated, effective) {
        (None, effective) => (effective.clone(), effective),
        (Some(DirectiveName::Unknown(_)), Some(effective @ DirectiveName::Known(_))) => {
            (Some(effective.clone()), Some(effective))
        }
        (Some(violated @ DirectiveName::Known(_)), None | Some(DirectiveName::Unknown(_))) => {
            let effective = match violated {
                DirectiveName::Known(Directive::DefaultSrc) => None,
                _ => Some(violated.clone()),
            };
            (Some(violated), effective)
        }
        (Some(violated @ DirectiveName::Unknown(_)), None) => (Some(violated), None),
        (violated, effective) => (violated, effective),
    }
}

/// The longest known name has 25 letters.
const MAX_UNKNOWN: usize = 40;
