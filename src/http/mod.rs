//! The edge of the process: two listeners.
//!
//! The **public** one takes reports in and does nothing else: `route` says where a path leads,
//! `intake` reads a body within its limits and hands it to the pipeline, `status` turns the
//! end of a request into an answer. The **private** one serves those who run the process: health,
//! metrics, of an edge also the demo. It can stand alone, for a process that takes no reports.
//!
//! In come bytes from anyone, out go bodies for the pipeline and answers for the browser. An
//! answer of 204 is given when the pipeline's receipt says that all is durable, never before. No
//! request is logged, and nothing that arrives can make a thread panic.

mod budget;
mod cors;
mod demo;
mod intake;
mod listener;
mod metrics;
mod private;
mod route;
mod settings;
mod socket;
mod status;
#[cfg(test)]
mod tests;

pub use metrics::Metrics;
pub use private::{Edge, Private};
pub use settings::{Apps, Settings};

use crate::pipeline::Pipeline;
use demo::Demo;
use intake::Intake;
use listener::{Acceptor, Complaints};
use private::Desk;
use socket2::{Domain, Protocol, Socket, Type};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};

/// The application that a path names, for whoever explains what would become of a request.
///
/// `None` when no report is taken in there.
pub fn app_of_path(path: &str) -> Option<Option<&str>> {
    match route::route(path) {
        route::Route::Ingest { app } => Some(app),
        route::Route::NoAppName | route::Route::Unknown => None,
    }
}

/// Both listeners, and the threads that serve them. Dropping it stops them without waiting.
#[derive(Debug)]
pub struct Server {
    public_addr: SocketAddr,
    public: Threads,
    private: PrivateServer,
}

/// A private listener, and the thread that serves it. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct PrivateServer {
    address: SocketAddr,
    threads: Threads,
    /// Tells `/readyz` that the end is near.
    stopping: watch::Sender<bool>,
}

/// Why the listeners could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {reason}")]
    Listen { address: SocketAddr, reason: io::Error },
    #[error("cannot start a thread for {address}: {reason}")]
    Thread { address: SocketAddr, reason: io::Error },
}

impl Server {
    /// Binds both addresses, and serves them when both are bound.
    pub fn start(
        settings: &Settings,
        pipeline: Arc<Pipeline>,
        metrics: Metrics,
        private: Private,
        edge: Edge,
    ) -> Result<Self, StartError> {
        let public_listener = listen(settings.listen)?;
        let private_listener = listen(settings.private)?;
        let public_addr = public_listener.address;

        let demo = Demo::new(public_addr, edge.database.clone());
        let private =
            PrivateServer::serve(private_listener, settings, private, Some((edge, demo)))?;

        let threads = NonZeroUsize::new(settings.threads)
            .or_else(|| thread::available_parallelism().ok())
            .unwrap_or(ONE);
        let intake = Arc::new(Intake::new(settings, pipeline, metrics.clone()));
        let public = Threads::start(
            public_listener,
            settings,
            Shape {
                name: "http",
                threads,
                connections: settings.max_connections,
                drain_timeout: settings.drain_timeout,
            },
            Some(metrics),
            move |request, notes| Arc::clone(&intake).respond(request, notes),
        )?;
        Ok(Self { public_addr, public, private })
    }

    /// The address that takes reports, with the port that was really bound.
    pub const fn public_addr(&self) -> SocketAddr {
        self.public_addr
    }

    /// The address of health and metrics, with the port that was really bound.
    pub const fn private_addr(&self) -> SocketAddr {
        self.private.address
    }

    /// Stops: accepts nothing new, answers what is being asked, closes the rest.
    ///
    /// Returns when every thread has ended, which takes `drain_timeout` at most for the public
    /// listener and a moment for the private one. `/readyz` says no from the first moment, and the private listener stays
    /// until the public one is done, so that the end can be watched.
    pub async fn stop(self) {
        self.private.say_stopping();
        self.public.stop().await;
        self.private.stop().await;
    }
}

impl PrivateServer {
    /// Binds an address for a process that takes no reports, and serves it. Of the settings only
    /// the times count.
    pub fn start(
        address: SocketAddr,
        settings: &Settings,
        private: Private,
    ) -> Result<Self, StartError> {
        Self::serve(listen(address)?, settings, private, None)
    }

