//! The keys of a violation report, in every spelling that has been seen.
//!
//! Hyphens are CSP3's for `report-uri` (section 5.3), camel case is the Reporting API's
//! (section 5.2); `document-url` is WebKit's before 2012, underscores come from proxies that
//! serialize reports anew, `URI` for `URL` from collectors that forward them.

/// Declares the keys: each with the specification's spelling first.
macro_rules! report_keys {
    ($($(#[$note:meta])* $key:ident = $name:literal $(| $other:literal)*,)+) => {
        /// A key of a violation report.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ReportKey {
            $($(#[$note])* $key,)+
        }

        impl ReportKey {
            /// Every key, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$key,)+];

            /// Finds a key by any of its spellings.
            pub fn from_name(name: &str) -> Option<Self> {
                Some(match name {
                    $($name $(| $other)* => Self::$key,)+
                    _ => return None,
                })
            }

            /// All spellings; the first is that of `report-uri`.
            pub const fn spellings(self) -> &'static [&'static str] {
                match self {
                    $(Self::$key => &[$name $(, $other)*],)+
                }
            }
        }
    };
}

report_keys! {
    DocumentUri = "document-uri" | "documentURL" | "document-url" | "document_uri"
        | "document_url" | "documentURI",
    Referrer = "referrer",
    BlockedUri = "blocked-uri" | "blockedURL" | "blocked-url" | "blocked_uri" | "blocked_url"
        | "blockedURI",
    ViolatedDirective = "violated-directive" | "violatedDirective" | "violated_directive",
    EffectiveDirective = "effective-directive" | "effectiveDirective" | "effective_directive",
    OriginalPolicy = "original-policy" | "originalPolicy" | "original_policy",
    Disposition = "disposition",
    StatusCode = "status-code" | "statusCode" | "status_code",
    ScriptSample = "script-sample" | "sample" | "scriptSample" | "script_sample",
    SourceFile = "source-file" | "sourceFile" | "source_file",
    LineNumber = "line-number" | "lineNumber" | "line_number",
    ColumnNumber = "column-number" | "columnNumber" | "column_number",
    /// Firefox 5 to 13.
    Request = "request",
}

impl ReportKey {
    /// Whether the key alone makes an object without an envelope a violation report.
    ///
    /// `referrer`, `disposition` or `sample` stand in other reports too.
    pub const fn is_telling(self) -> bool {
        matches!(self, Self::BlockedUri | Self::ViolatedDirective | Self::EffectiveDirective)
    }

    /// Whether its value is a number.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::StatusCode | Self::LineNumber | Self::ColumnNumber)
    }
}
