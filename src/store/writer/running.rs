//! The thread that the writer runs on.

use super::Writer;
use crate::store::queue::Queue;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The writer's thread. Dropping it closes the queue and waits until all is written.
#[derive(Debug)]
pub(in crate::store) struct Running {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
    /// Locked as long as it is open, which is until the writer has ended.
    _lock: File,
}

impl Running {
    /// Starts the thread; the lock is that of the data directory.
    pub(in crate::store) fn start(writer: Writer, lock: File) -> io::Result<Self> {
        let queue = writer.queue.clone();
        let thread =
            std::thread::Builder::new().name("cspipe-store".to_owned()).spawn(|| writer.run())?;
        Ok(Self { queue, thread: Some(thread), _lock: lock })
    }

    pub(in crate::store) fn queue(&self) -> Arc<Queue> {
        self.queue.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.queue.close();
        // A writer that panicked has said so on standard error, and its queue is answered.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
