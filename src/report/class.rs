//! The closed sets of a record.

/// Declares a closed set: an enum, its names, and the way back from a name.
macro_rules! closed_set {
    ($(#[$meta:meta])* $set:ident { $($(#[$note:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $set {
            $($(#[$note])* $variant,)+
        }

        impl $set {
            /// Every member, in the order of the declaration.
            #[allow(dead_code, reason = "a set inside the crate may be asked by name only")]
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in records, rules and metrics.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Finds a member by its name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use closed_set;

closed_set! {
    /// What kind of thing was blocked. Decided in `derive/classify.rs`.
    Classification {
        InlineScript = "inline_script",
        InlineStyle = "inline_style",
        InlineHandler = "inline_handler",
        Eval = "eval",
        WasmEval = "wasm_eval",
        TrustedTypes = "trusted_types",
        MixedContent = "mixed_content",
        UnauthorizedHost = "unauthorized_host",
        SameHost = "same_host",
        DataUri = "data_uri",
        BlobUri = "blob_uri",
        FilesystemUri = "filesystem_uri",
        JavascriptUri = "javascript_uri",
        BrowserExtension = "browser_extension",
        BrowserInternal = "browser_internal",
        OtherScheme = "other_scheme",
        Framing = "framing",
        FormAction = "form_action",
        BaseUri = "base_uri",
        Sandbox = "sandbox",
        Unknown = "unknown",
    }
}

closed_set! {
    /// Whether the policy blocked or only reported (CSP3 section 2.2). WebKit's `report-uri`
    /// reports do not say.
    Disposition {
        Enforce = "enforce",
        Report = "report",
        Unknown = "unknown",
    }
}

closed_set! {
    /// How the blocked resource stands to the page.
    Relation {
        /// The same host; port and `www.` aside.
        SameHost = "same_host",
        /// Another host under the same registrable domain.
        SameSite = "same_site",
        CrossSite = "cross_site",
    }
}

closed_set! {
    /// Which envelope the browser used. Told from the body's shape alone.
    Wire {
        /// `{"csp-report": {…}}`, the form of `report-uri` (CSP3 section 5.3).
        ReportUri = "report_uri",
        /// `{"type", "url", "csp-report"}`: WebKit's `report-uri` since 2022.
        Hybrid = "hybrid",
        /// `[{"age", "body", "type", "url", "user_agent"}, …]` (Reporting API section 4.1).
        ReportTo = "report_to",
        /// One object of that form without an array: Safari.
        ReportToSingle = "report_to_single",
        /// The keys of `csp-report` without an envelope.
        Bare = "bare",
        /// `document-url=…&violated-directive=…`: WebKit before 2012.
        Form = "form",
        /// A body, or an entry of one, that no shape fits.
        Unreadable = "unreadable",
        /// The request was turned away before its body was read.
        Unread = "unread",
    }
}
