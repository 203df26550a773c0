//! WebDriver (W3C), as chromedriver and `WebKitWebDriver` speak it.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// A session with a driver.
pub struct WebDriver {
    port: u16,
    session: String,
}

impl WebDriver {
    /// Waits until the driver listens, and asks it for a browser. Gives the capabilities too.
    pub async fn connect(port: u16, capabilities: Value) -> Result<(Self, Value)> {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let answer = send(port, Method::POST, "/session", Some(body)).await?;
        let session = answer["sessionId"].as_str().context("no session")?.to_owned();
        Ok((Self { port, session }, answer["capabilities"].clone()))
    }

    pub async fn post(&self, command: &str, body: Value) -> Result<Value> {
        let path = format!("/session/{}/{command}", self.session);
        send(self.port, Method::POST, &path, Some(body)).await
    }

    pub async fn get(&self, command: &str) -> Result<Value> {
        let path = format!("/session/{}/{command}", self.session);
        send(self.port, Method::GET, &path, None).await
    }

    /// Deletes something of the session; the session itself for an empty name.
    pub async fn delete(&self, command: &str) -> Result<Value> {
        let path = format!("/session/{}/{command}", self.session);
        send(self.port, Method::DELETE, path.trim_end_matches('/'), None).await
    }
}

/// One request, on a connection of its own.
async fn send(port: u16, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", format!("127.0.0.1:{port}"))
        .header("content-type", "application/json; charset=utf-8")
        .body(Full::new(body))?;
    let answer = sender.send_request(request).await?;
    let is_success = answer.status().is_success();
    let text = answer.into_body().collect().await?.to_bytes();
    let value: Value = serde_json::from_slice(&text)
        .with_context(|| format!("{path}: {}", String::from_utf8_lossy(&text)))?;
    if !is_success {
        bail!("{path}: {}", value["value"]);
    }
    Ok(value["value"].clone())
}
