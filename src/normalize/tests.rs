use super::*;
use crate::report::{Address, Blocked, DirectiveName};

fn normalized(raw: RawReport<'_>) -> Violation<'_> {
    normalize(raw, &Settings::default())
}

/// Keys of a report and their values.
type Fields = &'static [(&'static str, &'static str)];

/// A report of which only a few fields matter.
fn report<'b>(fields: &[(&str, &'b str)]) -> RawReport<'b> {
    let mut raw = RawReport::default();
    for &(name, value) in fields {
        let value = Some(Cow::Borrowed(value));
        match name {
            "document" => raw.document_uri = value,
            "blocked" => raw.blocked_uri = value,
            "violated" => raw.violated_directive = value,
            "effective" => raw.effective_directive = value,
            "policy" => raw.original_policy = value,
            "sample" => raw.script_sample = value,
            "source" => raw.source_file = value,
            "referrer" => raw.referrer = value,
            "request" => raw.request = value,
            "envelope" => raw.envelope_url = value,
            other => panic!("{other}"),
        }
    }
    raw
}

#[test]
fn directives_are_told_from_whole_texts_and_phrases() {
    let rows = [
        ("one name", "img-src", "", "img-src", "img-src"),
        (
            "Chrome 44: the whole directive",
            "img-src 'self' https://a.test",
            "",
            "img-src",
            "img-src",
        ),
        (
            "Firefox 25: ports and wildcards",
            "script-src https://:443 https://*:* javascript://*:*",
            "",
            "script-src",
            "script-src",
        ),
        ("Firefox 20: a phrase", "inline script base restriction", "", "script-src", "script-src"),
        (
            "Chrome 44: the fallback",
            "default-src 'none'",
            "connect-src",
            "default-src",
            "connect-src",
        ),
        ("Firefox 41: the fallback alone", "default-src 'none'", "", "default-src", ""),
        (
            "Reporting API: effective alone",
            "",
            "style-src-elem",
            "style-src-elem",
            "style-src-elem",
        ),
        (
            "garbage beside a name",
            "script-src 'self'",
            "not-a-directive",
            "script-src",
            "script-src",
        ),
        ("a name beside garbage", "garbage-src", "img-src", "img-src", "img-src"),
        ("a semicolon behind", "img-src;", "", "img-src", "img-src"),
        ("upper case", "IMG-SRC", "Img-Src", "img-src", "img-src"),
        ("an unknown name", "effectiveDirective", "", "effectivedirective", ""),
        ("no name at all", "\"><script>", "", "", ""),
    ];
    for (what, violated, effective, want_violated, want_effective) in rows {
        let text = |text: &'static str| Some(Cow::Borrowed(text)).filter(|text| !text.is_empty());
        let violation = normalized(RawReport {
            violated_directive: text(violated),
            effective_directive: text(effective),
            ..RawReport::default()
        });
        let name = |name: &Option<DirectiveName<'_>>| {
            name.as_ref().map_or("", |name| name.name()).to_owned()
        };
        assert_eq!(name(&violation.violated), want_violated, "{what}");
        assert_eq!(name(&violation.effective), want_effective, "{what}");
    }
}

