//! A TCP stream that sees what hyper does not show, and that closes politely.
//!
//! What passes through goes to hyper unchanged. Two things are added:
//!
//! - hyper drops the `Content-Length` of a request that is also chunked, and answers it (RFC 9112
//!   section 6.3 allows that). Two servers that disagree about where such a request ends are how
//!   requests are smuggled, so it has to be refused, and only the bytes tell. So the lines that
//!   begin with `Content-Length:` are counted here, wherever they stand.
//! - When a body is refused unread, closing at once would make the kernel reset the connection,
//!   and the client would never see why. So a little more is read, and thrown away.
//!
//! Nothing here understands a request, and nothing is kept of what was read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// The stream of one connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    notes: Arc<Notes>,
    /// How much of [`LINE`] the last bytes that were read match.
    matched: usize,
    closing: Option<Closing>,
}

/// What a socket and the requests on it tell each other.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// `Content-Length` lines that were read and belong to no request yet.
    lengths: AtomicUsize,
    heard: AtomicBool,
    refused_body: AtomicBool,
}

/// The write side is shut down; the read side is being emptied.
#[derive(Debug)]
struct Closing {
    left: usize,
    patience: Pin<Box<Sleep>>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> (Self, Arc<Notes>) {
        let notes = Arc::new(Notes::default());
        (Self { stream, notes: Arc::clone(&notes), matched: 0, closing: None }, notes)
    }

    /// Counts the lines that begin with `Content-Length:`, across reads.
    fn scan(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.matched == 0 {
                let Some(at) = memchr::memchr(LINE[0], bytes) else {
                    return;
                };
                bytes = &bytes[at..];
            }
            let byte = bytes[0].to_ascii_lowercase();
            bytes = &bytes[1..];
            self.matched = if byte == LINE[self.matched] {
                self.matched + 1
            } else {
                // The line feed stands at the front of LINE alone: no other restart is possible.
                usize::from(byte == LINE[0])
            };
            if self.matched == LINE.len() {
                self.matched = 0;
                self.notes.lengths.fetch_add(1, Relaxed);
            }
        }
    }

    /// Reads what still arrives, and throws it away, for a while.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(closing) = &mut self.closing else {
            return Poll::Ready(());
        };
        let mut scratch = [0; 4096];
        while closing.left > 0 {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    closing.left = closing.left.saturating_sub(buffer.filled().len());
                }
                Poll::Pending if self.notes.refused_body.load(Relaxed) => {
                    return closing.patience.as_mut().poll(cx);
                }
                // The client is gone, or nothing of a refused body can be on its way.
                Poll::Ready(_) | Poll::Pending => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }
}

impl Notes {
    /// Whether bytes came in at all.
    pub(super) fn heard(&self) -> bool {
        self.heard.load(Relaxed)
    }

    /// Says that a body was refused unread, and that the connection closes therefore.
    pub(super) fn refused_body(&self) {
        self.refused_body.store(true, Relaxed);
    }

    /// Takes the line of a request whose length hyper shows. To be called for each such request.
    pub(super) fn claim_length(&self) {
        // More requests than lines cannot be; were it so, none would be left over.
        let _ = self.lengths.fetch_update(Relaxed, Relaxed, |lines| lines.checked_sub(1));
    }

    /// Whether a chunked request may have had a length that hyper dropped.
    ///
    /// Never misses one. It is wrong where a chunked request is followed in the same read by one
    /// with a length, and after a body that had such a line in it. Browsers and proxies send
    /// neither.
    pub(super) fn dropped_length(&self) -> bool {
        self.lengths.load(Relaxed) > 0
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let new = &buffer.filled()[before..];
        if !new.is_empty() {
            self.notes.heard.store(true, Relaxed);
            self.scan(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.closing =
                Some(Closing { left: LINGER_BYTES, patience: Box::pin(sleep(LINGER_TIME)) });
        }
        self.poll_linger(cx).map(Ok)
    }
}

/// The beginning of the line that hyper may drop. hyper refuses white space before the colon.
const LINE: &[u8] = b"\ncontent-length:";

/// How much is read from a connection whose body was refused.
const LINGER_BYTES: usize = 64 * 1024;

/// How long such a connection stays open.
const LINGER_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts as a socket would that reads `text` in pieces of `size` bytes.
    async fn lengths(text: &str, size: usize) -> usize {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut socket, notes) = Socket::new(stream);
        for piece in text.as_bytes().chunks(size) {
            socket.scan(piece);
        }
        notes.lengths.load(Relaxed)
    }

    #[test]
    fn length_lines_are_counted_however_the_bytes_arrive() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        for (text, count) in [
            ("POST /csp HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 1),
            ("POST /csp HTTP/1.1\nCONTENT-length:3\n\n", 1),
            ("POST /csp HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 1),
            ("A\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 2),
            ("A\r\n\n\ncontent-length: 3\r\n", 1),
            ("A\r\nX-Content-Length: 3\r\n", 0),
            ("A\r\nContent-Lengt\r\nContent-Type: x\r\n", 0),
        ] {
            for size in 1..=text.len() {
                assert_eq!(runtime.block_on(lengths(text, size)), count, "{text:?} by {size}");
            }
        }
    }
}
