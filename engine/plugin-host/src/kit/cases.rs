//! Every case that fits a plugin.

use tbengine_sdk::Error;
use tbengine_sdk::testkit::{self, Case, CaseEnd, READ_ONLY};

use super::interface::interface;
use super::subject::{Lookout, PluginFixture, Subject};

/// Every case that fits: first the interface, then what a backend promises. Without a fixture, only what
/// changes nothing at the provider.
pub fn cases(subject: &Subject) -> Vec<Case> {
    let mut cases = interface(subject);
    let promises = if subject.has_fixture() {
        match PluginFixture::open(subject) {
            Ok(fixture) => testkit::cases(|| fixture),
            Err(error) => return with_broken(cases, "the_fixture_opens", error),
        }
    } else {
        match Lookout::open(subject) {
            Ok(fixture) => testkit::cases(|| fixture)
                .into_iter()
                .filter(|case| READ_ONLY.contains(&case.name))
                .collect(),
            Err(error) => return with_broken(cases, "the_backend_opens", error),
        }
    };
    cases.extend(promises);
    cases
}

fn with_broken(mut cases: Vec<Case>, name: &'static str, error: Error) -> Vec<Case> {
    cases.push(Case {
        name,
        kind: None,
        run: Box::new(move || CaseEnd::Failed(error.to_string())),
    });
    cases
}
