//! Where something is: the page, the code, the blocked resource.

use super::{DirectiveName, NetworkScheme};
use std::borrow::Cow;

/// What a field that should hold a URL really held, scrubbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address<'b> {
    /// A URL with a host that browsers load from, or a bare host.
    Network(Location<'b>),
    /// A URL of any other scheme, or the bare name of one (`data`, `chrome-extension`).
    Local {
        /// Lower case.
        scheme: Cow<'b, str>,
        /// What of the URL may be kept; the bare scheme where nothing may.
        text: Cow<'b, str>,
    },
    /// No URL at all: `sandbox eval code`, `example.html`, a placeholder.
    Label(Cow<'b, str>),
}

/// A place on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location<'b> {
    /// The scrubbed URL.
    pub text: Cow<'b, str>,
    /// Absent where the browser named a bare host.
    pub scheme: Option<NetworkScheme>,
    /// The host as records show it: see [`super::bare_host`].
    pub host: Cow<'b, str>,
    /// Absent when it is the scheme's default.
    pub port: Option<u16>,
    /// Where in `text` the path stands.
    pub path: std::ops::Range<usize>,
}

/// Who owns a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemeKind {
    /// `data:`, `blob:`, `javascript:`, …: the page itself can make these.
    Page,
    /// A browser extension's package.
    Extension,
    /// The browser's own, or that of the app which shows the page.
    Internal,
    /// Any other.
    Other,
}

impl<'b> Address<'b> {
    /// The text as records show it.
    pub fn text(&self) -> &str {
        match self {
            Self::Network(location) => &location.text,
            Self::Local { text, .. } | Self::Label(text) => text,
        }
    }

    /// The scheme, lower case; absent for a bare host and for what is no URL.
    pub fn scheme(&self) -> Option<&str> {
        match self {
            Self::Network(location) => location.scheme.map(NetworkScheme::name),
            Self::Local { scheme, .. } => Some(scheme),
            Self::Label(_) => None,
        }
    }

    /// The host, if it is a place on the network.
    pub fn host(&self) -> Option<&str> {
        self.location().map(|location| &*location.host)
    }

    /// The scrubbed path, if it is a place on the network.
    pub fn path(&self) -> Option<&str> {
        self.location().map(Location::path)
    }

    /// The text, if it is neither a URL nor the name of a scheme.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Label(label) => Some(label),
            Self::Network(_) | Self::Local { .. } => None,
        }
    }

    /// The place on the network, if it is one.
    pub fn location(&self) -> Option<&Location<'b>> {
        match self {
            Self::Network(location) => Some(location),
            Self::Local { .. } | Self::Label(_) => None,
        }
    }
}

impl Location<'_> {
    /// The scrubbed path; `/` where the URL ended with its authority.
    pub fn path(&self) -> &str {
        match self.text.get(self.path.clone()) {
            None | Some("") => "/",
            Some(path) => path,
        }
    }

    /// The host as a policy would have to name it: with its `www.`.
    pub fn whole_host(&self) -> &str {
        let origin = self.text.get(..self.path.start).unwrap_or(&self.text);
        let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
        match self.port {
            Some(_) => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
            None => authority,
        }
    }

    /// Whether the host is an IP address.
    pub fn is_ip(&self) -> bool {
        self.host.starts_with('[') || self.host.parse::<std::net::Ipv4Addr>().is_ok()
    }
}

/// Tells whose a scheme is. The names come from the engines' sources and from the public lists
/// of extension and app schemes; what to do about them is for the rules under `filters/` to say.
pub fn scheme_kind(scheme: &str) -> SchemeKind {
    match scheme {
        "data" | "blob" | "filesystem" | "javascript" | "mediastream" => SchemeKind::Page,
        "chrome-extension"
        | "edge-extension"
        | "extension"
        | "moz-extension"
        | "ms-browser-extension"
        | "mxaddon-pkg"
        | "safari-extension"
        | "safari-web-extension"
        | "se-extension"
        | "webkit-extension"
        | "webkit-masked-url" => SchemeKind::Extension,
        "about"
        | "android-webview"
        | "android-webview-video-poster"
        | "asset"
        | "bdvideo"
        | "brave"
        | "chrome"
        | "chrome-error"
        | "chrome-search"
        | "chrome-untrusted"
        | "chromeinvoke"
        | "chromeinvokeimmediate"
        | "chromenull"
        | "crwebimmediate"
        | "crwebinvoke"
        | "crwebinvokeimmediate"
        | "crwebnull"
        | "devtools"
        | "edge"
        | "file"
        | "gsa"
        | "iabjs"
        | "jar"
        | "mbinit"
        | "ms-appx"
        | "ms-appx-web"
        | "mx"
        | "mxjscall"
        | "nativebaiduhd"
        | "none"
        | "opera"
        | "res"
        | "resource"
        | "safari"
        | "safari-resource"
        | "sinaweibo"
        | "sraf"
        | "symres"
        | "tmtbff"
        | "view-source"
        | "vivaldi"
        | "webviewprogress"
        | "webviewprogressproxy"
        | "weixin"
        | "weixinping"
        | "wvjbscheme"
        | "x-apple-ql-id" => SchemeKind::Internal,
        _ => SchemeKind::Other,
    }
}

/// Directives under which engines name only the origin of a blocked navigation, so that what it
/// would have loaded does not leak to the page (`content_security_policy.cc`,
/// `nsCSPContext.cpp`): the path says nothing there.
pub(super) fn names_origin_only(directive: Option<&DirectiveName<'_>>) -> bool {
    use crate::policy::Directive;
    matches!(
        directive.and_then(DirectiveName::known),
        Some(Directive::FrameSrc | Directive::ObjectSrc | Directive::FencedFrameSrc)
    )
}
