//! Who sent it.

use super::class::closed_set;

/// What a user agent string says of the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agent {
    /// `Chrome`, `Firefox`, `Safari`, …: a closed set, so that it can be grouped by.
    pub browser: Option<&'static str>,
    pub major: Option<u32>,
    /// `Windows`, `macOS`, `iOS`, …, without a version.
    pub os: Option<&'static str>,
    pub device: Option<Device>,
}

closed_set! {
    /// The kind of machine, in woothee's words.
    Device {
        Pc = "pc",
        Smartphone = "smartphone",
        Tablet = "tablet",
        MobilePhone = "mobilephone",
        Crawler = "crawler",
        Appliance = "appliance",
        Misc = "misc",
    }
}
