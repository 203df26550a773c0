//! What the noise rules say of a violation.

use super::class::closed_set;

/// The decision, and who made it. Borrows from the rule set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict<'r> {
    /// The rule that filters it, unless a `keep` rule came first.
    pub filtered_by: Option<Matched<'r>>,
    /// The `keep` rule that saved it from being filtered, or would have.
    pub kept_by: Option<Matched<'r>>,
    /// Labels from rules, in the order of the rules.
    pub tags: Vec<&'r str>,
    /// Rules on trial that would have filtered it.
    pub observed: Vec<Matched<'r>>,
}

/// A rule that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched<'r> {
    pub rule: &'r str,
    pub reason: Reason,
}

closed_set! {
    /// Why something is noise. Closed, because it is a metric label and a question in dashboards.
    Reason {
        BrowserExtension = "browser_extension",
        BrowserInternal = "browser_internal",
        UserScript = "user_script",
        Middlebox = "middlebox",
        PageReplay = "page_replay",
        BrowserBug = "browser_bug",
        PolicyContradiction = "policy_contradiction",
        OutdatedBrowser = "outdated_browser",
        MalwareAdware = "malware_adware",
        BotCrawler = "bot_crawler",
        LocalDev = "local_dev",
        InAppBrowser = "in_app_browser",
        /// A site's own decision.
        Site = "site",
    }
}
