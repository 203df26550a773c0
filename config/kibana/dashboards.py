"""What is asked of the records: one dashboard for each question."""

from views import JUDGED, LAST_DAY, REJECTED, REMOVED, VIOLATIONS
from words import Dashboard, Metric, Panel, Rows

DAY_BEFORE = "@timestamp >= now-2d and @timestamp < now-1d"

COUNT = Metric("count", "Reports")
APPS = Metric("unique", "Apps", "app_name")
PAGES = Metric("unique", "Pages", "document_uri")
DISTINCT = Metric("unique", "Distinct violations", "fingerprint")
FIRST = Metric("first", "First seen", "@timestamp")
LAST = Metric("last", "Last seen", "@timestamp")


def latest(field, label):
    return Metric("latest", label, field)


APP = ("app_name", "App")
LINKS = (
    "[What broke since yesterday](#/view/cspipe-since-yesterday) · "
    "[What is blocked, and by whom](#/view/cspipe-blocked) · "
    "[What the filter removes](#/view/cspipe-filter) · "
    "[Browsers](#/view/cspipe-browsers) · "
    "[Read the violations](discover#/view/cspipe-search-violations)"
)


def guide(dashboard, text):
    """The first line of every dashboard: how to read it, and the way to the others."""
    panel = Panel(
        f"{dashboard}-guide", "How to read this", "What this dashboard answers, and the way to the others.",
        "text", text=f"{text}\n\n{LINKS}",
    )
    return (5, ((48, panel),))


SINCE_YESTERDAY = Dashboard(
    "cspipe-since-yesterday", "CSP: what broke since yesterday?",
    "Violations of the last day against the days before, per app, and those that are new.",
    "now-7d", (APP, ("environment", "Environment")), VIOLATIONS,
    (
        guide("since-yesterday", (
            "**New** means: not seen before within the time range above. Keep the range longer than the two days "
            "that are compared, and remember that what comes once a month is new once a month. The last day is "
            "the last 24 hours, whatever the range."
        )),
        (7, (
            (12, Panel(
                "reports-last-day", "How many reports came in the last day?",
                "Violations of the last 24 hours that no rule removed.", "number", VIOLATIONS, (COUNT,),
                query=LAST_DAY,
            )),
            (12, Panel(
                "reports-day-before", "How many came the day before?",
                "The same between 48 and 24 hours ago.", "number", VIOLATIONS, (COUNT,), query=DAY_BEFORE,
            )),
            (12, Panel(
                "distinct-last-day", "How many distinct violations?",
                "Fingerprints of the last 24 hours; an estimate above some thousands.", "number", VIOLATIONS,
                (DISTINCT,), query=LAST_DAY,
            )),
            (12, Panel(
                "apps-last-day", "How many apps are affected?",
                "Apps with a violation in the last 24 hours.", "number", VIOLATIONS, (APPS,), query=LAST_DAY,
            )),
        )),
        (11, (
            (24, Panel(
                "against-day-before", "Is today unlike the day before?",
                "Violations over time, and the same a day earlier.", "time", VIOLATIONS,
                (COUNT, Metric("count", "A day earlier", shift="1d")), shape="line",
            )),
            (24, Panel(
                "apps-over-time", "Which app began to report more?",
                "Violations over time; a colour is an app.", "time", VIOLATIONS, (COUNT,),
                (Rows("app_name", "App"),),
            )),
        )),
        (13, (
            (48, Panel(
                "apps-against-day-before", "Per app: what changed since yesterday?",
                "Violations of the range, the last day and the day before, and how many distinct ones the days had.",
                "table", VIOLATIONS,
                (
                    Metric("count", "All"),
                    Metric("count", "Last day", where=LAST_DAY),
                    Metric("count", "Day before", where=DAY_BEFORE),
                    Metric("unique", "Distinct, last day", "fingerprint", LAST_DAY),
                    Metric("unique", "Distinct, day before", "fingerprint", DAY_BEFORE),
                    FIRST, LAST,
                ),
                (Rows("app_name", "App", 50),),
            )),
        )),
        (14, (
            (48, Panel(
                "new-violations", "Which violations are new?",
                "One row for each fingerprint, the one that was seen first last on top: new since yesterday is what "
                "has a time of the last day there.",
                "table", VIOLATIONS,
                (
                    FIRST, latest("app_name", "App"), latest("violation_type", "Directive"),
                    latest("blocked_uri", "Blocked"), latest("document_uri", "Page"),
                    latest("source_file", "Source"), COUNT,
                ),
                (Rows("fingerprint", "Fingerprint", 100),),
            )),
        )),
        (14, (
            (48, Panel(
                "known-violations", "Which of the frequent violations grew?",
                "The most frequent fingerprints of the whole range, with their reports of the last two days.",
                "table", VIOLATIONS,
                (
                    Metric("count", "All"), Metric("count", "Last day", where=LAST_DAY),
                    Metric("count", "Day before", where=DAY_BEFORE), latest("app_name", "App"),
                    latest("violation_type", "Directive"), latest("blocked_uri", "Blocked"), FIRST, LAST,
                ),
                (Rows("fingerprint", "Fingerprint", 50),),
            )),
        )),
        (11, (
            (24, Panel(
                "releases-over-time", "Did a release bring it?",
                "Violations over time by release. Only reports whose endpoint URL says the release.", "time",
                VIOLATIONS, (COUNT,), (Rows("release", "Release"),),
            )),
            (24, Panel(
                "kinds-last-day", "What kind of thing broke in the last day?",
                "Violations of the last 24 hours by app and classification.", "bars", VIOLATIONS, (COUNT,),
                (Rows("app_name", "App"), Rows("classification", "Classification")), query=LAST_DAY,
            )),
        )),
        (16, (
            (48, Panel(
                "read-last-day", "What do the reports of the last day say?",
                "The saved search, with the filters of this dashboard.", "search", search="cspipe-search-last-day",
            )),
        )),
    ),
)

