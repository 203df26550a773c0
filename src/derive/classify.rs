//! What kind of thing was blocked: the decision list.

use crate::policy::Directive;
use crate::report::{
    Address, Blocked, Classification, DirectiveName, NetworkScheme, Relation, SchemeKind,
    Violation, scheme_kind,
};

/// Classifies a violation. The first sentence that holds decides.
///
/// What stands in `source_file` plays no part: who caused a violation is for the noise rules.
pub fn classify(violation: &Violation<'_>, relation: Option<Relation>) -> Classification {
    let directive = violation.directive().and_then(DirectiveName::known);

    // Some directives say by themselves what happened.
    match directive {
        // The blocked URI names the framed page, never the framer.
        Some(Directive::FrameAncestors) => return Classification::Framing,
        Some(Directive::Sandbox) => return Classification::Sandbox,
        Some(Directive::TrustedTypes | Directive::RequireTrustedTypesFor) => {
            return Classification::TrustedTypes;
        }
        Some(Directive::BlockAllMixedContent | Directive::UpgradeInsecureRequests) => {
            return Classification::MixedContent;
        }
        _ => {}
    }

    match &violation.blocked {
        Blocked::TrustedTypesPolicy | Blocked::TrustedTypesSink => Classification::TrustedTypes,
        Blocked::Eval => Classification::Eval,
        Blocked::WasmEval => Classification::WasmEval,
        Blocked::Inline => inline(directive, violation.sample.as_deref()),
        Blocked::Opaque | Blocked::Unknown => Classification::Unknown,
        Blocked::Resource(Address::Label(_)) => Classification::Unknown,
        Blocked::Resource(Address::Local { scheme, .. }) => of_scheme(scheme),
        Blocked::Resource(Address::Network(blocked)) => match directive {
            Some(Directive::FormAction) => Classification::FormAction,
            Some(Directive::BaseUri) => Classification::BaseUri,
            _ if is_mixed(violation.document.as_ref(), blocked.scheme) => {
                Classification::MixedContent
            }
            _ if relation == Some(Relation::SameHost) => Classification::SameHost,
            // A bare word under no directive may be a host, and may be anything.
            None if blocked.scheme.is_none() => Classification::Unknown,
            _ => Classification::UnauthorizedHost,
        },
    }
}

/// Code or style of the page itself.
fn inline(directive: Option<Directive>, sample: Option<&str>) -> Classification {
    match directive {
        Some(Directive::StyleSrc | Directive::StyleSrcElem | Directive::StyleSrcAttr) => {
            Classification::InlineStyle
        }
        Some(Directive::ScriptSrcAttr) => Classification::InlineHandler,
        // Firefox before CSP3 describes the handler instead of quoting it (bug 1336076).
        _ if sample.is_some_and(|sample| {
            sample.starts_with("on")
                && sample.contains(" attribute on ")
                && sample.ends_with(" element")
        }) =>
        {
            Classification::InlineHandler
        }
        _ => Classification::InlineScript,
    }
}

fn of_scheme(scheme: &str) -> Classification {
    match scheme {
        "data" => return Classification::DataUri,
        "blob" => return Classification::BlobUri,
        "filesystem" => return Classification::FilesystemUri,
        "javascript" => return Classification::JavascriptUri,
        _ => {}
    }
    match scheme_kind(scheme) {
        SchemeKind::Extension => Classification::BrowserExtension,
        SchemeKind::Internal => Classification::BrowserInternal,
        SchemeKind::Page | SchemeKind::Other => Classification::OtherScheme,
    }
}

/// A plain resource on an encrypted page (Mixed Content section 2). Only the two schemes decide:
/// Firefox before CSP3 prints `https:` as `https://*:*`, so its directives tell nothing.
fn is_mixed(page: Option<&Address<'_>>, blocked: Option<NetworkScheme>) -> bool {
    page.and_then(Address::scheme) == Some("https")
        && blocked.is_some_and(|scheme| !scheme.is_secure())
}
