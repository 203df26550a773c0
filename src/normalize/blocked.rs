//! The quirks of `blocked-uri`.

use super::address::{self, Role};
use super::directive::Hint;
use super::settings::Settings;
use crate::policy::{Directive, Policy};
use crate::report::{Address, Blocked, DirectiveName, Repairs};
use std::borrow::Cow;

/// What else in the report tells the meaning of a `blocked-uri`.
#[derive(Debug)]
pub struct Context<'c, 'b> {
    pub directive: Option<&'c DirectiveName<'b>>,
    pub hint: Option<Hint>,
    pub sample: &'c str,
    pub policy: &'c str,
    pub document: Option<&'c Address<'b>>,
}

/// Tells what was blocked.
pub fn blocked<'b>(
    text: Option<Cow<'b, str>>,
    context: &Context<'_, 'b>,
    settings: &Settings,
    repairs: &mut Repairs,
) -> Blocked<'b> {
    let Some(text) = text else {
        return absent(context);
    };
    // What stands behind these says nothing that a keyword does not.
    let word = text.split(['?', '#', ':']).next().unwrap_or(&text);
    if let Some(blocked) = keyword(address::trimmed(word), context) {
        return blocked;
    }
    let text = absolute(error_page(text), context.document);
    address::place(Some(text), Role::Blocked, settings.blocked, settings, repairs)
        .map_or(Blocked::Unknown, Blocked::Resource)
}

/// The words that stand for no resource. Case and blanks around do not matter: Relay's tests
/// hold `INLINE` and `inline `, and a colon behind `eval`.
fn keyword(word: &str, context: &Context<'_, '_>) -> Option<Blocked<'static>> {
    let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
    Some(match word {
        "" => blank(context),
        _ if is("inline") => Blocked::Inline,
        _ if is("eval") => Blocked::Eval,
        _ if is("wasm-eval") => Blocked::WasmEval,
        _ if is("trusted-types-policy") => Blocked::TrustedTypesPolicy,
        _ if is("trusted-types-sink") => Blocked::TrustedTypesSink,
        // An opaque origin, serialized: a blob: or filesystem: image in Chrome 21 (captured).
        _ if is("null") => Blocked::Opaque,
        // Firefox before CSP3 writes `self` for code of the page itself (nico3333fr/CSP-useful).
        _ if is("self") || is("'self'") => blank(context),
        _ => return None,
    })
}

/// No `blocked-uri` at all. The form of old WebKit never has one, whatever was blocked; a sample
/// is there only when code of the page was.
fn absent(context: &Context<'_, '_>) -> Blocked<'static> {
    match context.hint {
        Some(hint) => hint.blocked(),
        None if context.sample.is_empty() => Blocked::Unknown,
        None => blank(context),
    }
}

/// An empty `blocked-uri`: inline or eval for scripts, inline for styles (Chrome before 5x,
/// WebKit before CSP3; w3c/webappsec issues 52 and 401). For every other directive the engine did
/// not know the URL: media on an iPad, `frame-ancestors`.
fn blank(context: &Context<'_, '_>) -> Blocked<'static> {
    if let Some(hint) = context.hint {
        return hint.blocked();
    }
    let Some(directive) = context.directive.and_then(DirectiveName::known) else {
        return Blocked::Unknown;
    };
    match directive.base() {
        Directive::StyleSrc => Blocked::Inline,
        Directive::ScriptSrc | Directive::DefaultSrc => {
            // Elements and attributes are never evaluated (CSP3 section 6.1).
            let may_be_eval = directive == directive.base();
            if may_be_eval && is_eval(directive, context) { Blocked::Eval } else { Blocked::Inline }
        }
        _ => Blocked::Unknown,
    }
}

/// Firefox before CSP3 says it in the sample. WebKit says nothing, but where the policy lets all
/// inline code pass, only eval is left.
fn is_eval(directive: Directive, context: &Context<'_, '_>) -> bool {
    context.sample.starts_with("call to eval() or related function blocked by CSP")
        || Policy::new(context.policy)
            .governing(directive)
            .is_some_and(|sources| sources.allow_all_inline())
}

/// Chrome's page for what it could not load. It had an address of `data:` before it got a scheme
/// of its own (Chromium `kUnreachableWebDataURL`; getsentry/sentry). Nothing may stand behind it:
/// that would be a payload of somebody else.
fn error_page(text: Cow<'_, str>) -> Cow<'_, str> {
    match address::trimmed(&text) {
        "data:text/html,chromewebdata" => Cow::Borrowed("chrome-error://chromewebdata/"),
        _ => text,
    }
}

/// `//cdn.example.net/x` has the page's scheme (RFC 3986 section 4.2).
fn absolute<'b>(text: Cow<'b, str>, document: Option<&Address<'_>>) -> Cow<'b, str> {
    let path = address::trimmed(&text);
    if !path.starts_with("//") {
        return text;
    }
    let scheme = match document.and_then(Address::scheme) {
        Some("http") => "http",
        _ => "https",
    };
    Cow::Owned(format!("{scheme}:{path}"))
}