BLOCKED = Dashboard(
    "cspipe-blocked", "CSP: what is blocked, and by whom?",
    "Hosts, code and pages on one side; directives and policies on the other.",
    "now-7d",
    (APP, ("classification", "Classification"), ("violation_type", "Directive"), ("disposition", "Disposition")),
    VIOLATIONS,
    (
        guide("blocked", (
            "**Enforce** was blocked, **report** only told. `blocked_uri` says `inline` or `eval` where there is "
            "no URL. A click on a value filters all panels."
        )),
        (11, (
            (24, Panel(
                "classifications-over-time", "What kind of thing is blocked?",
                "Violations over time by classification.", "time", VIOLATIONS, (COUNT,),
                (Rows("classification", "Classification"),),
            )),
            (24, Panel(
                "directives-over-time", "Which directive blocks it?",
                "Violations over time by directive, `-elem` and `-attr` folded into their base.", "time",
                VIOLATIONS, (COUNT,), (Rows("violation_type", "Directive"),),
            )),
        )),
        (14, (
            (32, Panel(
                "blocked-hosts", "Which hosts are blocked?",
                "Hosts by directive, with the pages and apps that ask for them. What has no host, such as inline "
                "code, is not in this table.",
                "table", VIOLATIONS, (COUNT, PAGES, APPS, FIRST, LAST),
                (Rows("blocked_host", "Host", 25), Rows("violation_type", "Directive", 3)),
            )),
            (16, Panel(
                "dispositions", "Blocked, or only reported?",
                "Violations by what the policy did.", "share", VIOLATIONS, (COUNT,),
                (Rows("disposition", "Disposition", 3),),
            )),
        )),
        (14, (
            (24, Panel(
                "sources", "Which code asked for it?",
                "The file that the browser names, with its last line and what was blocked last.", "table",
                VIOLATIONS, (COUNT, DISTINCT, latest("line_number", "Line"), latest("blocked_uri", "Blocked"), LAST),
                (Rows("source_file", "Source", 25),),
            )),
            (24, Panel(
                "pages", "On which pages?",
                "Pages by host and path, with the number of distinct violations.", "table", VIOLATIONS,
                (COUNT, DISTINCT, LAST), (Rows("report_host", "Host", 10), Rows("path", "Path", 10)),
            )),
        )),
        (13, (
            (24, Panel(
                "policies", "Which policy blocks it?",
                "Policies by hash. A policy that was seen first today was deployed today.", "table", VIOLATIONS,
                (COUNT, DISTINCT, latest("app_name", "App"), FIRST, LAST), (Rows("policy_hash", "Policy", 25),),
            )),
            (24, Panel(
                "relations", "Our own, or somebody else's?",
                "Violations by app and by how the blocked host stands to the page's.", "bars", VIOLATIONS,
                (COUNT,), (Rows("app_name", "App"), Rows("relation", "Relation", 3)),
            )),
        )),
        (16, (
            (48, Panel(
                "read-violations", "What do the reports say?",
                "The saved search, with the filters of this dashboard.", "search",
                search="cspipe-search-violations",
            )),
        )),
    ),
)

