//! `cspipe health`: asks a running edge or indexer how it is, for whoever has no curl.

use super::wrong;
use clap::Args;
use cspipe::settings::{self, Flags};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Only whether the process lives, not whether it can do its work
    #[arg(long)]
    live: bool,
    /// Settings file, for the private address [default: config/cspipe.toml when it exists]
    #[arg(long, value_name = "FILE", env = "CSPIPE_CONFIG")]
    config: Option<PathBuf>,
    /// The private address of what is asked [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR", env = "CSPIPE_PRIVATE")]
    private: Option<SocketAddr>,
}

pub fn run(arguments: HealthArgs) -> ExitCode {
    let HealthArgs { live, config, private } = arguments;
    let settings = match settings::load(&Flags { config, private, ..Flags::default() }) {
        Ok(settings) => settings,
        Err(error) => return wrong(&error),
    };
    let path = if live { "healthz" } else { "readyz" };
    match ask(&format!("http://{}/{path}", reachable(settings.http.private))) {
        Ok((true, answer)) => {
            print!("{answer}");
            ExitCode::SUCCESS
        }
        Ok((false, answer)) => {
            eprint!("cspipe: {answer}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("cspipe: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the answer is a good one, and its text.
fn ask(url: &str) -> anyhow::Result<(bool, String)> {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answer = client.get(url).send().await?;
        Ok((answer.status().is_success(), answer.text().await?))
    })
}

/// Who listens on all addresses is asked on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// Health checks have a timeout of their own, which says less.
const PATIENCE: Duration = Duration::from_secs(2);
