//! The oracle: what was sent and answered, held against what Kafka and the spool hold.
//!
//! Every report that was answered with 204 must be in Kafka or in the spool. Nothing may be there
//! that was never sent, or that is not what was sent. A report has one id for ever: more than one
//! copy of an id is a duplicate, which is allowed, and all copies are equal byte for byte.

use crate::ledger::{End, Ledger};
use crate::reader::Delivered;
use crate::reports::{self, Kind};
use crate::topics::Stream;
use serde_json::Value;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Everything that was found so far.
#[derive(Default)]
pub struct Oracle {
    copies: HashMap<String, Copies>,
    /// The id of each report that was found, by number.
    ids: HashMap<(bool, u32), String>,
    invented: usize,
    wrong: Vec<String>,
    edge: String,
}

/// The copies of one id.
struct Copies {
    /// Of the bytes, and their number.
    hash: (u64, usize),
    in_kafka: usize,
    in_spool: usize,
}

/// What the oracle says.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Distinct ids in Kafka.
    pub delivered: usize,
    /// Copies in Kafka beyond the first of each id.
    pub duplicates: usize,
    /// Rows in the spool.
    pub left: usize,
    /// Reports that were answered with 204 and are nowhere.
    pub lost: Vec<Lost>,
    /// Records that nobody sent.
    pub invented: usize,
    /// Records that are not as they have to be, in words; the first few.
    pub wrong: Vec<String>,
}

/// A report that is nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    pub number: u32,
    pub stream: Stream,
    /// When it was answered, since the scenario began.
    pub answered: Duration,
}

impl Oracle {
    /// `edge` is the name that records bear.
    pub fn new(edge: &str) -> Self {
        Self { edge: edge.to_owned(), ..Self::default() }
    }

    /// Looks at a message.
    pub fn delivered(&mut self, message: &Delivered<'_>, ledger: &Ledger) {
        let Some((id, record)) = self.record(message.payload, Some(message.stream), ledger) else {
            return;
        };
        if message.key.is_some() {
            self.complain(format!("{id} has a key"));
        }
        let text = |name: &str| match record.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let wanted = [("id", "id"), ("app", "app_name"), ("schema", "schema"), ("edge", "edge")];
        for (header, field) in wanted {
            let found: Vec<_> =
                message.headers.iter().filter(|(name, _)| *name == header).collect();
            let value = text(field);
            if found.len() != 1 || found[0].1 != value.as_bytes() {
                self.complain(format!("{id}: header {header} is {found:?}, not {value:?}"));
            }
        }
        self.copy(&id, message.payload, |copies| copies.in_kafka += 1);
    }

    /// Looks at a row of the spool.
    pub fn spooled(&mut self, row: &str, ledger: &Ledger) {
        if let Some((id, _)) = self.record(row.as_bytes(), None, ledger) {
            self.copy(&id, row.as_bytes(), |copies| copies.in_spool += 1);
        }
    }

    /// Forgets what is in the spool, to look at it anew. What is in Kafka stays there.
    pub fn forget_spool(&mut self) {
        self.copies.values_mut().for_each(|copies| copies.in_spool = 0);
    }

    /// Says what became of everything.
    pub fn judge(&self, ledger: &Ledger) -> Judgement {
        let accepted = ledger.accepted();
        let is_there = |number: u32| {
            let copies = self.ids.get(&(true, number)).and_then(|id| self.copies.get(id));
            copies.is_some_and(|copies| copies.in_kafka + copies.in_spool > 0)
        };
        let lost = accepted.iter().filter(|(number, _)| !is_there(**number));
        let lost = lost.map(|(&number, &stream)| {
            let answered = ledger.when(reports::request_of(number));
            Lost { number, stream, answered }
        });
        Judgement {
            delivered: self.copies.values().filter(|copies| copies.in_kafka > 0).count(),
            duplicates: self.copies.values().map(|copies| copies.in_kafka.saturating_sub(1)).sum(),
            left: self.copies.values().map(|copies| copies.in_spool).sum(),
            lost: lost.collect(),
            invented: self.invented,
            wrong: self.wrong.clone(),
        }
    }

    /// Reads a record and holds it against the number that it bears; gives its id.
    fn record(
        &mut self,
        bytes: &[u8],
        topic: Option<Stream>,
        ledger: &Ledger,
    ) -> Option<(String, Value)> {
        let text = || String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
        let Ok(record) = serde_json::from_slice::<Value>(bytes) else {
            self.complain(format!("no JSON: {}", text()));
            return None;
        };
        let name = record.get("stream").and_then(Value::as_str);
        let stream = Stream::ALL.into_iter().find(|stream| Some(stream.name()) == name);
        let id = record.get("id").and_then(Value::as_str).map(str::to_owned);
        let (Some(stream), Some(id)) = (stream, id) else {
            self.complain(format!("no stream or no id: {}", text()));
            return None;
        };
        if topic.is_some_and(|topic| topic != stream) {
            self.complain(format!("{id} is in the topic of another stream: {}", text()));
        }
        if record.get("edge").and_then(Value::as_str) != Some(&self.edge) {
            self.complain(format!("{id} is not of this edge: {}", text()));
        }
        let number = reports::number_of(&record, stream);
        let Some(number) = number.filter(|&number| was_sent(number, stream, ledger)) else {
            self.invented += 1;
            self.complain(format!("nobody sent {}", text()));
            return None;
        };
        for (field, value) in reports::expected(number, stream) {
            let found = record.get(&field);
            if found != Some(&value) {
                self.complain(format!("{id}: {field} is {found:?}, not {value}"));
            }
        }
        let key = (stream != Stream::Rejected, number);
        let known = self.ids.entry(key).or_insert_with(|| id.clone());
        if *known != id {
            let complaint = format!("report {number} has two ids, {known} and {id}");
            self.complain(complaint);
        }
        Some((id, record))
    }