    fn serve(
        bound: Bound,
        settings: &Settings,
        private: Private,
        edge: Option<(Edge, Demo)>,
    ) -> Result<Self, StartError> {
        let address = bound.address;
        let (stopping, stop) = watch::channel(false);
        let desk = Arc::new(Desk::new(private, edge, stop));
        let threads = Threads::start(
            bound,
            settings,
            Shape {
                name: "http-private",
                threads: ONE,
                connections: PRIVATE_CONNECTIONS,
                drain_timeout: settings.drain_timeout.min(PRIVATE_DRAIN),
            },
            None,
            move |request, _| Arc::clone(&desk).respond(request),
        )?;
        Ok(Self { address, threads, stopping })
    }

    /// The address of health and metrics, with the port that was really bound.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets `/readyz` say no from now on.
    pub fn say_stopping(&self) {
        self.stopping.send_replace(true);
    }

    /// Stops: returns when its thread has ended, which takes a moment.
    pub async fn stop(self) {
        self.say_stopping();
        self.threads.stop().await;
    }
}

/// The threads of one listener.
#[derive(Debug)]
struct Threads {
    stop: watch::Sender<bool>,
    /// Closes when the last thread has ended; nothing is ever sent.
    ended: mpsc::Receiver<Infallible>,
    handles: Vec<JoinHandle<()>>,
}

/// How a listener is served.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    threads: NonZeroUsize,
    connections: NonZeroUsize,
    /// How long its answers may take at the end.
    drain_timeout: Duration,
}

/// A bound socket.
struct Bound {
    address: SocketAddr,
    listener: TcpListener,
}

impl Threads {
    fn start<F, R>(
        bound: Bound,
        settings: &Settings,
        shape: Shape,
        metrics: Option<Metrics>,
        respond: F,
    ) -> Result<Self, StartError>
    where
        F: Fn(hyper::Request<hyper::body::Incoming>, Arc<socket::Notes>) -> R,
        F: Clone + Send + 'static,
        R: Future<Output = hyper::Response<http_body_util::Full<bytes::Bytes>>> + Send + 'static,
    {
        let Bound { address, listener } = bound;
        let Shape { name, threads, connections, drain_timeout } = shape;
        let (stop, stopped) = watch::channel(false);
        let (running, ended) = mpsc::channel::<Infallible>(1);
        let connections = connections.get().min(Semaphore::MAX_PERMITS);
        let acceptor = Arc::new(Acceptor {
            permits: Arc::new(Semaphore::new(connections)),
            stop: stopped,
            head_timeout: settings.head_timeout,
            max_age: settings.max_connection_age,
            drain_timeout,
            metrics,
            complaints: Complaints::new(),
        });
        let start_one = || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
            let listener = listener.try_clone()?;
            let (acceptor, respond) = (Arc::clone(&acceptor), respond.clone());
            let running = running.clone();
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                runtime.block_on(acceptor.run(listener, respond));
                // What was cut counts what it turned away before the thread is said to be gone.
                runtime.shutdown_background();
                drop(running);
            })
        };
        let mut handles = Vec::with_capacity(threads.get());
        for _ in 0..threads.get() {
            handles.push(start_one().map_err(|reason| StartError::Thread { address, reason })?);
        }
        Ok(Self { stop, ended, handles })
    }

    async fn stop(mut self) {
        self.stop.send_replace(true);
        self.ended.recv().await;
        for handle in self.handles {
            if handle.join().is_err() {
                tracing::error!("a listener's thread had panicked");
            }
        }
    }
}

/// Binds an address; port 0 takes any free port.
fn listen(address: SocketAddr) -> Result<Bound, StartError> {
    let listen = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // Or a restart would have to wait for connections of the last process to be forgotten.
        // Elsewhere than on Unix it would let a second process take the port.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        Ok(Bound { address: listener.local_addr()?, listener })
    };
    listen().map_err(|reason| StartError::Listen { address, reason })
}

const ONE: NonZeroUsize = NonZeroUsize::MIN;

/// Whoever still asks the private address at the end is not worth a longer wait.
const PRIVATE_DRAIN: Duration = Duration::from_secs(2);

/// The private address has few visitors.
const PRIVATE_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(64).expect("above zero");

/// How many connections the kernel keeps until they are accepted; it may allow fewer.
const BACKLOG: i32 = 4096;
