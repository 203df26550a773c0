//! The network that the browsers live in: one HTTP proxy on loopback.
//!
//! The names of all hosts come through it, so that pages have real names, default ports and
//! https without a name server or root, and so that nothing a browser does by itself reaches the
//! outside: hosts that are not in the table are refused. TLS ends here, by a certificate made at
//! start. Requests to the collector's paths are written down and passed on to cspipe, byte for
//! byte; everything else is answered by the site.

use crate::recorder::{Exchange, Fault, Recorder};
use crate::site::{self, Site};
use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What every connection needs.
pub struct Network {
    pub site: Site,
    pub recorder: Arc<Recorder>,
    pub edge: SocketAddr,
    tls: TlsAcceptor,
}

impl Network {
    /// Makes a certificate for all the site's names.
    pub fn new(site: Site, recorder: Arc<Recorder>, edge: SocketAddr) -> Result<Self> {
        let names: Vec<String> = site::HOSTS.iter().map(|&host| host.to_owned()).collect();
        let certified = rcgen::generate_simple_self_signed(names)?;
        let key =
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { site, recorder, edge, tls: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Listens on a free port and serves until it is dropped.
    pub async fn serve(self: Arc<Self>) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&self).connection(stream, "http"));
            }
        });
        Ok(address)
    }

    /// Serves one connection; a browser may break it off at any time.
    async fn connection<S>(self: Arc<Self>, stream: S, scheme: &'static str)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| Arc::clone(&self).respond(request, scheme));
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
    }

    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        scheme: &'static str,
    ) -> Result<Response<Full<Bytes>>> {
        if request.method() == Method::CONNECT {
            return Ok(self.tunnel(request));
        }
        let host = host_of(&request);
        if !site::HOSTS.contains(&host.as_str()) {
            return Ok(refuse());
        }
        match request.uri().path().strip_prefix("/csp/") {
            Some(app) => {
                let app = app.to_owned();
                self.collect(request, host, app).await
            }
            None => Ok(self.site.answer(scheme, &host, request.uri())),
        }
    }

    /// Ends the TLS of a tunnel to one of our hosts. Boxed types break the cycle of tunnels that
    /// could hold tunnels.
    fn tunnel(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let authority = request.uri().authority().map(|name| name.host().to_owned());
        let is_known = authority.as_deref().is_some_and(|host| site::HOSTS.contains(&host));
        let is_tls = request.uri().port_u16() == Some(443);
        if !is_known || authority.as_deref() == Some(site::WITHOUT_TLS) && is_tls {
            return refuse();
        }
        let task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
            let stream = TokioIo::new(upgraded);
            if !is_tls {
                // WebSockets over plain http ask for a tunnel too.
                return self.connection(stream, "http").await;
            }
            if let Ok(stream) = self.tls.clone().accept(stream).await {
                self.connection(stream, "https").await;
            }
        });
        tokio::spawn(task);
        Response::new(Full::default())
    }

    /// Writes an upload down and passes it on, or fails as it was told to.
    async fn collect(
        &self,
        request: Request<Incoming>,
        host: String,
        app: String,
    ) -> Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let fault = match head.method {
            Method::POST => self.recorder.take_fault(&app),
            _ => None,
        };
        let mut exchange = Exchange {
            method: head.method.to_string(),
            host,
            app,
            headers: head
                .headers
                .iter()
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
            answer: None,
        };
        let answer = match fault {
            None => self.pass_on(head, body).await?,
            Some(Fault::Busy) => busy(),
            Some(Fault::HangUp) => {
                self.recorder.add(exchange);
                anyhow::bail!("closed as it was told to");
            }
        };
        exchange.answer = Some(answer.status().as_u16());
        self.recorder.add(exchange);
        Ok(answer)
    }

    async fn pass_on(
        &self,
        mut head: hyper::http::request::Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>> {
        let stream = TcpStream::connect(self.edge).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        if let Some(path) = head.uri.path_and_query() {
            head.uri = path.as_str().parse()?;
        }
        let answer = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
        let (mut head, body) = answer.into_parts();
        // The connection to cspipe is not the browser's.
        head.headers.remove(header::CONNECTION);
        Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
    }
}

/// The name that the browser asked for, without its port.
fn host_of(request: &Request<Incoming>) -> String {
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().to_owned())
        .or_else(|| Some(request.headers().get(header::HOST)?.to_str().ok()?.to_owned()));
    let authority = authority.unwrap_or_default();
    authority.split(':').next().unwrap_or_default().to_owned()
}

fn refuse() -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

/// What cspipe answers when it has no room.
fn busy() -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}
