//! What readers see.

use super::*;
use crate::store::schema::{HOURLY_COLUMNS, columns};
use serde_json::{Value, json};

fn columns_of(reader: &Connection, view: &str) -> Vec<String> {
    let statement = reader.prepare(&format!("SELECT * FROM {view}")).unwrap();
    statement.column_names().map(str::to_owned).collect()
}

#[test]
fn views_have_the_columns_that_are_promised() {
    let data = TempDir::new().unwrap();
    let _store = open(data.path());
    let reader = open_read_only(data.path()).unwrap();
    for &stream in Stream::ALL {
        assert_eq!(columns_of(&reader, stream.name()), columns(stream), "{}", stream.name());
    }
    assert_eq!(columns_of(&reader, "hourly"), HOURLY_COLUMNS);
}

#[test]
fn every_column_shows_its_field() {
    let mut bench = Bench::new(&Settings::default());
    let time: Timestamp = "2026-11-23T09:12:33.123Z".parse().unwrap();
    for &stream in Stream::ALL {
        let mut fields = json!({ "@timestamp": "2026-11-23T09:12:33.123Z" });
        for column in columns(stream) {
            fields[column] = match column {
                "timestamp" => continue,
                "received_at" => json!("2026-11-23T09:12:33.123Z"),
                "stream" => json!(stream.name()),
                column => json!(format!("the {column}")),
            };
        }
        let mut batch = Batch::default();
        add(&mut batch, stream, "the app_name", time, &fields);
        bench.store(batch).unwrap();

        let reader = open_read_only(bench.data.path()).unwrap();
        for column in columns(stream) {
            let shown: String = query(&reader, &format!("SELECT {column} FROM {}", stream.name()));
            let field = if column == "timestamp" { "@timestamp" } else { column };
            assert_eq!(fields[field], Value::String(shown), "{}.{column}", stream.name());
        }
    }
}

#[test]
fn values_keep_their_type() {
    let mut bench = Bench::new(&Settings::default());
    let mut batch = Batch::default();
    let fields = json!({
        "report_only": true,
        "page_status": 404,
        "tags": ["a", "b"],
        "body": { "id": "x" },
        "sample": "naïve \"quoted\"\n",
    });
    add(&mut batch, Stream::Other, "monorail", Timestamp::now(), &fields);
    bench.store(batch).unwrap();
    let reader = open_read_only(bench.data.path()).unwrap();
    assert_eq!(query::<i64>(&reader, "SELECT report_only FROM other"), 1);
    assert_eq!(query::<i64>(&reader, "SELECT page_status FROM other"), 404);
    assert_eq!(query::<String>(&reader, "SELECT tags FROM other"), r#"["a","b"]"#);
    assert_eq!(query::<String>(&reader, "SELECT body FROM other"), r#"{"id":"x"}"#);
    assert_eq!(query::<String>(&reader, "SELECT sample FROM other"), "naïve \"quoted\"\n");
    assert_eq!(query::<Option<String>>(&reader, "SELECT referrer FROM other"), None);
}

#[test]
fn the_newest_records_are_found_without_reading_all() {
    let data = TempDir::new().unwrap();
    let _store = open(data.path());
    let reader = open_read_only(data.path()).unwrap();
    let plan: String = reader
        .prepare("EXPLAIN QUERY PLAN SELECT * FROM clean ORDER BY timestamp DESC LIMIT 10")
        .unwrap()
        .query_map([], |row| row.get::<_, String>("detail"))
        .unwrap()
        .map(Result::unwrap)
        .collect::<Vec<_>>()
        .join("; ");
    assert!(plan.contains("USING INDEX record_by_time (stream=?)"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
