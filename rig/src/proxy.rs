//! A TCP proxy in front of a broker, whose road can be made long or closed.
//!
//! Bytes are passed on unchanged and in order, each direction by two threads: one reads and
//! writes down when the bytes are due, the other waits for that time, and as long as the road is
//! stalled. Nothing here knows of Kafka's protocol.

use anyhow::Result;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A proxy that runs until the program ends.
pub struct Proxy {
    pub port: u16,
    road: Arc<Road>,
}

/// What happens to bytes on their way.
#[derive(Default)]
struct Road {
    /// In each direction, in milliseconds.
    delay: AtomicU64,
    stalled: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens on a free port and passes on to another port of this machine.
    pub fn start(target: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let road = Arc::new(Road::default());
        let own = Arc::clone(&road);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // While nobody listens behind it, the client finds its connection closed at once.
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) {
                    let _ = own.connect(&client, &server);
                }
            }
        });
        Ok(Self { port, road })
    }

    /// Makes every round trip so much longer.
    pub fn slow_down(&self, round_trip: Duration) {
        let millis = u64::try_from(round_trip.as_millis()).unwrap_or(u64::MAX);
        self.road.delay.store(millis / 2, SeqCst);
    }

    /// Holds all bytes, without closing anything.
    pub fn stall(&self) {
        self.road.stalled.store(true, SeqCst);
    }

    /// Lets what was held go.
    pub fn go_on(&self) {
        self.road.stalled.store(false, SeqCst);
    }

    /// Cuts every connection that is open.
    pub fn cut(&self) {
        for stream in self.road.streams().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Road {
    fn streams(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins two streams, both ways.
    fn connect(self: &Arc<Self>, client: &TcpStream, server: &TcpStream) -> Result<()> {
        for (from, to) in [(client, server), (server, client)] {
            to.set_nodelay(true)?;
            self.streams().push(to.try_clone()?);
            let (sender, receiver) = mpsc::sync_channel(CHUNKS);
            let (from, to, own) = (from.try_clone()?, to.try_clone()?, Arc::clone(self));
            let road = Arc::clone(self);
            thread::spawn(move || road.collect(from, &sender));
            thread::spawn(move || own.deliver(to, &receiver));
        }
        Ok(())
    }

    fn collect(&self, mut from: TcpStream, sender: &SyncSender<(Instant, Vec<u8>)>) {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(size @ 1..) = from.read(&mut bytes) {
            let due = Instant::now() + Duration::from_millis(self.delay.load(SeqCst));
            if sender.send((due, bytes[..size].to_vec())).is_err() {
                return;
            }
        }
    }

    fn deliver(&self, mut to: TcpStream, receiver: &Receiver<(Instant, Vec<u8>)>) {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            while self.stalled.load(SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}

/// How many reads may be on the way in each direction.
const CHUNKS: usize = 1024;
