//! The records of one `_bulk` request.
//!
//! In: records with their ids, one after the other. Out: a body of two lines for each, an action
//! and the record, and the place of each in Kafka. A record stands on one line whatever it holds,
//! so that none can break another's.

use bytes::Bytes;
use std::ops::Range;

/// Where a record stands in Kafka, and in which assignment of its partition it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) partition: i32,
    /// Told anew with each assignment, so that late answers of lost partitions are known.
    pub(super) epoch: u32,
    pub(super) offset: i64,
}

/// One record of a body.
#[derive(Debug, Clone)]
struct Entry {
    place: Place,
    /// Where the action begins; it ends where the record begins.
    start: usize,
    /// Where the record stands, without its newline.
    record: Range<usize>,
}

/// A body that grows.
#[derive(Debug)]
pub(super) struct Open {
    body: Vec<u8>,
    entries: Vec<Entry>,
}

/// A body as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    body: Bytes,
    entries: Vec<Entry>,
    /// How often it, or what it was taken from, was sent in vain.
    pub(super) tries: u32,
}

impl Open {
    pub(super) const fn new() -> Self {
        Self { body: Vec::new(), entries: Vec::new() }
    }

    /// Appends a record that was found to be one sound JSON object.
    pub(super) fn push(&mut self, id: &str, record: &[u8], place: Place) {
        let start = self.body.len();
        self.body.extend_from_slice(b"{\"create\":{\"_id\":");
        // Writing to a Vec cannot fail, and neither can a string.
        let _ = serde_json::to_writer(&mut self.body, id);
        self.body.extend_from_slice(b"}}\n");
        let begin = self.body.len();
        self.body.extend_from_slice(record);
        // In sound JSON a newline stands only between tokens, where a blank says the same.
        if memchr::memchr(b'\n', record).is_some() {
            for byte in &mut self.body[begin..] {
                if *byte == b'\n' {
                    *byte = b' ';
                }
            }
        }
        let record = begin..self.body.len();
        self.body.push(b'\n');
        self.entries.push(Entry { place, start, record });
    }

    pub(super) fn records(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Takes what there is, and leaves nothing.
    pub(super) fn close(&mut self) -> Batch {
        let size = self.body.len();
        let body = std::mem::replace(&mut self.body, Vec::with_capacity(size));
        Batch { body: body.into(), entries: std::mem::take(&mut self.entries), tries: 0 }
    }
}

impl Batch {
    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
    }

    pub(super) fn records(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// The places of its records, in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.entries.iter().map(|entry| entry.place)
    }

    /// One of its records.
    pub(super) fn record(&self, at: usize) -> &[u8] {
        self.entries.get(at).map_or(&[], |entry| &self.body[entry.record.clone()])
    }

    /// A body of some of its records; nothing when there are none.
    pub(super) fn only(&self, mut wanted: impl FnMut(usize, Place) -> bool) -> Option<Self> {
        let mut open = Open::new();
        for (at, entry) in self.entries.iter().enumerate() {
            if wanted(at, entry.place) {
                let start = open.body.len();
                open.body.extend_from_slice(&self.body[entry.start..=entry.record.end]);
                let shift = |at: usize| at - entry.start + start;
                let record = shift(entry.record.start)..shift(entry.record.end);
                open.entries.push(Entry { place: entry.place, start, record });
            }
        }
        let tries = self.tries;
        (open.records() > 0).then(|| Self { tries, ..open.close() })
    }

    /// Its two halves; nothing when there is but one record.
    pub(super) fn halves(&self) -> Option<[Self; 2]> {
        let middle = self.records() / 2;
        let first = self.only(|at, _| at < middle)?;
        let second = self.only(|at, _| at >= middle)?;
        Some([first, second])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn place(offset: i64) -> Place {
        Place { partition: 1, epoch: 7, offset }
    }

    fn batch(records: &[(&str, &str)]) -> Batch {
        let mut open = Open::new();
        for (offset, (id, record)) in (0..).zip(records) {
            open.push(id, record.as_bytes(), place(offset));
        }
        open.close()
    }

    #[test]
    fn every_record_is_two_lines_whatever_it_holds() {
        let batch = batch(&[("a", "{\"id\":\"a\"}"), ("\"\n", "{\n\"id\":\"\\\"\\n\"\n}\n")]);
        let body = String::from_utf8(batch.body().to_vec()).expect("text");
        assert_eq!(
            body.lines().collect::<Vec<_>>(),
            [
                r#"{"create":{"_id":"a"}}"#,
                r#"{"id":"a"}"#,
                r#"{"create":{"_id":"\"\n"}}"#,
                r#"{ "id":"\"\n" } "#,
            ]
        );
        assert!(body.ends_with('\n'));
        assert_eq!(batch.record(0), br#"{"id":"a"}"#);
        assert_eq!(batch.record(2), b"");
    }

    #[test]
    fn parts_of_a_batch_are_batches() {
        let records = [("a", "{1}"), ("b", "{22}"), ("c", "{333}")];
        let mut whole = batch(&records);
        whole.tries = 3;
        let some = whole.only(|at, _| at != 1).expect("two");
        assert_eq!(some.body(), batch(&[records[0], records[2]]).body());
        assert_eq!(some.places().map(|place| place.offset).collect::<Vec<_>>(), [0, 2]);
        assert_eq!((some.record(1), some.tries), (b"{333}".as_slice(), 3));
        assert!(whole.only(|_, _| false).is_none());
        let [first, second] = whole.halves().expect("three can be halved");
        assert_eq!((first.records(), second.records()), (1, 2));
        assert_eq!([first.body(), second.body()].concat(), whole.body());
        assert!(first.halves().is_none());
    }
}
