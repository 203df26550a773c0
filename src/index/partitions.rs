//! How far each partition is answered.
//!
//! In: what was taken out of a partition, and what of it is done, in any order. Out: the offset up
//! to which everything is done, which is all that may ever be committed. It knows neither Kafka
//! nor Elasticsearch.

use super::batch::Place;
use crate::report::Stream;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// The partitions that this indexer has.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    all: BTreeMap<(Stream, i32), Partition>,
    /// The last that was given out.
    epoch: u32,
}

/// One partition in one assignment.
#[derive(Debug)]
struct Partition {
    /// The epoch in which the assignment began.
    assigned: u32,
    epoch: u32,
    /// The last offset that was taken.
    taken: Option<i64>,
    /// What was taken and is not behind the answered prefix: its offset, its epoch, and whether it
    /// is done.
    window: VecDeque<(i64, u32, bool)>,
    /// Up to here everything is done: the offset to go on from.
    answered: Option<i64>,
    /// What left the window and is not known to be committed, as ranges of offsets: all of it was
    /// read. Between two of them nothing was.
    unsaved: VecDeque<Range<i64>>,
    /// What is known to be committed.
    committed: Option<i64>,
}

impl Partitions {
    /// A partition was assigned. What is still heard of it from before counts no more.
    pub(super) fn assign(&mut self, stream: Stream, partition: i32) {
        self.epoch += 1;
        let fresh = Partition {
            assigned: self.epoch,
            epoch: self.epoch,
            taken: None,
            window: VecDeque::new(),
            answered: None,
            unsaved: VecDeque::new(),
            committed: None,
        };
        self.all.insert((stream, partition), fresh);
    }

    /// A partition was taken away.
    pub(super) fn revoke(&mut self, stream: Stream, partition: i32) {
        self.all.remove(&(stream, partition));
    }

    /// The last offset that was taken, when one that was read now is not behind it.
    pub(super) fn went_back(&self, stream: Stream, partition: i32, offset: i64) -> Option<i64> {
        self.all.get(&(stream, partition))?.taken.filter(|taken| offset <= *taken)
    }

    /// A record was read. Nothing when its partition is not ours.
    pub(super) fn take(&mut self, stream: Stream, partition: i32, offset: i64) -> Option<Place> {
        let went_back = self.went_back(stream, partition, offset).is_some();
        let known = self.all.get_mut(&(stream, partition))?;
        // A topic was made anew, or its end was lost: what stood from here on is no more, and late
        // answers to it say nothing of what stands there now. What is below is there still, and
        // nothing is committed beyond it before it is done.
        if went_back {
            self.epoch += 1;
            known.epoch = self.epoch;
            let below = known.window.partition_point(|(at, ..)| *at < offset);
            known.window.truncate(below);
            known.answered = known.answered.filter(|answered| *answered <= offset);
            known.unsaved.clear();
            known.committed = None;
        }
        known.taken = Some(offset);
        known.window.push_back((offset, known.epoch, false));
        Some(Place { partition, epoch: known.epoch, offset })
    }

    /// A record is done: Elasticsearch has it, or its refusal is in Kafka.
    pub(super) fn done(&mut self, stream: Stream, place: Place) {
        let Some(known) = self.all.get_mut(&(stream, place.partition)) else { return };
        if let Ok(at) = known.window.binary_search_by_key(&place.offset, |(offset, ..)| *offset)
            && let Some((_, epoch, is_done)) = known.window.get_mut(at)
            && *epoch == place.epoch
        {
            *is_done = true;
        }
        while let Some((offset, _, true)) = known.window.front() {
            known.answered = Some(offset + 1);
            match known.unsaved.back_mut() {
                Some(last) if last.end == *offset => last.end += 1,
                _ => known.unsaved.push_back(*offset..offset + 1),
            }
            known.window.pop_front();
        }
    }

    /// Whether a place is in a partition that is ours, in the assignment in which it was read.
    pub(super) fn is_ours(&self, stream: Stream, place: Place) -> bool {
        self.all.get(&(stream, place.partition)).is_some_and(|known| known.assigned <= place.epoch)
    }

    /// How many records of a partition stand behind one that is not done.
    pub(super) fn window(&self, stream: Stream, partition: i32) -> usize {
        self.all.get(&(stream, partition)).map_or(0, |known| known.window.len())
    }

    /// Whether all that was taken is done.
    pub(super) fn is_settled(&self, stream: Stream, partition: i32) -> bool {
        self.all.get(&(stream, partition)).is_none_or(|known| known.window.is_empty())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Stream, i32)> {
        self.all.keys().copied()
    }

