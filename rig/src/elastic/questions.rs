//! The questions of `docs/elasticsearch.md`, asked as they stand there.
//!
//! Whoever reads the document copies from it, so the rig does too: each heading that has a block to
//! ask by must have a line in [`expected`], and the other way round. What the answer has to be is
//! counted from the records, not by the server.

use crate::elastic::client::Client;
use crate::elastic::records::{Record, Records};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A block of the document.
struct Question {
    heading: String,
    /// The index, and what is asked: a query's text or a whole search.
    index: String,
    asked: Asked,
}

enum Asked {
    Query(String),
    Search(Value),
}

/// Whether a record is so.
type Filter = Box<dyn Fn(&Record) -> bool>;

/// What an answer has to be.
enum Expected {
    /// So many records as are so.
    Count(Filter),
    /// Records that are so, grouped by a field, and each group by another.
    Groups(Filter, [&'static str; 2]),
    /// Fingerprints, those that were first seen last before all others.
    Newest,
}

/// Asks every question of the document, and prints what came of it.
pub fn prove(client: &Client, document: &str, records: &Records) -> Result<usize> {
    let story = most_frequent(records)?;
    let questions = read(&document.replace("FINGERPRINT", &story))?;
    for question in &questions {
        let expected = expected(&question.heading, &story)?;
        let found = answer(client, question)
            .and_then(|found| judge(&found, &expected, &records.matching(&question.index)?))
            .with_context(|| question.heading.clone())?;
        println!("  {:<58} {found}", question.heading);
    }
    ensure!(questions.len() == QUESTIONS, "{} questions are asked", questions.len());
    Ok(questions.len())
}

fn expected(heading: &str, story: &str) -> Result<Expected> {
    let all: Filter = Box::new(|_| true);
    Ok(match heading {
        "Does monorail load scripts of Twitter over plain HTTP?" => {
            Expected::Count(Box::new(is_the_first))
        }
        "What did production really block?" => Expected::Count(Box::new(|record| {
            record.text("disposition") == Some("enforce")
                && record.text("environment") == Some("production")
        })),
        "Which pages below a path run inline scripts?" => Expected::Count(Box::new(|record| {
            record.text("classification") == Some("inline_script")
                && record.text("path").is_some_and(|path| path.starts_with("/c"))
        })),
        "Which hosts are blocked most, in each application?" => {
            Expected::Groups(all, ["app_name", "blocked_host"])
        }
        "What is new?" => Expected::Newest,
        "What does the filter take away, and why?" => {
            Expected::Groups(all, ["filter_reason", "filter_rule"])
        }
        "Which browsers report?" => Expected::Groups(all, ["browser", "browser_major"]),
        "What is still loaded over plain HTTP?" => {
            let is_mixed = |record: &Record| record.text("classification") == Some("mixed_content");
            Expected::Groups(Box::new(is_mixed), ["blocked_host", "app_name"])
        }
        "What is the story of one fingerprint?" => {
            let story = story.to_owned();
            let is_it = move |record: &Record| record.text("fingerprint") == Some(&story);
            Expected::Groups(Box::new(is_it), ["release", "browser"])
        }
        "What could not be read?" => Expected::Groups(all, ["reason", "app_name"]),
        "What else do browsers report?" => Expected::Groups(all, ["report_type", "report_host"]),
        _ => bail!("nobody knows what to expect of the question {heading:?}"),
    })
}

/// The question after which the field asks first.
fn is_the_first(record: &Record) -> bool {
    record.text("classification") == Some("mixed_content")
        && record.text("app_name") == Some("monorail")
        && matches!(record.text("blocked_host"), Some("twimg.com" | "twitter.com"))
        && record.text("violation_type") == Some("script-src")
}

/// Reads the blocks: ```` ```text INDEX ```` holds a query, ```` ```json INDEX ```` a search.
fn read(document: &str) -> Result<Vec<Question>> {
    let (mut questions, mut heading) = (Vec::new(), "");
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        heading = line.strip_prefix("### ").unwrap_or(heading);
        let Some((language, index)) =
            line.strip_prefix("```").and_then(|line| line.split_once(' '))
        else {
            continue;
        };
        let block = lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n");
        let asked = match language {
            "text" => Asked::Query(block),
            "json" => Asked::Search(serde_json::from_str(&block).context(heading.to_owned())?),
            _ => bail!("{heading}: {language}?"),
        };
        questions.push(Question { heading: heading.to_owned(), index: index.to_owned(), asked });
    }
    Ok(questions)
}

fn answer(client: &Client, question: &Question) -> Result<Value> {
    match &question.asked {
        Asked::Query(text) => {
            let query = json!({ "query_string": { "query": text } });
            Ok(json!({ "count": client.count(&question.index, &query)? }))
        }
        Asked::Search(search) => client.search(&question.index, search),
    }
}

/// Holds an answer against the records; gives it in few words.
fn judge(answer: &Value, expected: &Expected, records: &[&Record]) -> Result<String> {
    match expected {
        Expected::Count(is_so) => {
            let count = records.iter().filter(|record| is_so(record)).count();
            ensure!(count > 0, "the traffic has no such record, so nothing is shown");
            ensure!(answer["count"] == count, "{} where {count} are so", answer["count"]);
            Ok(count.to_string())
        }
        Expected::Groups(is_so, [outer, inner]) => {
            let so: Vec<&Record> = records.iter().copied().filter(|record| is_so(record)).collect();
            let buckets = same_groups(&answer["aggregations"]["groups"], outer, &so)?;
            ensure!(!buckets.is_empty(), "the traffic has no such record, so nothing is shown");
            for bucket in buckets {
                let within: Vec<&Record> = so
                    .iter()
                    .copied()
                    .filter(|record| record.fields.get(*outer) == Some(&bucket["key"]))
                    .collect();
                same_groups(&bucket["groups"], inner, &within)?;
            }
            Ok(shown(buckets))
        }
        Expected::Newest => newest(&answer["aggregations"]["groups"], records),
    }
}

/// Groups by one field are those that the records give, the largest first, and none is left out
/// without a number.
fn same_groups<'a>(groups: &'a Value, field: &str, records: &[&Record]) -> Result<&'a [Value]> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for value in records.iter().filter_map(|record| record.fields.get(field)) {
        *counts.entry(value.to_string()).or_default() += 1;
    }
    let buckets = groups["buckets"].as_array().with_context(|| format!("no groups by {field}"))?;
    let mut total = groups["sum_other_doc_count"].as_u64().unwrap_or_default();
    let mut largest = counts.values().copied().max();
    for bucket in buckets {
        let (key, count) = (bucket["key"].to_string(), bucket["doc_count"].as_u64());
        ensure!(counts.get(&key).copied() == count, "{field} {key}: {count:?}");
        ensure!(largest.take().is_none_or(|most| Some(most) == count), "{key} is not the largest");
        total += count.unwrap_or_default();
    }
    ensure!(total == counts.values().sum::<u64>(), "{total} records have a {field}");
    Ok(buckets)
}

