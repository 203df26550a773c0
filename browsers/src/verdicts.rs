//! What was checked, and how it came out.

/// All checks of a run, in their order.
#[derive(Default)]
pub struct Verdicts {
    passed: usize,
    failed: Vec<String>,
}

impl Verdicts {
    /// Notes a check; it has failed when there is something wrong.
    pub fn add(&mut self, name: &str, wrong: Vec<String>) {
        if wrong.is_empty() {
            self.passed += 1;
        } else {
            println!("FAILED {name}");
            for line in wrong {
                println!("  {line}");
            }
            self.failed.push(name.to_owned());
        }
    }

    /// Prints the closing line; says whether all passed.
    pub fn close(&self) -> bool {
        println!("{} passed, {} failed", self.passed, self.failed.len());
        self.failed.is_empty() && self.passed > 0
    }
}
