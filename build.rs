//! Puts the revision that is being built into the binary.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=CSPIPE_REVISION");
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/refs/heads");
    // An image is built without the repository, and says it in a variable.
    let revision = std::env::var("CSPIPE_REVISION").ok().or_else(revision_of_checkout);
    println!("cargo:rustc-env=CSPIPE_REVISION={}", revision.as_deref().unwrap_or("unknown"));
}

fn revision_of_checkout() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let revision = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !revision.is_empty()).then_some(revision)
}