/// Fingerprints come by the time they were seen first, the newest before all others.
fn newest(groups: &Value, records: &[&Record]) -> Result<String> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for record in records {
        let fingerprint = record.text("fingerprint").context("fingerprint")?;
        let time = record.text("@timestamp").context("@timestamp")?;
        let known = first.entry(fingerprint).or_insert(time);
        *known = time.min(known);
    }
    let mut times: Vec<&str> = first.values().copied().collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    let buckets = groups["buckets"].as_array().context("no groups")?;
    ensure!(buckets.len() > 1, "{} fingerprints", buckets.len());
    for (bucket, time) in buckets.iter().zip(times) {
        let fingerprint = bucket["key"].as_str().unwrap_or_default();
        let told = bucket["first"]["value_as_string"].as_str();
        ensure!(told == Some(time), "{told:?} is not the next newest: {time}");
        ensure!(first.get(fingerprint) == told.as_ref(), "{fingerprint} was seen before");
    }
    let what = &buckets[0]["what"]["hits"]["hits"][0]["_source"];
    Ok(format!("{} at {}", what, first.values().max().unwrap_or(&"")))
}

fn most_frequent(records: &Records) -> Result<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records.of("clean")? {
        // A story is told by release.
        let is_told = record.text("release").is_some();
        let fingerprint = record.text("fingerprint").filter(|_| is_told);
        *counts.entry(fingerprint.unwrap_or_default()).or_default() += 1;
    }
    counts.remove("");
    let most = counts.into_iter().max_by_key(|&(_, count)| count);
    Ok(most.context("no fingerprint")?.0.to_owned())
}

/// The first groups, in one line.
fn shown(buckets: &[Value]) -> String {
    let group = |bucket: &Value| {
        let inner = bucket["groups"]["buckets"].as_array().into_iter().flatten().take(3);
        let inner: Vec<String> = inner
            .map(|bucket| format!("{} {}", key(&bucket["key"]), bucket["doc_count"]))
            .collect();
        format!("{} {} ({})", key(&bucket["key"]), bucket["doc_count"], inner.join(", "))
    };
    buckets.iter().take(4).map(group).collect::<Vec<_>>().join("; ")
}

fn key(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

/// Questions that the document asks.
const QUESTIONS: usize = 11;
