//! A cluster of real brokers: Apache Kafka in KRaft mode, each node a Java process of its own.
//!
//! In come the folder of jars and the number of nodes; out go addresses, and the means to kill,
//! pause, resume and restart each node. Ports are free ones and stay the same over restarts, and
//! so does the data. Every node also listens on a second port, which tells clients to come back
//! through a [`Proxy`], and on a third with TLS and passwords.

use crate::keys;
use crate::process::{Running, wait_until};
use crate::proxy::Proxy;
use crate::topics::{self, Topics};
use crate::watchdog::Watchdog;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The nodes, running or not. Dropping it ends them.
pub struct Cluster<'w> {
    jars: PathBuf,
    watchdog: &'w Watchdog,
    nodes: Vec<Node>,
}

struct Node {
    folder: PathBuf,
    port: u16,
    secured: u16,
    proxy: Proxy,
    running: Option<Running>,
}

/// The ports of one node.
struct Ports {
    client: u16,
    controller: u16,
    proxied: u16,
    /// With TLS, for those who know a password.
    secured: u16,
}

impl<'w> Cluster<'w> {
    /// Prepares the data of so many nodes, which are not started yet.
    pub fn prepare(jars: &Path, size: usize, watchdog: &'w Watchdog) -> Result<Self> {
        let ports = free_ports(size * 4)?;
        ensure!(ports.len() == size * 4, "there are not enough free ports");
        let ports: Vec<Ports> = ports
            .chunks_exact(4)
            .map(|ports| Ports {
                client: ports[0],
                controller: ports[1],
                proxied: ports[2],
                secured: ports[3],
            })
            .collect();
        let mut cluster = Self { jars: jars.to_owned(), watchdog, nodes: Vec::new() };
        let mut formatting = Vec::new();
        for (at, own) in ports.iter().enumerate() {
            let folder = watchdog.folder().join(format!("kafka-{size}-{}", at + 1));
            fs::create_dir_all(&folder)?;
            keys::make(&folder)?;
            let proxy = Proxy::start(own.proxied)?;
            fs::write(folder.join(PROPERTIES), properties(at, &ports, proxy.port, &folder))?;
            let mut command = cluster.java(&folder);
            command.args(["kafka.tools.StorageTool", "format", CLUSTER_ID, "-c", PROPERTIES]);
            command.args(keys::scram_user());
            if size == 1 {
                command.arg("--standalone");
            }
            formatting.push(command.stdout(Stdio::null()).spawn().context("java cannot be run")?);
            let (port, secured) = (own.client, own.secured);
            cluster.nodes.push(Node { folder, port, secured, proxy, running: None });
        }
        for mut format in formatting {
            ensure!(format.wait()?.success(), "the folder of a node cannot be formatted");
        }
        Ok(cluster)
    }

    /// The addresses of all nodes, as clients want them.
    pub fn brokers(&self) -> String {
        addresses(self.nodes.iter().map(|node| node.port))
    }

    /// The addresses that lead through the proxies.
    pub fn proxied_brokers(&self) -> String {
        addresses(self.nodes.iter().map(|node| node.proxy.port))
    }

    /// The addresses where TLS and a password are wanted.
    pub fn secured_brokers(&self) -> String {
        addresses(self.nodes.iter().map(|node| node.secured))
    }

    /// Who is to be trusted there; each node has a certificate of its own.
    pub fn certificate(&self) -> PathBuf {
        self.nodes[0].folder.join(keys::CERTIFICATE)
    }

    pub fn proxy(&self, node: usize) -> &Proxy {
        &self.nodes[node].proxy
    }

    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Starts every node that does not run, and waits until all answer.
    pub fn start(&mut self) -> Result<()> {
        for node in 0..self.nodes.len() {
            self.spawn(node)?;
        }
        self.wait_until_ready()
    }

    /// Starts one node, with the data it had, and does not wait.
    pub fn spawn(&mut self, node: usize) -> Result<()> {
        if self.nodes[node].running.is_some() {
            return Ok(());
        }
        // Each of three shares the machine with two more.
        let memory = if self.nodes.len() == 1 { "-Xmx512m" } else { "-Xmx384m" };
        let folder = &self.nodes[node].folder;
        let log = File::options().create(true).append(true).open(folder.join("log"))?;
        let mut command = self.java(folder);
        command.args([memory, "kafka.Kafka", PROPERTIES]);
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().context("java cannot be run")?;
        self.nodes[node].running = Some(Running::new(child));
        Ok(())
    }

