"""The data views, and the saved searches with the columns that an engineer wants first."""

from words import Search, View

VIOLATIONS = View("cspipe-view-violations", "CSP: violations", "logs-csp.violation-*")
REMOVED = View("cspipe-view-removed", "CSP: what the filter removed", "logs-csp.filtered-*")
JUDGED = View(
    "cspipe-view-judged", "CSP: violations, removed ones too", "logs-csp.violation-*,logs-csp.filtered-*"
)
REJECTED = View("cspipe-view-rejected", "CSP: what could not be read", "logs-csp.rejected-*")
OTHER = View("cspipe-view-other", "CSP: reports of other types", "logs-csp.other-*")
VIEWS = (VIOLATIONS, REMOVED, JUDGED, REJECTED, OTHER)

LAST_DAY = "@timestamp >= now-1d"

FOUND = (
    "app_name", "classification", "violation_type", "blocked_uri", "document_uri",
    "source_file", "line_number", "sample", "disposition", "browser_bucket", "release",
)
SEARCHES = (
    Search(
        "cspipe-search-violations", "CSP: violations",
        "Every violation that no rule removed, newest first.", VIOLATIONS, FOUND,
    ),
    Search(
        "cspipe-search-last-day", "CSP: violations of the last day",
        "What to read after the dashboard of what broke.", VIOLATIONS, FOUND, LAST_DAY, "now-7d",
    ),
    Search(
        "cspipe-search-mixed-content", "CSP: scripts of mixed content",
        "Scripts over http on pages over https; add an app and a host.", VIOLATIONS, FOUND,
        'classification: "mixed_content" and violation_type: "script-src"',
    ),
    Search(
        "cspipe-search-enforced", "CSP: what an enforced policy blocked",
        "What people could not do, for the policy blocked it.", VIOLATIONS, FOUND, 'disposition: "enforce"',
    ),
    Search(
        "cspipe-search-removed", "CSP: what the filter removed",
        "With the rule that removed it and why.", REMOVED,
        ("filter_rule", "filter_reason", *FOUND[:7], "browser_bucket"),
    ),
    Search(
        "cspipe-search-rejected", "CSP: what could not be read",
        "The reason and the place; a document opened shows the beginning of the body.", REJECTED,
        ("reason", "detail", "app_name", "content_type", "user_agent"),
    ),
    Search(
        "cspipe-search-other", "CSP: reports of other types",
        "Deprecations, interventions, network errors and what else browsers send to the same URL; a document "
        "opened shows its body.",
        OTHER,
        ("report_type", "app_name", "document_uri", "browser_bucket"),
    ),
)
