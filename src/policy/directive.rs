//! The names that a policy or a report may give to a directive, as a closed set.

/// A directive that a specification or an engine knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Directive {
    BaseUri,
    BlockAllMixedContent,
    ChildSrc,
    ConnectSrc,
    DefaultSrc,
    FencedFrameSrc,
    FontSrc,
    FormAction,
    FrameAncestors,
    FrameSrc,
    ImgSrc,
    ManifestSrc,
    MediaSrc,
    NavigateTo,
    ObjectSrc,
    PluginTypes,
    PrefetchSrc,
    RequireSriFor,
    RequireTrustedTypesFor,
    Sandbox,
    ScriptSrc,
    ScriptSrcAttr,
    ScriptSrcElem,
    StyleSrc,
    StyleSrcAttr,
    StyleSrcElem,
    TrustedTypes,
    UpgradeInsecureRequests,
    Webrtc,
    WorkerSrc,
}

impl Directive {
    /// Every directive, in the order of the alphabet.
    pub const ALL: [Self; 30] = [
        Self::BaseUri,
        Self::BlockAllMixedContent,
        Self::ChildSrc,
        Self::ConnectSrc,
        Self::DefaultSrc,
        Self::FencedFrameSrc,
        Self::FontSrc,
        Self::FormAction,
        Self::FrameAncestors,
        Self::FrameSrc,
        Self::ImgSrc,
        Self::ManifestSrc,
        Self::MediaSrc,
        Self::NavigateTo,
        Self::ObjectSrc,
        Self::PluginTypes,
        Self::PrefetchSrc,
        Self::RequireSriFor,
        Self::RequireTrustedTypesFor,
        Self::Sandbox,
        Self::ScriptSrc,
        Self::ScriptSrcAttr,
        Self::ScriptSrcElem,
        Self::StyleSrc,
        Self::StyleSrcAttr,
        Self::StyleSrcElem,
        Self::TrustedTypes,
        Self::UpgradeInsecureRequests,
        Self::Webrtc,
        Self::WorkerSrc,
    ];

