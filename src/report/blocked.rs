//! What a policy blocked.

use super::Address;

/// The blocked resource, in one spelling for all browsers (CSP3 section 2.4.1 and 5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocked<'b> {
    /// Code or style that stands in the page itself.
    Inline,
    /// A string that was to become code.
    Eval,
    /// Bytes that were to become WebAssembly.
    WasmEval,
    /// A Trusted Types policy that may not be created.
    TrustedTypesPolicy,
    /// A string that reached a sink which wants a Trusted Type.
    TrustedTypesSink,
    /// A resource of an opaque origin, which Chrome 21 names `null`.
    Opaque,
    /// The browser did not say, and nothing else in the report tells.
    Unknown,
    /// A resource with an address.
    Resource(Address<'b>),
}

impl Blocked<'_> {
    /// The keyword or the scrubbed address; `None` when nothing is known.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Inline => Some("inline"),
            Self::Eval => Some("eval"),
            Self::WasmEval => Some("wasm-eval"),
            Self::TrustedTypesPolicy => Some("trusted-types-policy"),
            Self::TrustedTypesSink => Some("trusted-types-sink"),
            Self::Opaque => Some("null"),
            Self::Unknown => None,
            Self::Resource(address) => Some(address.text()),
        }
    }

    /// The address, if it has one.
    pub fn address(&self) -> Option<&Address<'_>> {
        match self {
            Self::Resource(address) => Some(address),
            Self::Inline
            | Self::Eval
            | Self::WasmEval
            | Self::TrustedTypesPolicy
            | Self::TrustedTypesSink
            | Self::Opaque
            | Self::Unknown => None,
        }
    }
}
