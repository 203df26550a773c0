//! Whether the policy of a report permits what the report says was blocked.
//!
//! In: a violation. Out: yes, no, or `None`. A contradiction needs no list to be noise: another
//! copy of the policy was in force, or the browser erred. What is only half known is no
//! contradiction.

use crate::policy::{Attempt, Place, Policy, Url, permits};
use crate::report::{Address, Blocked, DirectiveName, Location, NetworkScheme, Repair, Violation};

/// Asks the policy. `None` without one, and wherever the answer is not sure.
pub fn permitted(violation: &Violation<'_>) -> Option<bool> {
    let policy = Policy::new(violation.policy.as_deref()?);
    let directive = violation.directive().and_then(DirectiveName::known)?;
    // What was cut off might have said otherwise.
    if violation.repairs.iter().any(|repair| repair == Repair::Truncated) {
        return None;
    }
    let page = violation.document.as_ref().and_then(Address::location);
    let attempt = match &violation.blocked {
        Blocked::Inline => Attempt::Inline,
        Blocked::Eval => Attempt::Eval,
        Blocked::WasmEval => Attempt::WasmEval,
        Blocked::Resource(Address::Network(blocked)) => {
            // A redirect is reported by the URL that it began with (CSP3 section 5.3), and it is
            // mostly the site's own: what was blocked stood behind it.
            if page.is_some_and(|page| page.host == blocked.host) {
                return None;
            }
            // Some name the origin alone, which cannot be told from the root.
            let tells_path = !violation.names_origin_only() && blocked.path() != "/";
            Attempt::Load(url(blocked, tells_path)?)
        }
        Blocked::Resource(Address::Local { scheme, .. }) => {
            // Engines judge a `javascript:` URL as inline code, whatever schemes are listed.
            if scheme == "javascript" {
                return None;
            }
            Attempt::Load(Url { scheme, place: None })
        }
        Blocked::Resource(Address::Label(_))
        | Blocked::TrustedTypesPolicy
        | Blocked::TrustedTypesSink
        | Blocked::Opaque
        | Blocked::Unknown => return None,
    };
    permits(policy, directive, attempt, page.and_then(|page| url(page, true)))
}

fn url<'v>(location: &'v Location<'_>, tells_path: bool) -> Option<Url<'v>> {
    Some(Url {
        scheme: location.scheme.map(NetworkScheme::name)?,
        place: Some(Place {
            host: location.whole_host(),
            port: location.port,
            path: tells_path.then(|| location.path()),
        }),
    })
}