#[test]
fn a_blank_blocked_uri_is_told_by_what_stands_around_it() {
    const EVAL: &str = "call to eval() or related function blocked by CSP";
    let rows: [(&str, Fields, Option<&str>); 25] = [
        ("script", &[("blocked", ""), ("violated", "script-src 'self'")], Some("inline")),
        ("style", &[("blocked", ""), ("violated", "style-src 'self'")], Some("inline")),
        ("fallback", &[("blocked", ""), ("violated", "default-src 'self'")], Some("inline")),
        ("media on an iPad", &[("blocked", ""), ("violated", "media-src 'self'")], None),
        ("framing", &[("blocked", ""), ("violated", "frame-ancestors 'none'")], None),
        ("no directive", &[("blocked", "")], None),
        (
            "eval by the policy",
            &[
                ("blocked", ""),
                ("violated", "script-src"),
                ("policy", "script-src 'unsafe-inline'"),
            ],
            Some("eval"),
        ),
        (
            "not eval: a nonce",
            &[
                ("blocked", ""),
                ("violated", "script-src"),
                ("policy", "script-src 'unsafe-inline' 'nonce-a'"),
            ],
            Some("inline"),
        ),
        (
            "style is never eval",
            &[("blocked", ""), ("violated", "style-src"), ("policy", "style-src 'unsafe-inline'")],
            Some("inline"),
        ),
        ("self", &[("blocked", "self"), ("violated", "script-src")], Some("inline")),
        ("quoted self", &[("blocked", "'self'"), ("violated", "script-src")], Some("inline")),
        (
            "self and the sample of eval",
            &[("blocked", "self"), ("violated", "script-src"), ("sample", EVAL)],
            Some("eval"),
        ),
        ("self style", &[("blocked", "self"), ("violated", "style-src")], Some("inline")),
        ("self image", &[("blocked", "self"), ("violated", "img-src")], None),
        (
            "phrase of eval",
            &[("blocked", "self"), ("violated", "eval script base restriction")],
            Some("eval"),
        ),
        (
            "phrase without blocked",
            &[("violated", "inline script base restriction")],
            Some("inline"),
        ),
        ("absent with a sample", &[("violated", "style-src"), ("sample", "a{}")], Some("inline")),
        ("absent: form of old WebKit", &[("violated", "script-src")], None),
        ("opaque", &[("blocked", "null"), ("violated", "img-src")], Some("null")),
        ("upper case", &[("blocked", "INLINE"), ("violated", "script-src")], Some("inline")),
        ("blank behind", &[("blocked", "inline "), ("violated", "script-src")], Some("inline")),
        ("fragment behind", &[("blocked", "inline#x"), ("violated", "script-src")], Some("inline")),
        (
            "a fragment alone",
            &[("blocked", "#"), ("violated", "script-src"), ("sample", "x")],
            Some("inline"),
        ),
        (
            "an element is never evaluated",
            &[
                ("blocked", ""),
                ("effective", "script-src-elem"),
                ("policy", "script-src 'unsafe-inline'"),
            ],
            Some("inline"),
        ),
        ("colon behind", &[("blocked", "eval:"), ("violated", "script-src")], Some("eval")),
    ];
    for (what, fields, want) in rows {
        let violation = normalized(report(fields));
        assert_eq!(violation.blocked.text(), want, "{what}");
    }
}

