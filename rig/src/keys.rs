//! What the secured listener of a broker needs: a certificate of its own, and two users.
//!
//! Everything is made up for one run, by the JRE's keytool, and is worth nothing elsewhere.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// A user of the brokers.
pub const USER: &str = "cspipe";
pub const PASSWORD: &str = "of-no-worth";

/// Makes a key and a certificate for 127.0.0.1 in a folder, and the same certificate as PEM.
pub fn make(folder: &Path) -> Result<()> {
    let store = ["-keystore", KEYSTORE, "-storetype", "PKCS12", "-storepass", PASSWORD];
    let keytool = |arguments: &[&str]| -> Result<()> {
        let mut command = Command::new("keytool");
        command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        command.args(arguments).args(store).args(["-alias", "broker"]);
        let status = command.status().context("keytool cannot be run; it comes with the JRE")?;
        ensure!(status.success(), "keytool {}: {status}", arguments[0]);
        Ok(())
    };
    keytool(&[
        "-genkeypair",
        "-keyalg",
        "EC",
        "-dname",
        "CN=broker",
        "-validity",
        "2",
        "-ext",
        "SAN=ip:127.0.0.1",
    ])?;
    keytool(&["-exportcert", "-rfc", "-file", CERTIFICATE])
}

/// The part of a broker's settings that secures a listener of the name `SECURED`.
pub fn properties(folder: &Path) -> String {
    let keystore = folder.join(KEYSTORE);
    format!(
        "ssl.keystore.type=PKCS12
ssl.keystore.location={keystore}
ssl.keystore.password={PASSWORD}
listener.name.secured.sasl.enabled.mechanisms=PLAIN,{SCRAM}
listener.name.secured.plain.sasl.jaas.config={JAAS}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";
listener.name.secured.scram-sha-512.sasl.jaas.config={JAAS}.scram.ScramLoginModule required;
",
        keystore = keystore.display(),
    )
}

/// Makes the user for SCRAM when the folder of a node is formatted. PLAIN has it in the settings.
pub fn scram_user() -> [String; 2] {
    ["--add-scram".to_owned(), format!("{SCRAM}=[name={USER},password={PASSWORD}]")]
}

pub const SCRAM: &str = "SCRAM-SHA-512";
/// The certificate, as librdkafka wants it.
pub const CERTIFICATE: &str = "broker.pem";
const KEYSTORE: &str = "broker.p12";
const JAAS: &str = "org.apache.kafka.common.security";