FILTER = Dashboard(
    "cspipe-filter", "CSP: what does the filter remove, and why?",
    "What rules removed, what they would remove, and what could not be read at all.",
    "now-7d", (APP, ("filter_reason", "Reason"), ("filter_rule", "Rule")), JUDGED,
    (
        guide("filter", (
            "A rule that suddenly removes much hides something new, or is wrong: look at its fingerprints below, "
            "and ask `cspipe explain` which value decided. Nothing here is lost; it is in its own data stream."
        )),
        (8, (
            (12, Panel(
                "removed-reports", "How many reports were removed?",
                "Reports that a rule calls noise.", "number", REMOVED, (COUNT,),
            )),
            (12, Panel(
                "kept-reports", "How many were kept?", "Reports that no rule removed.", "number", VIOLATIONS, (COUNT,),
            )),
            (24, Panel(
                "share-over-time", "Which share is removed?",
                "The streams `clean` and `filtered` as shares of all violations.", "time", JUDGED, (COUNT,),
                (Rows("stream", "Stream", 2),), shape="percent",
            )),
        )),
        (11, (
            (24, Panel(
                "reasons-over-time", "Why are they removed?",
                "Removed reports over time by the reason of the rule.", "time", REMOVED, (COUNT,),
                (Rows("filter_reason", "Reason"),),
            )),
            (24, Panel(
                "rules-over-time", "Did a rule suddenly begin to dominate?",
                "Removed reports over time by rule.", "time", REMOVED, (COUNT,), (Rows("filter_rule", "Rule"),),
            )),
        )),
        (14, (
            (32, Panel(
                "rules", "What does each rule remove?",
                "Rules with their reason, the distinct violations and the apps that they hide.", "table", REMOVED,
                (COUNT, DISTINCT, APPS, FIRST, LAST),
                (Rows("filter_rule", "Rule", 50), Rows("filter_reason", "Reason", 1)),
            )),
            (16, Panel(
                "apps-by-stream", "Which apps lose the most?",
                "Kept and removed reports by app.", "bars", JUDGED, (COUNT,),
                (Rows("app_name", "App"), Rows("stream", "Stream", 2)),
            )),
        )),
        (14, (
            (48, Panel(
                "removed-violations", "What is hidden?",
                "Removed violations by fingerprint, with a case of each. Read the first ones: one that is no noise "
                "is a mistake in a rule.",
                "table", REMOVED,
                (
                    COUNT, latest("filter_rule", "Rule"), latest("app_name", "App"),
                    latest("violation_type", "Directive"), latest("blocked_uri", "Blocked"),
                    latest("source_file", "Source"), Metric("unique", "Browsers", "browser"), LAST,
                ),
                (Rows("fingerprint", "Fingerprint", 25),),
            )),
        )),
        (11, (
            (24, Panel(
                "rules-on-trial", "What would rules on trial remove?",
                "Kept reports by the tag `would-filter:RULE` that a rule in mode observe gives. Empty if no rule "
                "is on trial.",
                "table", VIOLATIONS, (COUNT, DISTINCT, APPS),
                (Rows("tags", "Rule on trial", 25, only="would-filter:.*"),), query="tags: would-filter*",
            )),
            (24, Panel(
                "rejections", "What could not be read at all?",
                "Rejected bodies over time by reason. Only specimens up to a rate limit; the metrics have all.",
                "time", REJECTED, (COUNT,), (Rows("reason", "Reason"),),
            )),
        )),
        (16, (
            (48, Panel(
                "read-removed", "What do the removed reports say?",
                "The saved search, with the filters of this dashboard.", "search", search="cspipe-search-removed",
            )),
        )),
    ),
)

BROWSERS = Dashboard(
    "cspipe-browsers", "CSP: which browsers report what?",
    "Browsers and versions, what each of them reports, and what one of them alone reports.",
    "now-7d", (APP, ("browser", "Browser"), ("os", "System")), VIOLATIONS,
    (
        guide("browsers", (
            "What one browser alone reports is often a bug or an extension of it; what all report is the page. "
            "The browser comes from the user agent, which anybody can set."
        )),
        (11, (
            (32, Panel(
                "browsers-over-time", "Which browsers report?",
                "Violations over time by browser.", "time", VIOLATIONS, (COUNT,), (Rows("browser", "Browser"),),
            )),
            (16, Panel(
                "systems", "On which systems?", "Violations by system.", "share", VIOLATIONS, (COUNT,),
                (Rows("os", "System", 8),),
            )),
        )),
        (13, (
            (24, Panel(
                "versions", "Which versions?",
                "Browsers with their major version; a version that was seen first today is an update.", "table",
                VIOLATIONS, (COUNT, DISTINCT, APPS, FIRST, LAST), (Rows("browser_bucket", "Browser", 50),),
            )),
            (24, Panel(
                "kinds-by-browser", "What does each browser report?",
                "Violations by browser and classification.", "bars", VIOLATIONS, (COUNT,),
                (Rows("browser", "Browser"), Rows("classification", "Classification")),
            )),
        )),
        (15, (
            (48, Panel(
                "violations-by-browsers", "Which violations does one browser alone report?",
                "Frequent violations with the number of browsers that report them; sort by that column. One "
                "browser and many reports is a quirk or an extension.",
                "table", VIOLATIONS,
                (
                    COUNT, Metric("unique", "Browsers", "browser"), latest("browser_bucket", "Last browser"),
                    latest("app_name", "App"), latest("violation_type", "Directive"),
                    latest("blocked_uri", "Blocked"), latest("source_file", "Source"),
                ),
                (Rows("fingerprint", "Fingerprint", 50),),
            )),
        )),
        (11, (
            (24, Panel(
                "envelopes", "Who still reports the old way?",
                "Violations by browser and envelope: `report_uri` is the old one, `report_to` the Reporting API.",
                "bars", VIOLATIONS, (COUNT,), (Rows("browser", "Browser"), Rows("wire", "Envelope", 6)),
            )),
            (24, Panel(
                "devices", "From which devices?", "Violations over time by kind of machine.", "time", VIOLATIONS,
                (COUNT,), (Rows("device", "Device", 7),),
            )),
        )),
    ),
)

DASHBOARDS = (SINCE_YESTERDAY, BLOCKED, FILTER, BROWSERS)
