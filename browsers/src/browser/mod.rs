//! Three engines, each started with a profile of its own and driven by its own protocol.
//!
//! In comes where the proxy is, out goes a [`Browser`] that opens pages. All settings that make
//! an engine report quickly, or keep it from talking to anybody else, are here with their reason.

mod marionette;
mod webdriver;

use crate::mark;
use anyhow::{Context, Result};
use marionette::Marionette;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use webdriver::WebDriver;

/// What renders the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Chromium,
    Firefox,
    Webkit,
}

/// A running browser. Dropping it kills what was started directly; [`crate::sweep`] ends the rest.
pub struct Browser {
    pub engine: Engine,
    /// As the browser itself says it.
    pub version: String,
    driver: Driver,
    _process: Child,
}

enum Driver {
    WebDriver(WebDriver),
    Marionette(Marionette),
}

impl Engine {
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::Webkit];

    /// The name in the names of apps.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::Webkit => "webkit",
        }
    }

    /// The name in texts.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
            Self::Webkit => "WebKitGTK",
        }
    }
}

impl Browser {
    /// Starts an engine behind a proxy, with everything it writes below `folder`.
    pub async fn start(engine: Engine, proxy: SocketAddr, folder: &Path) -> Result<Self> {
        let home = folder.join(engine.name());
        fs::create_dir_all(&home)?;
        let starting = async {
            match engine {
                Engine::Chromium => chromium(proxy, &home, folder).await,
                Engine::Firefox => firefox(proxy, &home, folder).await,
                Engine::Webkit => webkit(proxy, &home, folder).await,
            }
        };
        let started = timeout(STARTING, starting).await.context("it does not answer")?;
        started.with_context(|| {
            let log = fs::read_to_string(home.join("log")).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(20).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            format!("{} does not start; it said:\n{}", engine.title(), last.join("\n"))
        })
    }

    /// Opens a page in the current tab and waits until it has loaded.
    pub async fn open(&mut self, url: &str) -> Result<()> {
        let opening = async {
            match &mut self.driver {
                Driver::WebDriver(driver) => driver.post("url", json!({ "url": url })).await,
                Driver::Marionette(marionette) => {
                    marionette.call("WebDriver:Navigate", json!({ "url": url })).await
                }
            }
        };
        timeout(LOADING, opening).await.with_context(|| format!("{url} does not load"))??;
        Ok(())
    }

    /// Opens a tab and goes there. Gives the tab that was the current one.
    pub async fn open_tab(&mut self) -> Result<String> {
        match &mut self.driver {
            Driver::WebDriver(driver) => {
                let current = driver.get("window").await?;
                let opened = driver.post("window/new", json!({ "type": "tab" })).await?;
                driver.post("window", json!({ "handle": opened["handle"] })).await?;
                Ok(current.as_str().context("a handle")?.to_owned())
            }
            Driver::Marionette(marionette) => {
                let current = marionette.call("WebDriver:GetWindowHandle", json!({})).await?;
                let new = json!({ "type": "tab", "focus": true });
                let opened = marionette.call("WebDriver:NewWindow", new).await?;
                let to = json!({ "handle": opened["handle"], "focus": true });
                marionette.call("WebDriver:SwitchToWindow", to).await?;
                Ok(current["value"].as_str().context("a handle")?.to_owned())
            }
        }
    }

    /// Closes the current tab and goes to another.
    pub async fn close_tab(&mut self, next: &str) -> Result<()> {
        match &mut self.driver {
            Driver::WebDriver(driver) => {
                driver.delete("window").await?;
                driver.post("window", json!({ "handle": next })).await?;
            }
            Driver::Marionette(marionette) => {
                marionette.call("WebDriver:CloseWindow", json!({})).await?;
                let to = json!({ "handle": next, "focus": true });
                marionette.call("WebDriver:SwitchToWindow", to).await?;
            }
        }
        Ok(())
    }

    /// Goes to another tab.
    pub async fn switch_tab(&mut self, next: &str) -> Result<()> {
        match &mut self.driver {
            Driver::WebDriver(driver) => {
                driver.post("window", json!({ "handle": next })).await?;
            }
            Driver::Marionette(marionette) => {
                let to = json!({ "handle": next, "focus": true });
                marionette.call("WebDriver:SwitchToWindow", to).await?;
            }
        }
        Ok(())
    }

    /// What the browser calls itself, as scripts are told.
    pub async fn user_agent(&mut self) -> Result<String> {
        let script = json!({ "script": "return navigator.userAgent", "args": [] });
        let answer = match &mut self.driver {
            Driver::WebDriver(driver) => driver.post("execute/sync", script).await?,
            Driver::Marionette(marionette) => {
                marionette.call("WebDriver:ExecuteScript", script).await?["value"].clone()
            }
        };
        Ok(answer.as_str().context("no user agent")?.to_owned())
    }

    /// Ends the browser as its user would.
    pub async fn quit(mut self) -> Result<()> {
        match &mut self.driver {
            Driver::WebDriver(driver) => driver.delete("").await.map(drop),
            Driver::Marionette(marionette) => {
                let how = json!({ "flags": ["eForceQuit"] });
                marionette.call("Marionette:Quit", how).await.map(drop)
            }
        }
    }
}