    /// The offsets that may be committed and are not.
    pub(super) fn to_commit(&self) -> impl Iterator<Item = (Stream, i32, i64)> {
        self.all.iter().filter_map(|((stream, partition), known)| {
            let answered = known.answered.filter(|_| known.committed != known.answered)?;
            Some((*stream, *partition, answered))
        })
    }

    /// An offset was committed.
    pub(super) fn committed(&mut self, stream: Stream, partition: i32, offset: i64) {
        if let Some(known) = self.all.get_mut(&(stream, partition)) {
            known.committed = Some(offset);
            while known.unsaved.front().is_some_and(|range| range.end <= offset) {
                known.unsaved.pop_front();
            }
        }
    }

    /// How many records of a partition Kafka has deleted that nobody has indexed: they stood
    /// between what is committed, which is `before` where nothing was committed from here, and
    /// `low`, where the partition begins now. What was read before it was deleted is not lost.
    pub(super) fn expired(
        &self,
        stream: Stream,
        partition: i32,
        before: Option<i64>,
        low: i64,
    ) -> i64 {
        let Some(known) = self.all.get(&(stream, partition)) else { return 0 };
        let Some(from) = known.committed.or(before) else { return 0 };
        let is_read = |(offset, ..): &&(i64, u32, bool)| (from..low).contains(offset);
        let read = known.window.iter().filter(is_read).count();
        let unsaved = known.unsaved.iter();
        let answered: i64 =
            unsaved.map(|range| (range.end.min(low) - range.start.max(from)).max(0)).sum();
        (low - from).max(0) - answered - i64::try_from(read).unwrap_or(i64::MAX)
    }

    /// The offset that a partition waits for.
    pub(super) fn first_undone(&self, stream: Stream, partition: i32) -> Option<i64> {
        self.all.get(&(stream, partition))?.window.front().map(|(offset, ..)| *offset)
    }