    fn copy(&mut self, id: &str, bytes: &[u8], count: impl FnOnce(&mut Copies)) {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let hash = (hasher.finish(), bytes.len());
        let first = Copies { hash, in_kafka: 0, in_spool: 0 };
        let copies = self.copies.entry(id.to_owned()).or_insert(first);
        count(copies);
        if copies.hash != hash {
            self.complain(format!("the copies of {id} differ"));
        }
    }

    fn complain(&mut self, complaint: String) {
        if self.wrong.len() < MAX_COMPLAINTS {
            self.wrong.push(complaint);
        }
    }
}

/// Whether a report of this number and stream was ever sent.
fn was_sent(number: u32, stream: Stream, ledger: &Ledger) -> bool {
    if stream == Stream::Rejected {
        let is_unreadable = reports::kind(number) == Kind::Unreadable;
        return is_unreadable && ledger.end(number).is_some();
    }
    let request = reports::request_of(number);
    // An unanswered or refused request may have come through as well as not.
    let sent = ledger.end(request).is_some_and(|end| end != End::Unreadable);
    sent && reports::reports(request).contains(&(number, stream))
}

/// Enough to see what is the matter.
const MAX_COMPLAINTS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The record that cspipe should make of a report.
    fn record(number: u32, stream: Stream, id: &str) -> String {
        let mut record = reports::expected(number, stream);
        record.insert("id".to_owned(), id.into());
        record.insert("edge".to_owned(), "rig".into());
        Value::from(record).to_string()
    }

    fn delivered<'m>(payload: &'m str, id: &'m str) -> Delivered<'m> {
        let headers = [("id", id), ("app", "shop-0"), ("schema", "1"), ("edge", "rig")];
        let headers = headers.map(|(name, value)| (name, value.as_bytes())).to_vec();
        Delivered { stream: Stream::Clean, key: None, headers, payload: payload.as_bytes() }
    }

    /// A ledger of one request that was accepted.
    fn ledger() -> Ledger {
        let ledger = Ledger::open();
        let request = ledger.next();
        ledger.ended(request, End::Accepted, Duration::ZERO);
        ledger
    }

    #[test]
    fn a_report_that_is_nowhere_is_lost() {
        let judgement = Oracle::new("rig").judge(&ledger());
        assert_eq!(judgement.lost.iter().map(|lost| lost.number).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_report_in_kafka_or_in_the_spool_is_not() {
        let ledger = ledger();
        let record = record(1, Stream::Clean, "a");
        let mut kafka = Oracle::new("rig");
        kafka.delivered(&delivered(&record, "a"), &ledger);
        kafka.delivered(&delivered(&record, "a"), &ledger);
        let judgement = kafka.judge(&ledger);
        assert_eq!((judgement.delivered, judgement.duplicates), (1, 1));
        assert!(judgement.lost.is_empty() && judgement.wrong.is_empty(), "{judgement:?}");
        let mut spool = Oracle::new("rig");
        spool.spooled(&record, &ledger);
        let judgement = spool.judge(&ledger);
        assert!(judgement.lost.is_empty() && judgement.left == 1, "{judgement:?}");
        spool.forget_spool();
        assert_eq!(spool.judge(&ledger).lost.len(), 1, "it has left the spool for nowhere");
    }

    #[test]
    fn what_nobody_sent_is_invented() {
        let mut oracle = Oracle::new("rig");
        oracle.spooled(&record(11, Stream::Clean, "a"), &ledger());
        assert_eq!(oracle.judge(&ledger()).invented, 1);
    }

    #[test]
    fn whatever_else_is_wrong_is_told() {
        let ledger = ledger();
        let sound = record(1, Stream::Clean, "a");
        let cases: &[(&str, Vec<String>)] = &[
            ("differ", vec![sound.clone(), format!("{sound} ")]),
            ("two ids", vec![sound.clone(), record(1, Stream::Clean, "b")]),
            ("blocked_uri", vec![sound.replace("/1.js", "/2.js")]),
            ("edge", vec![sound.replace("\"rig\"", "\"other\"")]),
            ("no JSON", vec![sound.replace('}', "")]),
        ];
        for (wanted, rows) in cases {
            let mut oracle = Oracle::new("rig");
            for row in rows {
                oracle.spooled(row, &ledger);
            }
            let wrong = oracle.judge(&ledger).wrong;
            assert!(wrong.iter().any(|wrong| wrong.contains(wanted)), "{wanted}: {wrong:?}");
        }
        for (wanted, message) in [
            ("key", Delivered { key: Some(b"k"), ..delivered(&sound, "a") }),
            ("header id", delivered(&sound, "b")),
            ("another stream", Delivered { stream: Stream::Other, ..delivered(&sound, "a") }),
        ] {
            let mut oracle = Oracle::new("rig");
            oracle.delivered(&message, &ledger);
            let wrong = oracle.judge(&ledger).wrong;
            assert!(wrong.iter().any(|wrong| wrong.contains(wanted)), "{wanted}: {wrong:?}");
        }
    }
}
