use super::*;
use crate::report::{Repair, Wire};

/// Decodes a body that must be readable.
fn entries(body: impl AsRef<[u8]>, check: impl FnOnce(&[Entry<'_>])) {
    let mut scratch = Scratch::default();
    match decode(body.as_ref(), &mut scratch, 100) {
        Ok(entries) => check(&entries),
        Err(error) => panic!("{}: {error:?}", String::from_utf8_lossy(body.as_ref())),
    }
}

fn unreadable(body: impl AsRef<[u8]>) -> Unreadable {
    let mut scratch = Scratch::default();
    match decode(body.as_ref(), &mut scratch, 100) {
        Err(error) => error,
        Ok(entries) => panic!("{} entries", entries.len()),
    }
}

fn one(body: impl AsRef<[u8]>, check: impl FnOnce(&RawReport<'_>)) {
    entries(body, |entries| match entries {
        [Entry::Violation(report)] => check(report),
        other => panic!("{other:?}"),
    });
}

#[test]
fn every_envelope_is_told_by_its_shape() {
    let bodies = [
        (Wire::ReportUri, r#"{"csp-report":{"blocked-uri":"inline"}}"#),
        (Wire::ReportUri, "\u{feff}  {\"csp-report\":{\"blocked-uri\":\"inline\"}}\r\n"),
        (Wire::ReportTo, r#"[{"type":"csp-violation","body":{"blockedURL":"inline"}}]"#),
        (
            Wire::ReportToSingle,
            r#"{"type":"csp-violation","url":"https://a.test/","body":{"blockedURL":"inline"}}"#,
        ),
        (
            Wire::Hybrid,
            r#"{"type":"csp-violation","url":"https://a.test/","csp-report":{"blocked-uri":"inline"}}"#,
        ),
        (Wire::Bare, r#"{"document-uri":"https://a.test/","blocked-uri":"inline"}"#),
        (
            Wire::Form,
            "document-url=https%3A%2F%2Fa.test%2F&violated-directive=x&blocked-uri=inline",
        ),
        (Wire::ReportUri, r#""{\"csp-report\":{\"blocked-uri\":\"inline\"}}""#),
    ];
    for (wire, body) in bodies {
        one(body, |report| {
            assert_eq!(report.wire, Some(wire), "{body}");
            assert_eq!(report.blocked_uri.as_deref(), Some("inline"), "{body}");
        });
    }
}

#[test]
fn numbers_are_read_leniently() {
    let body = r#"{"csp-report":{"blocked-uri":"x","line-number":"12","column-number":0,
        "status-code":200.0}}"#;
    one(body, |report| {
        assert_eq!(report.line_number, Some(12));
        assert_eq!(report.column_number, None);
        assert_eq!(report.status_code, Some(200));
        assert!(report.repairs.is_empty());
    });
    let body = r#"{"csp-report":{"blocked-uri":"x","line-number":"many","column-number":true,
        "status-code":-1,"referrer":null,"source-file":""}}"#;
    one(body, |report| {
        assert_eq!(
            (report.line_number, report.column_number, report.status_code),
            (None, None, None)
        );
        assert_eq!((&report.referrer, &report.source_file), (&None, &None));
        let names: Vec<_> = report.repairs.iter().map(Repair::name).collect();
        assert_eq!(names, ["number", "wrong_type"]);
    });
}

#[test]
fn an_empty_blocked_uri_is_kept_apart_from_none() {
    one(r#"{"csp-report":{"violated-directive":"x","blocked-uri":""}}"#, |report| {
        assert_eq!(report.blocked_uri.as_deref(), Some(""));
    });
    one(r#"{"csp-report":{"violated-directive":"x","blocked-uri":null}}"#, |report| {
        assert_eq!(report.blocked_uri, None);
    });
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    one(r#"{"csp-report":{"blocked-uri":"inline","blocked-uri":"eval"}}"#, |report| {
        assert_eq!(report.blocked_uri.as_deref(), Some("eval"));
    });
}