    /// What is known to be committed of each partition.
    pub(super) fn positions(&self) -> impl Iterator<Item = (Stream, i32, Option<i64>)> {
        let all = self.all.iter();
        all.map(|((stream, partition), known)| (*stream, *partition, known.committed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLEAN: Stream = Stream::Clean;

    fn partitions() -> Partitions {
        let mut partitions = Partitions::default();
        partitions.assign(CLEAN, 0);
        partitions
    }

    #[test]
    fn only_what_is_behind_nothing_undone_is_committed() {
        let mut partitions = partitions();
        // Offsets have gaps where a topic was compacted.
        let places = [3, 4, 7, 8].map(|at| partitions.take(CLEAN, 0, at).expect("ours"));
        assert_eq!(partitions.to_commit().count(), 0);
        partitions.done(CLEAN, places[1]);
        partitions.done(CLEAN, places[2]);
        assert_eq!(partitions.to_commit().count(), 0);
        partitions.done(CLEAN, places[0]);
        assert_eq!(partitions.to_commit().collect::<Vec<_>>(), [(CLEAN, 0, 8)]);
        partitions.committed(CLEAN, 0, 8);
        assert_eq!(partitions.to_commit().count(), 0);
        assert!(!partitions.is_settled(CLEAN, 0));
        partitions.done(CLEAN, places[3]);
        partitions.done(CLEAN, places[3]);
        assert_eq!(partitions.to_commit().collect::<Vec<_>>(), [(CLEAN, 0, 9)]);
        assert!(partitions.is_settled(CLEAN, 0));
    }

    #[test]
    fn late_answers_of_a_lost_partition_are_ignored() {
        let mut partitions = partitions();
        let place = partitions.take(CLEAN, 0, 5).expect("ours");
        partitions.revoke(CLEAN, 0);
        partitions.done(CLEAN, place);
        assert!(!partitions.is_ours(CLEAN, place));
        assert_eq!(partitions.take(CLEAN, 0, 6), None);
        partitions.assign(CLEAN, 0);
        let again = partitions.take(CLEAN, 0, 5).expect("ours again");
        partitions.done(CLEAN, place);
        assert_eq!(partitions.to_commit().count(), 0);
        partitions.done(CLEAN, again);
        assert_eq!(partitions.to_commit().collect::<Vec<_>>(), [(CLEAN, 0, 6)]);
    }

    #[test]
    fn a_topic_that_was_made_anew_begins_anew() {
        let mut partitions = partitions();
        let old = partitions.take(CLEAN, 0, 500).expect("ours");
        let new = partitions.take(CLEAN, 0, 0).expect("ours");
        partitions.done(CLEAN, old);
        assert_eq!(partitions.to_commit().count(), 0);
        partitions.done(CLEAN, new);
        assert_eq!(partitions.to_commit().collect::<Vec<_>>(), [(CLEAN, 0, 1)]);
    }

    #[test]
    fn what_is_undone_below_a_lost_end_is_not_passed_over() {
        let mut partitions = partitions();
        let old: Vec<_> =
            (100..110).map(|at| partitions.take(CLEAN, 0, at).expect("ours")).collect();
        partitions.done(CLEAN, old[0]);
        let new: Vec<_> =
            (105..108).map(|at| partitions.take(CLEAN, 0, at).expect("ours")).collect();
        // What had been read from where the end was lost says nothing of what stands there now.
        old[5..].iter().for_each(|place| partitions.done(CLEAN, *place));
        assert_eq!(partitions.to_commit().collect::<Vec<_>>(), [(CLEAN, 0, 101)]);
        new.iter().for_each(|place| partitions.done(CLEAN, *place));
        assert_eq!(partitions.to_commit().collect::<Vec<_>>(), [(CLEAN, 0, 101)]);
        assert!(partitions.is_ours(CLEAN, old[1]));
        old[1..5].iter().for_each(|place| partitions.done(CLEAN, *place));
        assert_eq!(partitions.to_commit().collect::<Vec<_>>(), [(CLEAN, 0, 108)]);
        assert!(partitions.is_settled(CLEAN, 0));
    }

    #[test]
    fn what_is_deleted_before_it_is_read_is_lost_and_nothing_else() {
        let mut partitions = partitions();
        assert_eq!(partitions.expired(CLEAN, 0, None, 500), 0, "nothing is known");
        assert_eq!(partitions.expired(CLEAN, 0, Some(100), 100), 0);
        assert_eq!(partitions.expired(CLEAN, 0, Some(100), 500), 400);
        let places: Vec<_> =
            (100..110).map(|at| partitions.take(CLEAN, 0, at).expect("ours")).collect();
        assert_eq!(partitions.expired(CLEAN, 0, Some(100), 105), 0, "it is in memory");
        assert_eq!(partitions.expired(CLEAN, 0, Some(100), 500), 390);
        places.iter().for_each(|place| partitions.done(CLEAN, *place));
        assert_eq!(partitions.expired(CLEAN, 0, Some(100), 500), 390, "not committed yet");
        partitions.committed(CLEAN, 0, 110);
        assert_eq!(partitions.expired(CLEAN, 0, Some(100), 500), 390);
        assert_eq!(partitions.expired(CLEAN, 0, Some(100), 0), 0, "a topic made anew");
    }

    #[test]
    fn what_is_indexed_before_it_is_deleted_is_not_lost_although_no_commit_says_so() {
        let mut all = partitions();
        let places: Vec<_> = (100..500).map(|at| all.take(CLEAN, 0, at).expect("ours")).collect();
        places.iter().for_each(|place| all.done(CLEAN, *place));
        assert_eq!(all.expired(CLEAN, 0, Some(100), 300), 0);

        let mut late = partitions();
        let places: Vec<_> = (300..500).map(|at| late.take(CLEAN, 0, at).expect("ours")).collect();
        places[..100].iter().for_each(|place| late.done(CLEAN, *place));
        for low in [300, 350, 450] {
            assert_eq!(late.expired(CLEAN, 0, Some(100), low), 200, "{low}");
        }
        late.committed(CLEAN, 0, 400);
        assert_eq!(late.expired(CLEAN, 0, Some(100), 450), 0);
    }

    proptest! {
        #[test]
        fn nothing_undone_is_ever_behind_a_commit(order in Just((0..60i64).collect::<Vec<_>>()).prop_shuffle(), upto in 0usize..60) {
            let mut partitions = partitions();
            let places: Vec<_> =
                (0..60).map(|at| partitions.take(CLEAN, 0, at).expect("ours")).collect();
            for at in &order[..upto] {
                partitions.done(CLEAN, places[usize::try_from(*at).expect("small")]);
            }
            let first_undone = order[upto..].iter().min().copied().unwrap_or(60);
            let commit = partitions.to_commit().next().map_or(0, |(_, _, offset)| offset);
            prop_assert_eq!(commit, first_undone);
        }
    }
}
