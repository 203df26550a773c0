//! The table of kinds: what breaks a policy, and which records each engine's reports become.
//!
//! It is data, in `kinds.toml`; here it is read, and what a visit must leave behind is worked out
//! of it. The fields that every record has follow from the visit; a kind says the others, and
//! where an engine says something else the table says so, with the reason.

use crate::browser::Engine;
use crate::site::{FRAMER, SHOP};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What an engine says differently of every kind.
    #[serde(default)]
    pub every: Vec<Difference>,
    #[serde(rename = "kind")]
    pub kinds: Vec<Kind>,
}

/// One kind of violation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    pub name: String,
    /// What the page does, for the table in the documentation.
    pub what: String,
    cause: Cause,
    pub policy: String,
    /// A second policy, which only reports.
    pub second: Option<String>,
    /// The body of the page; `{nonce}` stands for the nonce of the policy.
    pub html: String,
    /// Whether the policy stands in a `meta` element, which can only enforce.
    #[serde(default)]
    pub meta: bool,
    /// Whether a page of another site frames the page, and is the one that is opened.
    #[serde(default)]
    pub framed: bool,
    /// What every engine's report becomes; each kind has one record at least.
    #[serde(rename = "record")]
    records: Vec<Fields>,
    #[serde(default)]
    pub differs: Vec<Difference>,
}

/// What some visits leave behind instead.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    pub engine: Option<Engine>,
    /// All where none is named.
    #[serde(default)]
    pub ways: Vec<Way>,
    pub mode: Option<Mode>,
    cause: Option<Cause>,
    pub why: String,
    /// Fields with other values; `-` for one that is absent.
    #[serde(default)]
    pub fields: Fields,
    /// Other records; none where the list is empty.
    pub records: Option<Vec<Fields>>,
    /// Whether each report may come more than once.
    #[serde(default)]
    pub repeats: bool,
    /// Whether the fingerprint is not that of the others.
    #[serde(default)]
    pub fingerprint: bool,
}

pub type Fields = BTreeMap<String, String>;

/// What breaks the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Cause {
    Inline,
    Markup,
    Script,
}

/// Whether the policy is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Enforce,
    Report,
}

/// How the reports travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    Uri,
    To,
    Both,
}

/// One page in one engine.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'t> {
    pub engine: Engine,
    pub kind: &'t Kind,
    pub mode: Mode,
    pub way: Way,
}

/// What a visit leaves behind.
#[derive(Debug)]
pub struct Expected {
    pub records: Vec<Fields>,
    /// Whether each may be there more than once.
    pub repeats: bool,
    /// Whether their fingerprint is not that of the other visits to this kind.
    pub own_fingerprint: bool,
}

impl Mode {
    pub const ALL: [Self; 2] = [Self::Enforce, Self::Report];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Report => "report",
        }
    }
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Uri, Self::To, Self::Both];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::To => "to",
            Self::Both => "both",
        }
    }
}

impl Table {
    /// Reads the table and refuses one that cannot be right.
    pub fn read() -> Result<Self> {
        let table: Self = toml::from_str(include_str!("../kinds.toml")).context("kinds.toml")?;
        for kind in &table.kinds {
            ensure!(!kind.records.is_empty(), "{} expects nothing of anybody", kind.name);
            for difference in kind.differs.iter().chain(&table.every) {
                ensure!(!difference.why.is_empty(), "{} differs for no reason", kind.name);
            }
        }
        Ok(table)
    }

    /// Leaves only the kinds that are named, if any is.
    pub fn limit(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            ensure!(self.kinds.iter().any(|kind| kind.name == *name), "no kind is called {name}");
        }
        self.kinds.retain(|kind| names.is_empty() || names.contains(&kind.name));
        Ok(())
    }

    /// Every visit of an engine.
    pub fn visits(&self, engine: Engine) -> impl Iterator<Item = Visit<'_>> {
        self.kinds.iter().flat_map(move |kind| {
            Mode::ALL.into_iter().filter(|mode| !kind.meta || *mode == Mode::Enforce).flat_map(
                move |mode| Way::ALL.into_iter().map(move |way| Visit { engine, kind, mode, way }),
            )
        })
    }

    /// What a visit has to leave behind, by a browser of this name, major version and user agent.
    pub fn expected<'t>(&'t self, visit: Visit<'t>, browser: [&str; 3]) -> Expected {
        let applying = |differences: &'t [Difference]| {
            differences.iter().filter(move |difference| difference.applies(visit))
        };
        let own: Vec<_> = applying(&visit.kind.differs).collect();
        let instead = own.iter().rev().find_map(|difference| difference.records.as_ref());
        let mut records = instead.unwrap_or(&visit.kind.records).clone();
        for record in &mut records {
            for (field, value) in visit.fields(browser) {
                record.entry(field.to_owned()).or_insert(value);
            }
            for difference in applying(&self.every).chain(own.iter().copied()) {
                let fields = difference.fields.iter();
                record.extend(fields.map(|(field, value)| (field.clone(), value.clone())));
            }
            for value in record.values_mut() {
                *value = value.replace("{page}", &visit.page_as_source());
            }
            complete(record);
            record.retain(|_, value| value != "-");
        }
        Expected {
            records,
            repeats: own.iter().any(|difference| difference.repeats),
            own_fingerprint: own.iter().any(|difference| difference.fingerprint),
        }
    }
}