#[test]
fn broken_text_is_mended_and_marked() {
    let rows: [(&[u8], Repair, &str); 6] = [
        (
            b"{\"csp-report\":{\"blocked-uri\":\"x\",\"script-sample\":\"a\xe9b\"}}",
            Repair::InvalidUtf8,
            "a\u{fffd}b",
        ),
        (
            br#"{"csp-report":{"blocked-uri":"x","script-sample":"a\ud83d"}}"#,
            Repair::LoneSurrogate,
            "a\u{fffd}",
        ),
        (
            br#"{"csp-report":{"blocked-uri":"x","script-sample":"\ude00\ud83d\ude00"}}"#,
            Repair::LoneSurrogate,
            "\u{fffd}😀",
        ),
        (
            b"{\"csp-report\":{\"blocked-uri\":\"x\",\"script-sample\":\"a\tb\"}}",
            Repair::ControlCharacter,
            "a b",
        ),
        (
            b"{\"csp-report\":{\"blocked-uri\":\"x\",\"script-sample\":\"a\0b\"}}",
            Repair::ControlCharacter,
            "a b",
        ),
        (
            br#"{"csp-report":{"blocked-uri":"x","script-sample":"a","line-number":1e999999}}"#,
            Repair::Number,
            "a",
        ),
    ];
    for (body, repair, sample) in rows {
        one(body, |report| {
            assert_eq!(report.script_sample.as_deref(), Some(sample));
            assert_eq!(report.repairs.iter().collect::<Vec<_>>(), [repair]);
        });
    }
}

#[test]
fn bytes_behind_the_end_are_dropped_and_further_objects_read() {
    let object = r#"{"csp-report":{"blocked-uri":"inline"}}"#;
    for tail in ["\r\n", "\0\0", "xx", "\u{fffd}"] {
        one(format!("{object}{tail}"), |report| {
            assert_eq!(report.blocked_uri.as_deref(), Some("inline"), "{tail:?}");
        });
    }
    entries(format!("{object}\n{object}{object}"), |entries| assert_eq!(entries.len(), 3));
    for (bad, at) in [("{}", 0), ("[5]", 1), ("{\"csp-report\":\"x\"}", 0)] {
        let row = if at == 0 { format!("{bad}{object}") } else { format!("{object}{bad}") };
        entries(row, |entries| {
            let rejected = |entry: &Entry<'_>| matches!(entry, Entry::Rejected { .. });
            assert_eq!(entries.iter().position(rejected), Some(at), "{bad}");
            assert_eq!(entries.len(), 2, "{bad}");
        });
    }
    for between in [",", "\nnot json\n", "\0"] {
        entries(format!("{object}{between}{object}"), |entries| {
            assert!(matches!(entries, [Entry::Violation(_), Entry::Violation(_)]), "{between:?}");
        });
    }
    entries(format!("{object}{{\"csp-report\":}}"), |entries| {
        assert!(matches!(entries, [Entry::Violation(_), Entry::Rejected { .. }]), "{entries:?}");
    });
}

#[test]
fn one_bad_entry_does_not_sink_its_batch() {
    let body = r#"[{"type":"csp-violation","body":{"blockedURL":"inline"}},
        7, {"type":"csp-violation","body":"x"}, {"type":"csp-violation"}, {"a":1},
        {"type":"deprecation","age":"17","url":"https://a.test/","body":{"id":"x"}},
        {"type":"csp-violation","body":{"blockedURL":"eval"}}]"#;
    entries(body, |entries| {
        let kinds: Vec<_> = entries
            .iter()
            .map(|entry| match entry {
                Entry::Violation(report) => {
                    report.blocked_uri.clone().unwrap_or_default().into_owned()
                }
                Entry::Other(report) => report.report_type.clone().into_owned(),
                Entry::Rejected { rejection, .. } => rejection.label().to_owned(),
            })
            .collect();
        assert_eq!(
            kinds,
            [
                "inline",
                "not_an_object",
                "no_body",
                "no_body",
                "not_a_report",
                "deprecation",
                "eval"
            ]
        );
        let Entry::Other(deprecation) = &entries[5] else { panic!("{:?}", entries[5]) };
        assert_eq!(deprecation.age, Some(17));
        assert_eq!(deprecation.body.as_deref(), Some(r#"{"id":"x"}"#));
    });
}

#[test]
fn a_fault_of_syntax_does_not_sink_its_batch_either() {
    let good = r#"{"type":"csp-violation","body":{"blockedURL":"inline","lineNumber":7}}"#;
    for number in ["NaN", "undefined", "01", "1.", ".5", "0x1", "-", "+1", "9".repeat(400).as_str()]
    {
        let odd = good.replace('7', number);
        entries(format!("[{good},{odd},{good}]"), |entries| {
            let lines: Vec<_> = entries
                .iter()
                .map(|entry| match entry {
                    Entry::Violation(report) => report.line_number,
                    other => panic!("{number}: {other:?}"),
                })
                .collect();
            assert_eq!(lines, [Some(7), None, Some(7)], "{number}");
        });
    }
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    for bad in [r#"{"a":1,}"#, r#"{"a" 1}"#, "{]}", &format!(r#"{{"a":{deep}}}"#)] {
        entries(format!("[{good},{bad},{good}]"), |entries| {
            let kinds: Vec<_> =
                entries.iter().map(|entry| matches!(entry, Entry::Violation(_))).collect();
            assert_eq!(kinds, [true, false, true], "{bad}: {entries:?}");
        });
    }
    entries(format!("[{good},{{\"type\":"), |entries| {
        assert!(matches!(entries, [Entry::Violation(_), Entry::Rejected { .. }]), "{entries:?}");
    });
    entries(format!("[{good},]"), |entries| assert_eq!(entries.len(), 1));
}

#[test]
fn null_is_as_good_as_nothing() {
    let body = r#"{"type":"csp-violation","csp-report":null,"body":{"documentURL":"https://a.test/",
        "document-uri":null,"blockedURL":"inline"}}"#;
    one(body, |report| assert_eq!(report.document_uri.as_deref(), Some("https://a.test/")));
}