    /// The name as a policy spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BaseUri => "base-uri",
            Self::BlockAllMixedContent => "block-all-mixed-content",
            Self::ChildSrc => "child-src",
            Self::ConnectSrc => "connect-src",
            Self::DefaultSrc => "default-src",
            Self::FencedFrameSrc => "fenced-frame-src",
            Self::FontSrc => "font-src",
            Self::FormAction => "form-action",
            Self::FrameAncestors => "frame-ancestors",
            Self::FrameSrc => "frame-src",
            Self::ImgSrc => "img-src",
            Self::ManifestSrc => "manifest-src",
            Self::MediaSrc => "media-src",
            Self::NavigateTo => "navigate-to",
            Self::ObjectSrc => "object-src",
            Self::PluginTypes => "plugin-types",
            Self::PrefetchSrc => "prefetch-src",
            Self::RequireSriFor => "require-sri-for",
            Self::RequireTrustedTypesFor => "require-trusted-types-for",
            Self::Sandbox => "sandbox",
            Self::ScriptSrc => "script-src",
            Self::ScriptSrcAttr => "script-src-attr",
            Self::ScriptSrcElem => "script-src-elem",
            Self::StyleSrc => "style-src",
            Self::StyleSrcAttr => "style-src-attr",
            Self::StyleSrcElem => "style-src-elem",
            Self::TrustedTypes => "trusted-types",
            Self::UpgradeInsecureRequests => "upgrade-insecure-requests",
            Self::Webrtc => "webrtc",
            Self::WorkerSrc => "worker-src",
        }
    }

    /// Finds a directive by its name, whatever the case (CSP3 section 2.2.1, step 3.4).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|directive| directive.name().eq_ignore_ascii_case(name))
    }

    /// The directive to group by: `-elem` and `-attr` folded into what they refine.
    pub const fn base(self) -> Self {
        match self {
            Self::ScriptSrcElem | Self::ScriptSrcAttr => Self::ScriptSrc,
            Self::StyleSrcElem | Self::StyleSrcAttr => Self::StyleSrc,
            other => other,
        }
    }

    /// Whether its value is a list of source expressions (CSP3 section 2.3.1).
    pub const fn lists_sources(self) -> bool {
        match self {
            Self::BaseUri
            | Self::ChildSrc
            | Self::ConnectSrc
            | Self::DefaultSrc
            | Self::FencedFrameSrc
            | Self::FontSrc
            | Self::FormAction
            | Self::FrameAncestors
            | Self::FrameSrc
            | Self::ImgSrc
            | Self::ManifestSrc
            | Self::MediaSrc
            | Self::NavigateTo
            | Self::ObjectSrc
            | Self::PrefetchSrc
            | Self::ScriptSrc
            | Self::ScriptSrcAttr
            | Self::ScriptSrcElem
            | Self::StyleSrc
            | Self::StyleSrcAttr
            | Self::StyleSrcElem
            | Self::WorkerSrc => true,
            Self::BlockAllMixedContent
            | Self::PluginTypes
            | Self::RequireSriFor
            | Self::RequireTrustedTypesFor
            | Self::Sandbox
            | Self::TrustedTypes
            | Self::UpgradeInsecureRequests
            | Self::Webrtc => false,
        }
    }

    /// The directives to look for in a policy, most specific first, when this one governs a
    /// request (CSP3 section 6.8.3, "Get fetch directive fallback list").
    pub const fn fallbacks(self) -> &'static [Self] {
        match self {
            Self::ScriptSrcElem => &[Self::ScriptSrcElem, Self::ScriptSrc, Self::DefaultSrc],
            Self::ScriptSrcAttr => &[Self::ScriptSrcAttr, Self::ScriptSrc, Self::DefaultSrc],
            Self::StyleSrcElem => &[Self::StyleSrcElem, Self::StyleSrc, Self::DefaultSrc],
            Self::StyleSrcAttr => &[Self::StyleSrcAttr, Self::StyleSrc, Self::DefaultSrc],
            Self::WorkerSrc => {
                &[Self::WorkerSrc, Self::ChildSrc, Self::ScriptSrc, Self::DefaultSrc]
            }
            Self::FencedFrameSrc => {
                &[Self::FencedFrameSrc, Self::FrameSrc, Self::ChildSrc, Self::DefaultSrc]
            }
            Self::FrameSrc => &[Self::FrameSrc, Self::ChildSrc, Self::DefaultSrc],
            Self::ScriptSrc => &[Self::ScriptSrc, Self::DefaultSrc],
            Self::StyleSrc => &[Self::StyleSrc, Self::DefaultSrc],
            Self::ConnectSrc => &[Self::ConnectSrc, Self::DefaultSrc],
            Self::FontSrc => &[Self::FontSrc, Self::DefaultSrc],
            Self::ImgSrc => &[Self::ImgSrc, Self::DefaultSrc],
            Self::ManifestSrc => &[Self::ManifestSrc, Self::DefaultSrc],
            Self::MediaSrc => &[Self::MediaSrc, Self::DefaultSrc],
            Self::ObjectSrc => &[Self::ObjectSrc, Self::DefaultSrc],
            Self::PrefetchSrc => &[Self::PrefetchSrc, Self::DefaultSrc],
            Self::ChildSrc => &[Self::ChildSrc, Self::DefaultSrc],
            Self::DefaultSrc => &[Self::DefaultSrc],
            Self::BaseUri => &[Self::BaseUri],
            Self::BlockAllMixedContent => &[Self::BlockAllMixedContent],
            Self::FormAction => &[Self::FormAction],
            Self::FrameAncestors => &[Self::FrameAncestors],
            Self::NavigateTo => &[Self::NavigateTo],
            Self::PluginTypes => &[Self::PluginTypes],
            Self::RequireSriFor => &[Self::RequireSriFor],
            Self::RequireTrustedTypesFor => &[Self::RequireTrustedTypesFor],
            Self::Sandbox => &[Self::Sandbox],
            Self::TrustedTypes => &[Self::TrustedTypes],
            Self::UpgradeInsecureRequests => &[Self::UpgradeInsecureRequests],
            Self::Webrtc => &[Self::Webrtc],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_directive() {
        for directive in Directive::ALL {
            assert_eq!(Directive::from_name(directive.name()), Some(directive));
            let shouted = directive.name().to_ascii_uppercase();
            assert_eq!(Directive::from_name(&shouted), Some(directive));
            assert_eq!(directive.fallbacks().first(), Some(&directive));
        }
        assert_eq!(Directive::from_name("script-src "), None);
    }

    #[test]
    fn the_list_is_sorted_and_whole() {
        assert!(Directive::ALL.is_sorted_by_key(|directive| directive.name()));
    }
}
