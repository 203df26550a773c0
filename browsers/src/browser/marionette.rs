//! Marionette, the protocol by which Firefox is driven.
//!
//! geckodriver only translates WebDriver into it, and Debian has no geckodriver. A message is its
//! length in bytes, a colon, and a JSON array (`remote/doc/marionette/Protocol.md` in
//! mozilla-central).

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection to a running Firefox.
pub struct Marionette {
    stream: TcpStream,
    last: u64,
}

impl Marionette {
    /// Connects, and reads the greeting.
    pub async fn connect(port: u16) -> Result<Self> {
        let mut marionette =
            Self { stream: TcpStream::connect(("127.0.0.1", port)).await?, last: 0 };
        marionette.receive().await.context("no greeting")?;
        Ok(marionette)
    }

    /// Sends a command and waits for its answer.
    pub async fn call(&mut self, command: &str, parameters: Value) -> Result<Value> {
        self.last += 1;
        let message = json!([0, self.last, command, parameters]).to_string();
        self.stream.write_all(format!("{}:{message}", message.len()).as_bytes()).await?;
        loop {
            let answer = self.receive().await?;
            if answer[1] != self.last {
                continue;
            }
            if !answer[2].is_null() {
                bail!("{command}: {}", answer[2]);
            }
            return Ok(answer[3].clone());
        }
    }

    async fn receive(&mut self) -> Result<Value> {
        let mut length = 0usize;
        loop {
            match self.stream.read_u8().await? {
                b':' => break,
                digit @ b'0'..=b'9' => length = length * 10 + usize::from(digit - b'0'),
                other => bail!("byte {other} where a length belongs"),
            }
        }
        let mut message = vec![0; length];
        self.stream.read_exact(&mut message).await?;
        Ok(serde_json::from_slice(&message)?)
    }
}
