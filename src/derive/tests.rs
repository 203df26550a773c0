use super::*;
use crate::report::{Classification, Fingerprint, RawReport};

fn deriver() -> Deriver {
    Deriver::new(&Settings::default(), None).expect("the built-in list loads")
}

fn delivery(query: Option<&str>) -> Delivery<'_> {
    Delivery {
        received_at: "2026-11-23T12:00:00Z".parse().expect("a time"),
        app: None,
        query,
        user_agent: None,
        content_type: None,
    }
}

/// A violation from the keys of a report.
fn violation<'b>(
    document: &'b str,
    directive: &'b str,
    blocked: Option<&'b str>,
    sample: &'b str,
) -> Violation<'b> {
    let text = |text: &'b str| Some(Cow::Borrowed(text)).filter(|text| !text.is_empty());
    let raw = RawReport {
        document_uri: text(document),
        violated_directive: text(directive),
        blocked_uri: blocked.map(Cow::Borrowed),
        script_sample: text(sample),
        ..RawReport::default()
    };
    normalized(raw)
}

/// Stages do not know each other; their tests may.
fn normalized(raw: RawReport<'_>) -> Violation<'_> {
    crate::normalize::normalize(raw, &crate::normalize::Settings::default())
}

#[test]
fn violations_are_classified() {
    use Classification as C;
    let page = "https://shop.example/cart";
    let rows = [
        (C::InlineScript, "script-src-elem", Some("inline"), ""),
        (C::InlineScript, "script-src", Some(""), ""),
        (C::InlineStyle, "style-src-elem", Some("inline"), ""),
        (C::InlineStyle, "style-src-attr", Some("inline"), ""),
        (C::InlineHandler, "script-src-attr", Some("inline"), ""),
        (C::InlineHandler, "script-src", Some("self"), "onclick attribute on DIV element"),
        (C::Eval, "script-src", Some("eval"), ""),
        (C::WasmEval, "script-src", Some("wasm-eval"), ""),
        (C::TrustedTypes, "require-trusted-types-for", Some("trusted-types-sink"), ""),
        (C::TrustedTypes, "trusted-types", Some("trusted-types-policy"), ""),
        (C::MixedContent, "img-src", Some("http://img.example.net/"), ""),
        (C::MixedContent, "connect-src", Some("ws://shop.example/"), ""),
        (C::MixedContent, "block-all-mixed-content", Some("http://img.example.net/"), ""),
        (C::UnauthorizedHost, "img-src", Some("https://img.example.net/"), ""),
        (C::UnauthorizedHost, "img-src", Some("img.example.net"), ""),
        (C::SameHost, "img-src", Some("https://www.shop.example:8443/"), ""),
        (C::DataUri, "img-src", Some("data"), ""),
        (C::BlobUri, "img-src", Some("blob:https://shop.example/1"), ""),
        (C::FilesystemUri, "img-src", Some("filesystem"), ""),
        (C::JavascriptUri, "script-src", Some("javascript:x()"), ""),
        (C::BrowserExtension, "font-src", Some("moz-extension"), ""),
        (C::BrowserInternal, "frame-src", Some("about:blank"), ""),
        (C::OtherScheme, "frame-src", Some("acme-app://open"), ""),
        (C::Framing, "frame-ancestors", Some(page), ""),
        (C::Framing, "frame-ancestors", Some(""), ""),
        (C::FormAction, "form-action", Some("https://pay.example.net/"), ""),
        (C::BaseUri, "base-uri", Some("https://evil.test/"), ""),
        (C::Sandbox, "sandbox", Some(""), ""),
        (C::Unknown, "media-src", Some(""), ""),
        (C::Unknown, "img-src", Some("null"), ""),
        (C::Unknown, "img-src", Some("https://:1/"), ""),
        (C::Unknown, "", Some("127.0.0.1"), ""),
    ];
    let deriver = deriver();
    for (want, directive, blocked, sample) in rows {
        let violation = violation(page, directive, blocked, sample);
        let facts = deriver.derive(&violation, &delivery(None));
        assert_eq!(facts.classification, want, "{directive} {blocked:?}");
    }
}

#[test]
fn mixed_content_needs_an_encrypted_page() {
    let violation = violation("http://shop.example/", "img-src", Some("http://a.test/"), "");
    let deriver = deriver();
    let facts = deriver.derive(&violation, &delivery(None));
    assert_eq!(facts.classification, Classification::UnauthorizedHost);
}

#[test]
fn relations_follow_hosts_and_domains() {
    let deriver = deriver();
    let rows = [
        ("https://shop.example.co.uk/", Relation::SameHost),
        ("https://www.shop.example.co.uk:444/", Relation::SameHost),
        ("https://cdn.example.co.uk/", Relation::SameSite),
        ("https://other.co.uk/", Relation::CrossSite),
        ("https://203.0.113.9/", Relation::CrossSite),
    ];
    for (blocked, want) in rows {
        let violation = violation("https://shop.example.co.uk/", "img-src", Some(blocked), "");
        let facts = deriver.derive(&violation, &delivery(None));
        assert_eq!(facts.relation, Some(want), "{blocked}");
        assert_eq!(facts.report_domain, Some("example.co.uk"));
    }
}

#[test]
fn the_url_says_what_the_browser_does_not() {
    let deriver = deriver();
    let violation = violation("https://shop.example/", "img-src", Some("data"), "");
    let query = "app=shop&report_only=1&status=404&env=prod&release=1.2.3&app=evil";
    let delivery = delivery(Some(query));
    let facts = deriver.derive(&violation, &delivery);
    assert_eq!(facts.app_name, "shop");
    assert_eq!(facts.disposition, Disposition::Report);
    assert_eq!(facts.page_status, Some(404));
    assert_eq!(facts.environment.as_deref(), Some("prod"));
    assert_eq!(facts.release.as_deref(), Some("1.2.3"));
}

#[test]
fn the_browser_wins_over_the_url_and_the_path_over_the_query() {
    let deriver = deriver();
    let mut violation = violation("https://shop.example/", "img-src", Some("data"), "");
    violation.disposition = Some(Disposition::Report);
    violation.status = Some(200);
    let delivery =
        Delivery { app: Some("shop"), ..delivery(Some("enforce=1&app=other&status=oops")) };
    let facts = deriver.derive(&violation, &delivery);
    assert_eq!(facts.disposition, Disposition::Report);
    assert_eq!(facts.app_name, "shop");
    assert_eq!(facts.page_status, Some(200));
}

#[test]
fn flags_are_read_as_people_write_them() {
    let disposition = |query| Smuggled::read(Some(query), &Settings::default()).disposition;
    for query in ["enforce=1", "enforced=true", "enforce", "report_only=0", "report_only=no"] {
        assert_eq!(disposition(query), Some(Disposition::Enforce), "{query}");
    }
    for query in ["enforce=0", "enforce=False", "report_only=1", "report_only", "report_only=yes"] {
        assert_eq!(disposition(query), Some(Disposition::Report), "{query}");
    }
    assert_eq!(disposition("enforce=maybe"), None);
}

#[test]
fn what_fits_no_field_is_left_out() {
    let long = format!("app={}&env={}&status=7", "a".repeat(65), "e".repeat(300));
    assert_eq!(Smuggled::read(Some(&long), &Settings::default()), Smuggled::default());
}

#[test]
fn the_age_moves_the_time_back() {
    let deriver = deriver();
    let mut violation = violation("https://shop.example/", "img-src", Some("data"), "");
    violation.age = Some(90_000);
    let facts = deriver.derive(&violation, &delivery(None));
    assert_eq!(facts.timestamp.to_string(), "2026-11-23T11:58:30Z");
}

fn fingerprint_of(
    document: &str,
    directive: &str,
    blocked: &str,
    change: impl FnOnce(&mut RawReport<'_>),
) -> Fingerprint {
    let mut raw = RawReport {
        document_uri: Some(Cow::Borrowed(document)),
        effective_directive: Some(Cow::Borrowed(directive)),
        blocked_uri: Some(Cow::Borrowed(blocked)),
        ..RawReport::default()
    };
    change(&mut raw);
    let violation = normalized(raw);
    deriver().derive(&violation, &delivery(None)).fingerprint
}

#[test]
fn a_fingerprint_survives_browsers_and_visits() {
    let page = "https://shop.example/cart";
    let script = "https://evil.test/x.js";
    let first = fingerprint_of(page, "script-src-elem", script, |_| {});
    let same = [
        (
            "query of the page",
            fingerprint_of(
                "https://www.shop.example/cart?a=b#c",
                "script-src-elem",
                script,
                |_| {},
            ),
        ),
        (
            "another page",
            fingerprint_of("https://shop.example/checkout", "script-src-elem", script, |_| {}),
        ),
        (
            "query of the script",
            fingerprint_of(page, "script-src-elem", "https://EVIL.test:443/x.js?v=2", |_| {}),
        ),
        ("CSP2 directive", fingerprint_of(page, "script-src", script, |_| {})),
        (
            "line, policy, sample",
            fingerprint_of(page, "script-src-elem", script, |raw| {
                raw.line_number = Some(7);
                raw.original_policy = Some("script-src 'nonce-x'".into());
                raw.script_sample = Some("x".into());
                raw.disposition = Some("report".into());
            }),
        ),
    ];
    for (what, fingerprint) in same {
        assert_eq!(fingerprint, first, "{what}");
    }
    let other = [
        (
            "another script",
            fingerprint_of(page, "script-src-elem", "https://evil.test/y.js", |_| {}),
        ),
        (
            "another host",
            fingerprint_of(page, "script-src-elem", "https://evil2.test/x.js", |_| {}),
        ),
        ("another directive", fingerprint_of(page, "img-src", script, |_| {})),
        (
            "another site",
            fingerprint_of("https://other.example/cart", "script-src-elem", script, |_| {}),
        ),
    ];
    for (what, fingerprint) in other {
        assert_ne!(fingerprint, first, "{what}");
    }
}

#[test]
fn inline_code_is_known_by_its_page() {
    let on = |page| fingerprint_of(page, "script-src-elem", "inline", |_| {});
    assert_eq!(on("https://shop.example/cart?a"), on("https://shop.example/cart"));
    assert_ne!(on("https://shop.example/cart"), on("https://shop.example/search"));
    let old = fingerprint_of("https://shop.example/cart", "script-src", "self", |_| {});
    assert_eq!(old, on("https://shop.example/cart"));
}

#[test]
fn framing_is_known_by_its_site() {
    let on = |page, blocked| fingerprint_of(page, "frame-ancestors", blocked, |_| {});
    let page = "https://shop.example/checkout";
    let webkit = on(page, page);
    assert_eq!(on("https://shop.example/", "https://shop.example/"), webkit, "Chromium");
    assert_eq!(on(page, ""), webkit, "Firefox");
    assert_ne!(on("https://other.example/checkout", ""), webkit);
}

#[test]
fn frames_are_known_by_their_origin() {
    let page = "https://shop.example/";
    let chromium = fingerprint_of(page, "frame-src", "https://video.example.net", |_| {});
    let webkit = fingerprint_of(page, "frame-src", "https://video.example.net/embed/7", |_| {});
    assert_eq!(chromium, webkit);
    let extension = fingerprint_of(page, "font-src", "chrome-extension", |_| {});
    let whole = fingerprint_of(page, "font-src", "chrome-extension://abc/f.woff", |_| {});
    assert_eq!(extension, whole);
}