/// Debian's Chromium by its own driver.
async fn chromium(proxy: SocketAddr, home: &Path, folder: &Path) -> Result<Browser> {
    let port = free_port()?;
    let mut command = Command::new("chromedriver");
    command.arg(format!("--port={port}"));
    let process = spawn(command, home, folder)?;
    let arguments = json!([
        "--headless",
        // Its sandbox needs privileges that containers and root do not have.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // A tenth of a second in place of a minute between batches.
        "--short-reporting-delay",
        format!("--proxy-server=http://{proxy}"),
        format!("--user-data-dir={}", home.join("profile").display()),
    ]);
    let capabilities = json!({
        "acceptInsecureCerts": true,
        "timeouts": { "pageLoad": LOADING.as_millis() },
        "goog:chromeOptions": { "args": arguments },
    });
    let (driver, capabilities) = WebDriver::connect(port, capabilities).await?;
    Ok(Browser {
        engine: Engine::Chromium,
        version: version(&capabilities),
        driver: Driver::WebDriver(driver),
        _process: process,
    })
}

/// Firefox ESR by Marionette.
async fn firefox(proxy: SocketAddr, home: &Path, folder: &Path) -> Result<Browser> {
    let port = free_port()?;
    let profile = home.join("profile");
    fs::create_dir_all(&profile)?;
    let (proxy_host, proxy_port) = (proxy.ip(), proxy.port());
    fs::write(
        profile.join("user.js"),
        format!(
            r#"user_pref("marionette.port", {port});
// A second in place of five between batches.
user_pref("dom.reporting.delivering.timeout", 1);
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "{proxy_host}");
user_pref("network.proxy.http_port", {proxy_port});
user_pref("network.proxy.ssl", "{proxy_host}");
user_pref("network.proxy.ssl_port", {proxy_port});
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage", "about:blank");
user_pref("browser.startup.page", 0);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.tabs.warnOnClose", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("datareporting.healthreport.uploadEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,nothing");
user_pref("toolkit.telemetry.enabled", false);
"#
        ),
    )?;
    let mut command = Command::new("firefox-esr");
    command.args(["--headless", "--no-remote", "--marionette", "--profile"]).arg(&profile);
    command.arg("about:blank");
    let process = spawn(command, home, folder)?;
    let mut marionette = loop {
        if let Ok(marionette) = Marionette::connect(port).await {
            break marionette;
        }
        sleep(Duration::from_millis(100)).await;
    };
    let wanted = json!({
        "acceptInsecureCerts": true,
        "timeouts": { "pageLoad": LOADING.as_millis() },
    });
    let answer = marionette.call("WebDriver:NewSession", wanted).await?;
    Ok(Browser {
        engine: Engine::Firefox,
        version: version(&answer["capabilities"]),
        driver: Driver::Marionette(marionette),
        _process: process,
    })
}

/// WebKitGTK's MiniBrowser by its own driver, on a screen that nobody sees.
async fn webkit(proxy: SocketAddr, home: &Path, folder: &Path) -> Result<Browser> {
    let port = free_port()?;
    let mut command = Command::new("xvfb-run");
    command.args(["-a", "dbus-run-session", "--", "WebKitWebDriver"]).arg(format!("--port={port}"));
    // No cache or cookie of the user's own; and the screen's key goes with the folder.
    for (name, below) in [
        ("HOME", "home"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CONFIG_HOME", "config"),
        ("TMPDIR", "tmp"),
    ] {
        let path = home.join(below);
        fs::create_dir_all(&path)?;
        command.env(name, path);
    }
    // Nor the services of a desktop, one of which would mount a file system.
    command.env("GIO_USE_PORTALS", "0").env("GTK_USE_PORTAL", "0").env("NO_AT_BRIDGE", "1");
    let process = spawn(command, home, folder)?;
    let capabilities = json!({
        "acceptInsecureCerts": true,
        "timeouts": { "pageLoad": LOADING.as_millis() },
        // The driver takes a `proxy` too, and gives it to nobody.
        "webkitgtk:browserOptions": {
            "binary": mini_browser()?,
            "args": ["--automation", format!("--proxy=http://{proxy}")],
        },
    });
    let (driver, capabilities) = WebDriver::connect(port, capabilities).await?;
    Ok(Browser {
        engine: Engine::Webkit,
        version: version(&capabilities),
        driver: Driver::WebDriver(driver),
        _process: process,
    })
}

/// MiniBrowser stands beside WebKit's other programs, in a folder with the API's version.
fn mini_browser() -> Result<PathBuf> {
    let libraries =
        [format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH), "/usr/lib".to_owned()];
    let versions = ["webkit2gtk-4.1", "webkitgtk-6.0", "webkit2gtk-4.0"];
    libraries
        .iter()
        .flat_map(|library| {
            versions.map(|version| Path::new(library).join(version).join("MiniBrowser"))
        })
        .find(|path| path.exists())
        .context("no MiniBrowser, which belongs to webkit2gtk-driver")
}

fn spawn(mut command: Command, home: &Path, folder: &Path) -> Result<Child> {
    let log = fs::File::create(home.join("log"))?;
    mark(&mut command, folder);
    command.current_dir(home).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.kill_on_drop(true).spawn().with_context(|| format!("{program} cannot be run"))
}

fn version(capabilities: &Value) -> String {
    capabilities["browserVersion"].as_str().unwrap_or("unknown").to_owned()
}

/// A port that was free a moment ago; the drivers take none of their own choice.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A cold start on a busy machine.
const STARTING: Duration = Duration::from_secs(90);

const LOADING: Duration = Duration::from_mins(1);
