//! HTTP/1.1 as far as the rig speaks it: one connection, one request after the other.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An open connection, and what was read of it beyond the last answer.
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer to one request.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub has_retry_after: bool,
    /// The server will close the connection.
    pub closes: bool,
    pub body: String,
}

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    pub fn send(&mut self, request: &str) -> io::Result<()> {
        self.stream.write_all(request.as_bytes())
    }

    /// Waits for an answer. An error is the end of the connection.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let head_size = loop {
            if let Some(at) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            self.read()?;
        };
        let head: Vec<u8> = self.unread.drain(..head_size).collect();
        let (mut answer, length) = read_head(&String::from_utf8_lossy(&head))
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP"))?;
        while self.unread.len() < length {
            self.read()?;
        }
        let body: Vec<u8> = self.unread.drain(..length).collect();
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Ok(answer)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            size => {
                self.unread.extend_from_slice(&bytes[..size]);
                Ok(())
            }
        }
    }
}

/// Asks for a path on a connection of its own.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut connection = Connection::open(address)?;
    connection.send(&format!("GET {path} HTTP/1.1\r\nHost: rig\r\n\r\n"))?;
    connection.answer()
}

/// The answer that a head begins, and the length of its body.
fn read_head(head: &str) -> Option<(Answer, usize)> {
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer { status, ..Answer::default() };
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "retry-after" => answer.has_retry_after = true,
            "connection" => answer.closes = value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    Some((answer, length))
}

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
