//! What a backend that is open says of its account, its clock, its disks and what may be done there.

use std::time::Duration;

use tbengine_sdk::host::{OpenBackend, call};
use tbengine_sdk::{Account, Act, Disk, Method, Operation, Right, Timestamp};

use tbengine_engine::skew::Skew;

use super::{Condition, Finding, Subject};
use crate::world::World;

/// How long a backend may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// With less than one part in so many free, a disk is nearly full.
const LOW_SHARE: u64 = 20;

/// Asks a backend for all of it, and gives its account as well.
pub(super) async fn examine(world: &World, open: &OpenBackend) -> (Vec<Finding>, Option<Account>) {
    let asked = world.refresh().now;
    let account = match call("check", ANSWER_TIMEOUT, open.backend.check()).await {
        Ok(account) => account,
        Err(error) => {
            let condition = Condition::Unanswered(error);
            let finding = Finding::new(Subject::Backend, &*open.name, condition);
            return (vec![finding], None);
        }
    };
    let answered = world.refresh().now;
    let note = |text: String| Finding::note(Subject::Backend, &*open.name, text);
    let mut detail = format!("{}, account {}", account.description, account.id);
    if account.now.is_none() {
        detail.push_str(", clock unknown");
    }
    let mut findings = vec![Finding::good(Subject::Backend, &*open.name, detail)];
    findings.extend(account.warnings.iter().cloned().map(note));
    findings.extend(skew(&account, asked, answered).map(note));
    findings.extend(disks(open).await);
    findings.extend(rights(open, &account.warnings).await);
    (findings, Some(account))
}

/// How far the provider's clock is from ours, if that is more than the answer's way and the clock's own step explain.
fn skew(account: &Account, asked: Timestamp, answered: Timestamp) -> Option<String> {
    let skew = Skew::between(asked, answered, account.now?)?;
    skew.is_notable().then(|| {
        format!(
            "its clock is {skew}. Ages are corrected by that, and nothing is cleaned there while it is more than the minimum age: set both clocks by a time service"
        )
    })
}

async fn disks(open: &OpenBackend) -> Vec<Finding> {
    if !open.capabilities.has(Method::Disks) {
        return Vec::new();
    }
    let new = |condition| Finding::new(Subject::Backend, &*open.name, condition);
    match call("disks", ANSWER_TIMEOUT, open.backend.disks()).await {
        Ok(disks) => disks.iter().map(|found| new(disk(found))).collect(),
        Err(error) => vec![new(Condition::Note(format!(
            "its disks cannot be read: {error}"
        )))],
    }
}

