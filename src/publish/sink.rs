//! Where records go, and the promise that they got there.

use super::kafka;
use crate::report::{Batch, Rejection, Stream};
use crate::store;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// The place where batches become durable. A closed set: we know all the cases.
#[derive(Debug, Clone)]
pub enum Sink {
    /// The embedded store.
    Store(store::Handle),
    /// Kafka, and the spool behind it.
    Kafka(kafka::Handle),
    /// Batches in memory: for benches, and for tests of what comes before.
    Memory(Arc<Mutex<Vec<Batch>>>),
}

/// The promise that all records of one batch are durable. Await it.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<(), NotDurable>>);

/// How a batch ended.
pub type Settled = Result<Landed, NotDurable>;

/// All records of a batch are durable.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Landed {
    /// Records that could not be taken as they are.
    pub unfit: Vec<Unfit>,
}

/// A record that could not be taken as it is. A specimen of it is in the rejected stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit {
    /// Its place in the batch.
    pub place: usize,
    /// The stream that it was for.
    pub stream: Stream,
    pub rejection: Rejection,
}

/// The sink could not make a batch durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the records could not be made durable")]
pub struct NotDurable;

/// The sink has no room for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sink has no room")]
pub struct NoRoom;

impl Sink {
    /// Hands a batch over and returns at once.
    ///
    /// `settled` is told how it ended, exactly once unless there is no room; it runs on the
    /// sink's thread and must be quick.
    pub fn publish(
        &self,
        batch: Batch,
        settled: impl FnOnce(Settled) + Send + 'static,
    ) -> Result<Receipt, NoRoom> {
        let (sender, receiver) = oneshot::channel();
        let done = move |result: Settled| {
            let told = result.as_ref().map(|_| ()).map_err(|error| *error);
            settled(result);
            // Nobody waits when the client has gone; the records are durable all the same.
            let _ = sender.send(told);
        };
        match self {
            Self::Store(store) => store
                .append(batch, move |result| {
                    done(result.map(|()| Landed::default()).map_err(|_| NotDurable));
                })
                .map_err(|_| NoRoom)?,
            Self::Kafka(kafka) => kafka.publish(batch, Box::new(done))?,
            Self::Memory(batches) => {
                let kept = batches.lock().map(|mut batches| batches.push(batch));
                done(kept.map(|()| Landed::default()).map_err(|_| NotDurable));
            }
        }
        Ok(Receipt(receiver))
    }

    /// Whether a batch can be expected to become durable now.
    pub fn is_ready(&self) -> bool {
        match self {
            Self::Store(store) => store.is_ready(),
            Self::Kafka(kafka) => kafka.is_ready(),
            Self::Memory(_) => true,
        }
    }
}

impl Future for Receipt {
    type Output = Result<(), NotDurable>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A sink that went away without a word has made nothing durable.
        Pin::new(&mut self.0).poll(context).map(|told| told.unwrap_or(Err(NotDurable)))
    }
}