#[test]
fn other_types_are_never_mistaken_for_csp() {
    let bodies = [
        (
            "coep",
            r#"{"type":"coep","url":"https://a.test/","body":{"blockedURL":"https://b.test/","disposition":"enforce"}}"#,
        ),
        ("coep", r#"{"type":"coep","blockedURL":"https://b.test/","body":{}}"#),
        ("deprecation", r#"{"type":"deprecation","csp-report":{"blocked-uri":"inline"}}"#),
        ("csp-hash", r#"[{"type":"csp-hash","body":{"documentURL":"https://a.test/"}}]"#),
        ("expect-ct", r#"{"expect-ct-report":{"hostname":"a.test"}}"#),
        ("hpkp", r#"{"date-time":"2014-04-06T13:00:50Z","hostname":"a.test","known-pins":[]}"#),
    ];
    for (report_type, body) in bodies {
        entries(body, |entries| match entries {
            [Entry::Other(report)] => assert_eq!(report.report_type, report_type),
            other => panic!("{other:?}"),
        });
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let rows: [(&[u8], &str); 15] = [
        (b"", "empty"),
        (b" \r\n\xef\xbb\xbf", "syntax"),
        (b"not json", "syntax"),
        (b"\xff", "syntax"),
        (b"a=b&c=d", "syntax"),
        (b"blocked-uri=", "syntax"),
        (br#"{"csp-report":{"a":1,}}"#, "syntax"),
        (br#"{"csp-report":{"blocked-uri":"x""#, "syntax"),
        (b"[7]", "not_an_object"),
        (b"[[]]", "not_an_object"),
        (b"{}", "not_a_report"),
        (br#"{"foo":"bar"}"#, "not_a_report"),
        (br#"{"csp-report":{}}"#, "says_nothing"),
        (br#"{"csp-report":"x"}"#, "no_body"),
        (br#"{"type":"csp-violation"}"#, "no_body"),
    ];
    for (body, label) in rows {
        match unreadable(body) {
            Unreadable::Rejected(rejection) => {
                assert_eq!(rejection.label(), label, "{}", String::from_utf8_lossy(body));
            }
            Unreadable::TooMany(_) => panic!("too many"),
        }
    }
    entries(b"[]", |entries| assert!(entries.is_empty()));
}

#[test]
fn the_message_says_where() {
    let Unreadable::Rejected(rejection) = unreadable(br#"{"csp-report":{"a":1 "b":2}}"#) else {
        panic!("too many")
    };
    assert_eq!(rejection.to_string(), "byte 22: expected `,` or `}`");
}

#[test]
fn nesting_and_number_of_reports_are_bounded() {
    let deep = |open: &str, count: usize| open.repeat(count);
    for body in
        [deep("[", 32_000), deep("{\"a\":", 32_000), format!("{{\"csp-report\":{}", deep("[", 200))]
    {
        assert_eq!(unreadable(&body), Unreadable::Rejected(Rejection::TooDeep));
    }
    let many = format!("[{}{{}}]", "{},".repeat(100));
    assert_eq!(unreadable(&many), Unreadable::TooMany(101));
    let row = r#"{"csp-report":{"blocked-uri":"x"}}"#.repeat(101);
    assert_eq!(unreadable(&row), Unreadable::TooMany(101));
    let batch = format!("[{}{{}}]", "{},".repeat(99));
    let row = format!(r#"{{"csp-report":{{"blocked-uri":"x"}}}}{batch}"#);
    assert_eq!(unreadable(&row), Unreadable::TooMany(101));
}