fn disk(disk: &Disk) -> Condition {
    let mut text = format!(
        "disk {}: {} of {} free",
        disk.name,
        gibibytes(disk.free_bytes),
        gibibytes(disk.total_bytes)
    );
    if let (Some(free), Some(total)) = (disk.free_files, disk.total_files) {
        text.push_str(&format!(", room for {free} of {total} files"));
    }
    if !disk.kinds.is_empty() {
        let kinds: Vec<&str> = disk.kinds.iter().map(|kind| kind.word()).collect();
        text.push_str(&format!(" ({})", kinds.join(", ")));
    }
    let is_low = |free: u64, total: u64| free < total / LOW_SHARE;
    let files = disk.free_files.zip(disk.total_files);
    let is_full = is_low(disk.free_bytes, disk.total_bytes)
        || files.is_some_and(|(free, total)| is_low(free, total));
    match is_full {
        true => Condition::Note(format!("{text}: nearly full")),
        false => Condition::Good(text),
    }
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// What may not be done with these credentials, unless a warning of the account has said so.
async fn rights(open: &OpenBackend, said: &[String]) -> Vec<Finding> {
    if !open.capabilities.has(Method::Rights) {
        return Vec::new();
    }
    let acts: Vec<Act> = open
        .capabilities
        .kinds
        .iter()
        .flat_map(|info| {
            [
                (Operation::List, true),
                (Operation::Stop, info.can.stop),
                (Operation::Archive, info.can.archive),
                (Operation::Delete, true),
            ]
            .into_iter()
            .filter(|(_, can)| *can)
            .map(|(operation, _)| Act::on_any(operation, info.kind))
        })
        .collect();
    let note = |text: String| Finding::note(Subject::Backend, &*open.name, text);
    match call("rights", ANSWER_TIMEOUT, open.backend.rights(acts)).await {
        Ok(rights) => {
            let is_news = |right: &&Right| {
                let mut said = said.iter();
                !right.allowed
                    && (right.reason.is_empty() || !said.any(|text| text.contains(&right.reason)))
            };
            rights
                .iter()
                .filter(is_news)
                .map(|right| note(denied(right)))
                .collect()
        }
        Err(error) => vec![note(format!("its rights cannot be read: {error}"))],
    }
}

fn denied(right: &Right) -> String {
    let Act {
        operation, kind, ..
    } = &right.act;
    let mut text = format!("these credentials may not {operation} a {kind}");
    if !right.reason.is_empty() {
        text.push_str(&format!(": {}", right.reason));
    }
    if !right.hint.is_empty() {
        text.push_str(&format!("; {}", right.hint));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tbengine_memory::Memory;
    use tbengine_sdk::Kind;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn after(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    fn account_at(now: Option<Timestamp>) -> Account {
        Account {
            now,
            ..Account::new("a", "b")
        }
    }

    #[test]
    fn a_clock_is_wrong_beyond_what_the_way_of_the_answer_explains() {
        let says = |now, answered| skew(&account_at(now), NOW, answered);
        assert_eq!(says(None, after(0)), None);
        for close in [NOW, after(6), NOW.minus(Duration::from_secs(6))] {
            assert_eq!(says(Some(close), after(0)), None);
        }
        // It took 20 seconds, so nobody knows when within them it was.
        assert_eq!(says(Some(after(26)), after(20)), None);
        let ahead = says(Some(after(243)), after(0)).expect("it is notable");
        assert!(ahead.contains("4m 3s ahead of"));
        let behind = says(Some(NOW.minus(Duration::from_secs(7))), after(0));
        let behind = behind.expect("it is notable");
        assert!(behind.contains("7s behind"));
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_worth_a_note() {
        let of = |free_bytes, free_files| Disk {
            name: "/d".into(),
            total_bytes: 100 << 30,
            free_bytes,
            total_files: Some(1000),
            free_files: Some(free_files),
            kinds: vec![Kind::VOLUME],
        };
        let Condition::Good(text) = disk(&of(6 << 30, 60)) else {
            panic!("there is room")
        };
        assert_eq!(
            text,
            "disk /d: 6.0 GiB of 100.0 GiB free, room for 60 of 1000 files (volume)"
        );
        for low in [of(4 << 30, 900), of(50 << 30, 40)] {
            assert!(matches!(disk(&low), Condition::Note(text) if text.ends_with("nearly full")));
        }
    }

    #[tokio::test]
    async fn what_is_denied_is_reported_once() {
        let memory = Memory::new("memory", NOW);
        memory.forbid(Operation::Delete, Kind::VOLUME);
        let open = OpenBackend::new("memory", "memory", Arc::new(memory.clone()));
        let shown = |findings: Vec<Finding>| {
            let notes = findings.into_iter().map(|finding| match finding.condition {
                Condition::Note(text) => text,
                other => panic!("{other:?}"),
            });
            notes.collect::<Vec<_>>()
        };
        let expected = "these credentials may not delete a volume: the key may not delete a volume; use another key";
        assert_eq!(shown(rights(&open, &[]).await), [expected]);
        let warned = ["the key may not delete a volume, alas".to_owned()];
        assert_eq!(shown(rights(&open, &warned).await), [""; 0]);
    }
}