    /// Waits until every node is known to the others, and every partition has a leader.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let (brokers, size) = (self.brokers(), self.size());
        let is_ready = wait_until(PATIENCE, || topics::brokers_ready(&brokers) == Some(size));
        ensure!(is_ready, "Kafka does not answer; see {}", self.nodes[0].folder.display());
        Ok(())
    }

    /// Sends SIGKILL to one node.
    pub fn kill(&mut self, node: usize) -> Result<()> {
        self.nodes[node].running.take().map_or(Ok(()), |mut running| running.kill())
    }

    /// Kills one node or all and starts them again.
    pub fn restart(&mut self, node: usize) -> Result<()> {
        self.kill(node)?;
        self.spawn(node)?;
        self.wait_until_ready()
    }

    /// Sends SIGSTOP: connections stay open, and nothing answers.
    pub fn pause(&self, node: usize) -> Result<()> {
        self.nodes[node].running.as_ref().map_or(Ok(()), |running| running.signal("STOP"))
    }

    /// Sends SIGCONT.
    pub fn resume(&self, node: usize) -> Result<()> {
        self.nodes[node].running.as_ref().map_or(Ok(()), |running| running.signal("CONT"))
    }

    /// Makes the topics of one scenario, replicated to every node.
    pub fn create(&self, topics: &Topics) -> Result<()> {
        topics.create(&self.brokers(), i32::try_from(self.size())?)
    }

    fn java(&self, folder: &Path) -> Command {
        let mut command = Command::new("java");
        command.current_dir(folder).stdin(Stdio::null());
        // Two cores are shared with the load and with what is under test.
        command.args(["-XX:+UseSerialGC", "-cp"]).arg(self.jars.join("*"));
        self.watchdog.mark(&mut command);
        command
    }
}

/// The settings of one node. There is no secret of any worth in it, and nothing but loopback.
fn properties(at: usize, all: &[Ports], proxy: u16, folder: &Path) -> String {
    let Ports { client, controller, proxied, secured } = all[at];
    let id = at + 1;
    let quorum = if all.len() == 1 {
        format!("controller.quorum.bootstrap.servers=127.0.0.1:{controller}")
    } else {
        let voters = all.iter().enumerate();
        let voters = voters.map(|(at, ports)| format!("{}@127.0.0.1:{}", at + 1, ports.controller));
        format!("controller.quorum.voters={}", voters.collect::<Vec<_>>().join(","))
    };
    let copies = all.len();
    // A produce is acknowledged by two of three, or by the one there is.
    let in_sync = copies.div_ceil(2);
    let data = folder.join("data");
    format!(
        "process.roles=broker,controller
node.id={id}
{quorum}
listeners=PLAINTEXT://127.0.0.1:{client},PROXIED://127.0.0.1:{proxied},SECURED://127.0.0.1:{secured},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{client},PROXIED://127.0.0.1:{proxy},SECURED://127.0.0.1:{secured},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SECURED:SASL_SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=3
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
default.replication.factor={copies}
min.insync.replicas={in_sync}
broker.session.timeout.ms=6000
group.initial.rebalance.delay.ms=0
{security}",
        data = data.display(),
        security = keys::properties(folder),
    )
}

/// Ports that nobody listens on now.
///
/// They lie below those that Linux gives to outgoing connections: a client that tries to reach a
/// dead broker would now and then be given the broker's own port, and keep it.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let any = RandomState::new().hash_one(count) % 20_000;
    let first = 10_000 + u16::try_from(any)?;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    Ok((first..EPHEMERAL).filter(is_free).take(count).collect())
}

fn addresses(ports: impl Iterator<Item = u16>) -> String {
    ports.map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
}

/// Where Linux begins, unless it was told otherwise.
const EPHEMERAL: u16 = 32_768;

const PROPERTIES: &str = "server.properties";

/// With the equals sign: an id that begins with a hyphen would be taken for a flag.
const CLUSTER_ID: &str = "--cluster-id=Y3NwaXBlLXJpZy1rYWZrYQ";

/// Until a node must answer, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(90);