impl Kind {
    /// What every engine's report becomes; the first where there are several.
    pub fn record(&self) -> &Fields {
        &self.records[0]
    }
}

impl Difference {
    /// What the difference is about, where it is about many kinds.
    pub const fn cause_name(&self) -> &'static str {
        match self.cause {
            None => "everywhere",
            Some(Cause::Inline) => "code and style in the page",
            Some(Cause::Markup) => "what is loaded for elements of the page",
            Some(Cause::Script) => "what scripts do",
        }
    }

    pub fn applies(&self, visit: Visit<'_>) -> bool {
        self.engine.is_none_or(|engine| engine == visit.engine)
            && (self.ways.is_empty() || self.ways.contains(&visit.way))
            && self.mode.is_none_or(|mode| mode == visit.mode)
            && self.cause.is_none_or(|cause| cause == visit.kind.cause)
    }
}

impl Visit<'_> {
    /// The name of the app that the visit's reports go to.
    pub fn app(&self) -> String {
        format!(
            "{}.{}.{}.{}",
            self.engine.name(),
            self.kind.name,
            self.mode.name(),
            self.way.name()
        )
    }

    /// The address of the page to open. The path is that of the kind, so that the violation is
    /// the same in every visit; what tells visits apart stands in the query.
    pub fn url(&self) -> String {
        let host = if self.kind.framed { FRAMER } else { SHOP };
        format!(
            "https://{host}/{}?engine={}&mode={}&way={}",
            self.kind.name,
            self.engine.name(),
            self.mode.name(),
            self.way.name()
        )
    }

    /// The address of the page, as a record names it for a source file: Chromium leaves the query
    /// out, of the others cspipe scrubs the values.
    fn page_as_source(&self) -> String {
        let query = match self.engine {
            Engine::Chromium => "",
            Engine::Firefox | Engine::Webkit => "?engine=&mode=&way=",
        };
        format!("https://{}/{}{query}", SHOP, self.kind.name)
    }

    /// The fields that follow from the visit alone.
    fn fields(&self, [browser, major, user_agent]: [&str; 3]) -> Vec<(&'static str, String)> {
        let wire = match (self.engine, self.way) {
            (Engine::Webkit, Way::Uri) => "hybrid",
            (Engine::Chromium | Engine::Firefox, Way::Uri) => "report_uri",
            (Engine::Webkit, Way::To | Way::Both) => "report_to_single",
            (Engine::Chromium | Engine::Firefox, Way::To | Way::Both) => "report_to",
        };
        vec![
            ("app_name", self.app()),
            ("stream", "clean".to_owned()),
            ("disposition", self.mode.name().to_owned()),
            ("report_host", SHOP.to_owned()),
            ("report_domain", SHOP.to_owned()),
            ("path", format!("/{}", self.kind.name)),
            ("page_status", "200".to_owned()),
            ("wire", wire.to_owned()),
            ("os", "Linux".to_owned()),
            ("device", "pc".to_owned()),
            ("browser", browser.to_owned()),
            ("browser_major", major.to_owned()),
            ("user_agent", user_agent.to_owned()),
        ]
    }
}

/// Adds the fields that follow from others, so that the table need not repeat them.
fn complete(record: &mut Fields) {
    let follow = |record: &mut Fields, field: &str, from: &str, how: &dyn Fn(&str) -> String| {
        if let Some(value) = record.get(from).filter(|value| *value != "-") {
            let value = how(value);
            record.entry(field.to_owned()).or_insert(value);
        }
    };
    follow(record, "violated_directive", "effective_directive", &str::to_owned);
    follow(record, "violation_type", "effective_directive", &|name| {
        name.trim_end_matches("-elem").trim_end_matches("-attr").to_owned()
    });
    follow(record, "report_only", "disposition", &|word| u8::from(word == "report").to_string());
    let Some(blocked) = record.get("blocked_uri").cloned().filter(|blocked| *blocked != "-") else {
        return;
    };
    let mut follows = |field: &str, value: &str| {
        record.entry(field.to_owned()).or_insert_with(|| value.to_owned());
    };
    match blocked.split_once("://") {
        Some((scheme, rest)) => {
            let address = rest.split('?').next().unwrap_or(rest);
            let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
            let is_own = host == SHOP;
            follows("blocked_scheme", scheme);
            follows("blocked_host", host);
            follows("blocked_path", if path.is_empty() { "/" } else { path });
            follows("blocked_domain", if is_own { SHOP } else { "example.net" });
            follows("relation", if is_own { "same_host" } else { "cross_site" });
        }
        None if matches!(blocked.as_str(), "data" | "blob") => follows("blocked_scheme", &blocked),
        None => {}
    }
}