#[test]
fn blocked_addresses_have_one_spelling() {
    // Text, scheme and host as the record shows them.
    let rows = [
        (
            "plain",
            "https://cdn.example.net/a.js",
            "https://cdn.example.net/a.js",
            "https",
            "cdn.example.net",
        ),
        (
            "origin only, CSP2",
            "https://cdn.example.net",
            "https://cdn.example.net",
            "https",
            "cdn.example.net",
        ),
        (
            "www, case, default port, dot",
            "HTTPS://WWW.CDN.Example.NET.:443/a.js",
            "https://www.cdn.example.net./a.js",
            "https",
            "cdn.example.net",
        ),
        (
            "another port",
            "https://cdn.example.net:8443/",
            "https://cdn.example.net:8443/",
            "https",
            "cdn.example.net",
        ),
        (
            "user info and fragment",
            "https://u:p@cdn.example.net/a#b",
            "https://cdn.example.net/a",
            "https",
            "cdn.example.net",
        ),
        (
            "query",
            "https://cdn.example.net/a?token=1&page=2",
            "https://cdn.example.net/a?token=&page=",
            "https",
            "cdn.example.net",
        ),
        (
            "IDN",
            "https://bücher.example/",
            "https://xn--bcher-kva.example/",
            "https",
            "xn--bcher-kva.example",
        ),
        (
            "IPv6",
            "http://[2001:DB8::1]:8080/x",
            "http://[2001:db8::1]:8080/x",
            "http",
            "[2001:db8::1]",
        ),
        (
            "websocket",
            "wss://live.example.net/feed",
            "wss://live.example.net/feed",
            "wss",
            "live.example.net",
        ),
        (
            "protocol-relative",
            "//cdn.example.net/a.js",
            "https://cdn.example.net/a.js",
            "https",
            "cdn.example.net",
        ),
        ("bare host", "cdn.example.net", "cdn.example.net", "", "cdn.example.net"),
        (
            "bare host with port",
            "cdn.example.net:8080",
            "cdn.example.net:8080",
            "",
            "cdn.example.net",
        ),
        ("bare address", "127.0.0.1", "127.0.0.1", "", "127.0.0.1"),
        ("a telephone", "tel:110", "tel", "tel", ""),
        ("bare localhost", "localhost", "localhost", "", "localhost"),
        ("bare scheme", "data", "data", "data", ""),
        ("payload", "data:image/png;base64,AAAA", "data", "data", ""),
        ("blob with its origin", "blob:https%3A//shop.example/3e69", "blob", "blob", ""),
        (
            "filesystem",
            "filesystem:https://shop.example/temporary/x",
            "filesystem",
            "filesystem",
            "",
        ),
        ("about", "about:blank", "about", "about", ""),
        ("javascript", "javascript:alert(1)", "javascript", "javascript", ""),
        ("extension, bare", "chrome-extension", "chrome-extension", "chrome-extension", ""),
        ("extension, upper case", "Chrome-Extension", "chrome-extension", "chrome-extension", ""),
        (
            "extension, line and column",
            "chrome-extension:2:248774",
            "chrome-extension",
            "chrome-extension",
            "",
        ),
        (
            "extension, whole",
            "chrome-extension://abcdefgh/x.js?y",
            "chrome-extension://abcdefgh/x.js",
            "chrome-extension",
            "",
        ),
        (
            "extension of one installation",
            "moz-extension://3b241101-e2bb-4255-8caf-4136c566a962/c.js",
            "moz-extension://*/c.js",
            "moz-extension",
            "",
        ),
        (
            "masked extension",
            "webkit-masked-url://hidden/",
            "webkit-masked-url://hidden/",
            "webkit-masked-url",
            "",
        ),
        ("scheme without authority", "symres:/images/x.png", "symres", "symres", ""),
        ("empty authority", "ms-appx-web://", "ms-appx-web", "ms-appx-web", ""),
        (
            "a scheme around a URL",
            "sdk-load.complete://https://a.test/?token=x",
            "sdk-load.complete:",
            "sdk-load.complete",
            "",
        ),
        ("does not parse", "https://:45671/x?y", "https://:45671/x", "", ""),
    ];
    for (what, blocked, text, scheme, host) in rows {
        let violation = normalized(report(&[("blocked", blocked), ("effective", "img-src")]));
        let address = violation.blocked.address().unwrap_or_else(|| panic!("{what}"));
        assert_eq!(address.text(), text, "{what}");
        assert_eq!(address.scheme().unwrap_or(""), scheme, "{what}");
        assert_eq!(address.location().map_or("", |location| &location.host), host, "{what}");
    }
}

#[test]
fn sources_are_addresses_or_labels() {
    let rows = [
        ("a script", "https://shop.example/a.js?v=1", "https://shop.example/a.js?v=", "https"),
        ("Firefox content script", "sandbox eval code", "sandbox eval code", ""),
        ("anonymous", "<anonymous code>", "<anonymous code>", ""),
        ("WebKit user script", "user-script:3", "user-script", ""),
        ("bare user script", "user-script", "user-script", ""),
        ("a file name", "example.html", "example.html", ""),
        ("bare extension", "moz-extension", "moz-extension", "moz-extension"),
        ("Chrome's position", "chrome-extension:2:248774", "chrome-extension", "chrome-extension"),
        (
            "Safari without a path",
            "safari-extension://com.example.a-1",
            "safari-extension://com.example.a-1",
            "safari-extension",
        ),
        ("a jar", "jar:file:///C:/Users/anna/x.xpi!/a.js", "jar", "jar"),
        ("an unknown scheme", "acme://x?token=y", "acme:", "acme"),
        ("bare view-source", "view-source", "view-source", "view-source"),
    ];
    for (what, source, text, scheme) in rows {
        let violation = normalized(report(&[("blocked", "inline"), ("source", source)]));
        let address = violation.source.unwrap_or_else(|| panic!("{what}"));
        assert_eq!(address.text(), text, "{what}");
        assert_eq!(address.scheme().unwrap_or(""), scheme, "{what}");
    }
}

