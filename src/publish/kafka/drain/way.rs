//! Past records of topics that take nothing.
//!
//! In: a window that such records fill. Out: a window without them: they are behind all others in
//! the spool. When that is done, `turn` says.

use super::{Drain, Slot, State};
use crate::report::Stream;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

impl Drain {
    /// Puts records of topics that are stuck behind all others, when they are in the way.
    pub(super) fn make_way(&mut self, now: Instant) {
        let stuck = self.lanes.map(|lane| lane.is_stuck());
        let Some(oldest) = self.window.front().map(|slot| slot.record.seq) else { return };
        if self.turns.ends_at(oldest) {
            return self.turns.end(now);
        }
        if !stuck.contains(&true) {
            return self.turns.break_off(now);
        }
        if !self.turns.is_going() && !self.has_enough() {
            return;
        }
        // One that is due is to be tried, and until then none of its records goes away.
        let mut rests = stuck;
        for stream in Stream::ALL {
            let is_tried = |slot: &Slot| slot.is_flying() && slot.record.stream == *stream;
            let rests = &mut rests[*stream as usize];
            *rests &= self.lanes[*stream as usize].waits(now) || self.window.iter().any(is_tried);
        }
        let numbers: Vec<_> = {
            let late = &self.courier.flights().late;
            let slots = self.window.iter().filter(|slot| {
                slot.state == State::Waiting
                    && rests[slot.record.stream as usize]
                    && !self.turns.ends_at(slot.record.seq)
                    && late.place(slot.record.id).is_none()
            });
            let mut bytes = 0;
            slots
                .take_while(|slot| {
                    let before = bytes;
                    bytes += slot.record.json.len();
                    before < COPY_BYTES
                })
                .map(|slot| slot.record.seq)
                .collect()
        };
        if numbers.is_empty() {
            return;
        }
        if !self.turns.is_going() {
            let has_arrived = self.window.iter().any(|slot| slot.state == State::Acknowledged);
            let others = self.courier.spooled.of(|stream| !stuck[stream]);
            self.turns.begin(stuck, has_arrived, others, now);
            if !self.turns.is_going() {
                return;
            }
        }
        let (sender, put) = sync_channel(1);
        self.courier.spool.put_behind(numbers.clone(), move |result| {
            let _ = sender.send(result);
        });
        match put.recv() {
            Ok(Ok(put)) if put.records == numbers.len() as u64 => {
                self.turns.put_behind(put.first);
                for slot in &mut self.window {
                    if numbers.binary_search(&slot.record.seq).is_ok() {
                        slot.state = State::Acknowledged;
                    }
                }
            }
            // The store has said why, or has no room. They stay where they are.
            _ => self.turns.break_off(now),
        }
    }
}

/// About how many bytes of records are put behind all others at once.
const COPY_BYTES: usize = 1 << 20;