#[test]
fn the_page_is_found_wherever_it_stands() {
    let page = |fields: &[(&str, &'static str)]| {
        normalized(report(fields)).document.map(|page| page.text().to_owned())
    };
    assert_eq!(
        page(&[("request", "GET http://shop.example/a?b=c HTTP/1.1")]).as_deref(),
        Some("http://shop.example/a?b=")
    );
    assert_eq!(
        page(&[("envelope", "https://shop.example/a")]).as_deref(),
        Some("https://shop.example/a")
    );
    assert_eq!(
        page(&[("envelope", "https://a.test/"), ("document", "https://b.test/")]).as_deref(),
        Some("https://b.test/")
    );
    assert_eq!(page(&[("document", "about:blank")]).as_deref(), Some("about"));
    assert_eq!(page(&[("document", "[placeholder]")]).as_deref(), Some("[placeholder]"));
    assert_eq!(page(&[]), None);
}

#[test]
fn secrets_are_masked() {
    let rows = [
        ("a token", "/reset/9f8e7d6c5b4a39281706f5e4d3c2b1a0", "/reset/*"),
        ("a web token", "/invite/eyJhbGciOiJIUzI1NiJ9.e30.x", "/invite/*"),
        ("mail", "/user/anna@example.org/orders", "/user/*/orders"),
        ("mail, encoded", "/user/anna%40example.org", "/user/*"),
        ("order number", "/orders/123456789", "/orders/*"),
        ("card number with hyphens", "/pay/4111-1111-1111-1111.png", "/pay/*.png"),
        ("UUID", "/doc/3b241101-e2bb-4255-8caf-4136c566a962", "/doc/*"),
        ("session", "/cart;jsessionid=1A2B3C;v=1", "/cart;jsessionid=*;v=*"),
        ("session, encoded", "/cart%3Bjsessionid=1A2B3C", "/cart%3Bjsessionid=*"),
        ("a value", "/reset/token=abc", "/reset/token=*"),
        ("mail, encoded twice", "/user/anna%2540example.org", "/user/*"),
        ("mail of a numbered provider", "/user/anna@163.com", "/user/*"),
        ("user info", "/x/user:password@/y", "/x/*/y"),
        ("card number with blanks", "/pay/4111%201111%201111%201111", "/pay/*"),
        ("letters in turns", "/share/aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeF", "/share/*"),
        ("capitals and a digit", "/k/QWERTYUIOPASDFGHJ7KL", "/k/*"),
        ("a key of GitHub", "/k/ghp_abcdefghijklmnopqrstuvwxyz", "/k/*"),
        ("sixteen hexadecimal digits", "/r/9f8e7d6c5b4a3928", "/r/*"),
        ("an ending with a digit", "/f/KFOmCnqEu92Fr1Mu72xKOzY.woff2", "/f/*.woff2"),
        (
            "kept: a package's version",
            "/npm/vue@3.4/dist/vue.global.js",
            "/npm/vue@3.4/dist/vue.global.js",
        ),
        (
            "kept: a scoped package",
            "/npm/@scope/evil@1.0.0/index.min.js",
            "/npm/@scope/evil@1.0.0/index.min.js",
        ),
        ("kept: an image's scale", "/img/logo@2x.png", "/img/logo@2x.png"),
        (
            "kept: digits at ends of words",
            "/html5-css3-es6-web2-guide-2020",
            "/html5-css3-es6-web2-guide-2020",
        ),
        ("hashed file", "/static/app.9f8e7d6c5b4a39281706.js", "/static/*.js"),
        (
            "kept: words",
            "/blog/how-to-write-a-content-security-policy",
            "/blog/how-to-write-a-content-security-policy",
        ),
        ("kept: a year", "/2026/11/23/news-2026", "/2026/11/23/news-2026"),
        ("kept: a version", "/jquery-3.6.0.min.js", "/jquery-3.6.0.min.js"),
        ("kept: short hash", "/main.8f3a2b1c.chunk.js", "/main.8f3a2b1c.chunk.js"),
        ("kept: a class name", "/api/SomeVeryLongJavaClassName", "/api/SomeVeryLongJavaClassName"),
    ];
    for (what, path, want) in rows {
        let url = format!("https://shop.example{path}");
        let violation = normalized(report(&[("document", &url)]));
        let page = violation.document.as_ref().and_then(Address::location).expect(what);
        assert_eq!(page.path(), want, "{what}");
    }
}

#[test]
fn policies_and_samples_are_masked() {
    let policy = "script-src 'nonce-abc' https://a.test/x?y; report-uri https://key@c.test/r?token=1 /csp?k=v";
    let violation = normalized(report(&[
        ("policy", policy),
        ("sample", "mail('anna@example.org') \u{1b}[31m 1528893700887"),
    ]));
    assert_eq!(
        violation.policy.as_deref(),
        Some("script-src 'nonce-*' https://a.test/x?y; report-uri https://c.test/r?token= /csp?k=")
    );
    assert_eq!(violation.sample.as_deref(), Some("mail('*')  [31m *"));
}

#[test]
fn each_field_can_be_kept_or_dropped() {
    let settings = Settings {
        document: Keep::Origin,
        blocked: Keep::Keep,
        source: Keep::Origin,
        referrer: KeepReferrer::Drop,
        sample: KeepText::Drop,
        policy: KeepText::Drop,
        ..Settings::default()
    };
    let raw = report(&[
        ("document", "https://shop.example:8443/a/b?c=d"),
        ("blocked", "https://u:p@cdn.example.net/a?b=c#d"),
        ("source", "chrome-extension://u:p@abc/private/a.js"),
        ("referrer", "https://shop.example/a.js"),
        ("sample", "x"),
        ("policy", "img-src a.test"),
    ]);
    let violation = normalize(raw, &settings);
    assert_eq!(violation.document.as_ref().map(Address::text), Some("https://shop.example:8443"));
    assert_eq!(violation.blocked.text(), Some("https://cdn.example.net/a?b=c"));
    assert_eq!(violation.source.as_ref().map(Address::text), Some("chrome-extension://abc"));
    assert_eq!((violation.referrer, violation.sample, violation.policy), (None, None, None));
    for (document, kept) in [
        ("https://[bad]/reset/secret", "https://"),
        ("/home/anna/x.js", "*"),
        ("a label", "a label"),
    ] {
        let violation = normalize(report(&[("document", document)]), &settings);
        assert_eq!(violation.document.as_ref().map(Address::text), Some(kept));
    }
}

#[test]
fn values_of_a_query_go() {
    let rows = [
        ("a=b&c=d", "?a=&c="),
        ("wsdl", "?wsdl"),
        ("S3cr3tPw0rd", "?*"),
        ("token%3Dabc", "?token="),
        ("a=&b=", "?a=&b="),
        ("eyJhbGciOi=1", "?*="),
        ("&&", ""),
    ];
    for (query, kept) in rows {
        let url = format!("https://shop.example/x?{query}");
        let violation = normalized(report(&[("document", &url)]));
        let text = violation.document.expect("a page").text().to_owned();
        assert_eq!(text, format!("https://shop.example/x{kept}"), "{query}");
    }
}

#[test]
fn long_texts_are_cut_and_marked() {
    let url = format!("https://shop.example/{}", "ä/".repeat(5000));
    let policy = "img-src a.test ".repeat(2000);
    let violation =
        normalized(report(&[("document", &url), ("policy", &policy), ("blocked", "inline")]));
    let page = violation.document.as_ref().and_then(Address::location).expect("a page");
    assert_eq!(page.text.len(), 2048);
    assert!(page.path().starts_with("/%C3%A4/"));
    assert_eq!(violation.policy.expect("a policy").len(), 8192);
    assert!(violation.repairs.iter().any(|repair| repair == Repair::Truncated));
    // Wherever the cut falls, what is left is read as what it is.
    for tail in ["?a=b", "?", "/eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "%C3%A4%C3%A4", "#top", "/ /"] {
        for length in 2000..2048 {
            let url =
                format!("https://shop.example/{}{tail}{}", "x/".repeat(length / 2), "y".repeat(60));
            let once = normalized(report(&[("document", &url), ("blocked", &url)]));
            assert_eq!(normalized(once.to_raw()), once);
        }
    }
    let host = format!("https://{}test/", "a.".repeat(200));
    let violation = normalized(report(&[("blocked", &host)]));
    assert_eq!(violation.blocked.text(), Some("https://"));
    assert!(matches!(violation.blocked, Blocked::Resource(Address::Label(_))));
    // A scheme, with its colon or without: what is left of it must not be taken for one.
    for scheme in [format!("{}:x", "a".repeat(3000)), "inlin".repeat(20)] {
        let violation = normalized(report(&[("blocked", &scheme)]));
        assert!(matches!(violation.blocked, Blocked::Resource(Address::Label(_))));
        assert_eq!(normalized(violation.to_raw()), violation);
    }
}

#[test]
fn what_is_no_url_does_not_become_one_by_being_masked() {
    for text in [
        "https://img.ex\u{3}ample.net/model.glb",
        "https://img.ex>ample.net/model.glb",
        "https://a b.example/x?token=1",
        "https://anna@[email].example/",
        "https://[email]",
        "sandbox eval code",
        "sandbox eval code ?x=1",
    ] {
        let fields = [("blocked", text), ("document", text), ("source", text)];
        let once = normalized(report(&fields));
        assert!(matches!(once.blocked, Blocked::Resource(Address::Label(_))), "{once:?}");
        assert_eq!(normalized(once.to_raw()), once);
    }
}

#[test]
fn nothing_white_is_left_at_an_end() {
    for text in ["chrome-extension://abcdefgh/a.js ?x=1", "sandbox eval code #x", "acme:x y ?"] {
        let once = normalized(report(&[("blocked", text), ("source", text)]));
        assert!(once.blocked.text().is_some_and(|text| text == text.trim()), "{once:?}");
        assert_eq!(normalized(once.to_raw()), once);
    }
}

#[test]
fn bodies_of_other_reports_are_scrubbed_by_key() {
    use crate::report::{OtherReport, Wire};
    let body = r#"{"documentURL":"https://shop.example/a?b=c","blockedURL":"https://cdn.example.net/x?y=z",
        "message":"Deprecated: see https://a.test/doc?token=abc or mail anna@example.org",
        "stack":"Error: at f (https://shop.example/app.js:1:2)","path":"/reset?token=abc",
        "request_headers":{"cookie":["a"]},"responseHeaders":{"x":["y"]},"lineNumber":3,"sub":[null,"eyJabc"]}"#;
    let report = OtherReport {
        wire: Wire::ReportTo,
        repairs: Repairs::default(),
        report_type: "deprecation".into(),
        url: None,
        age: None,
        user_agent: None,
        body: Some(body.to_owned()),
    };
    let settings = Settings { document: Keep::Origin, ..Settings::default() };
    let body = normalize_other(report, &settings).body.expect("a body");
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        body,
        serde_json::json!({
            "documentURL": "https://shop.example",
            "blockedURL": "https://cdn.example.net/x?y=",
            "message": "Deprecated: see https://a.test/doc or mail *",
            "stack": "Error: at f (https://shop.example/app.js:1:2)",
            "path": "/reset",
            "lineNumber": 3,
            "sub": [null, "*"],
        })
    );
}

#[test]
fn words_of_the_browser_are_not_guessed() {
    let disposition = |word| {
        let disposition = Some(Cow::Borrowed(word));
        normalized(RawReport { disposition, ..RawReport::default() }).disposition
    };
    assert_eq!(disposition("enforce"), Some(Disposition::Enforce));
    assert_eq!(disposition(" Report"), Some(Disposition::Report));
    assert_eq!(disposition("reporting"), Some(Disposition::Report));
    assert_eq!(disposition("monitor"), None);
}
