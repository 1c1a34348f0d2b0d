//! Behaviours of the optional methods, each for those who offer it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::bench::{Behaviour, Bench, Halt, Tested, assert_fails, behaviour, missing};
use super::fixture::{Made, Wanted};
use crate::backend::{DeleteOptions, ListRequest};
use crate::error::ErrorKind;
use crate::identity::Identity;
use crate::kind::Kind;
use crate::kind_info::Can;
use crate::powers::{
    Act, AttachRequest, Change, Changes, FindRequest, Method, ObserveRequest, Operation,
    WatchRequest,
};

pub(super) fn behaviours() -> Vec<Behaviour> {
    vec![
        behaviour!(Once what_kinds_can_fits_the_methods_that_are_offered),
        behaviour!(Once a_method_that_is_not_offered_does_nothing),
        behaviour!(Once rights_are_answered_only_for_what_was_asked),
        behaviour!(Once disks_have_names_and_no_more_free_than_there_is),
        behaviour!(Once find_finds_by_name_and_by_id),
        behaviour!(Once find_never_invents),
        behaviour!(Once an_attachment_tells_once_of_what_is_made_through_it),
        behaviour!(WhatIsWatched a_watch_that_begins_answers_at_once_and_without_changes),
        behaviour!(WhatIsWatched a_watch_without_changes_ends_when_its_time_is_over),
        behaviour!(WhatIsWatched a_watch_tells_of_what_came),
        behaviour!(WhatIsWatched a_watch_from_a_cursor_tells_of_a_deletion),
        behaviour!(WhatIsWatched a_cursor_that_was_never_given_is_lost_or_invalid),
        behaviour!(WhatIsSampled a_sample_is_of_what_runs_and_counts_up),
        behaviour!(WhatIsRelabelled relabelling_shows_at_the_next_get_and_leaves_other_labels),
        behaviour!(WhatIsRelabelled relabelling_what_does_not_exist_is_not_found),
        behaviour!(WhatIsNotRelabelled relabelling_what_cannot_be_relabelled_is_unsupported),
    ]
}

/// Ends a trial of a method that is not offered.
fn needs(bench: &Bench, method: Method) -> Tested {
    match bench.backend.capabilities().has(method) {
        true => Ok(()),
        false => Err(Halt::NotApplicable(format!("it does not offer `{method}`"))),
    }
}

async fn what_kinds_can_fits_the_methods_that_are_offered(bench: Bench, _: Kind) -> Tested {
    let capabilities = bench.backend.capabilities();
    let fits = |method: Method, can: fn(&Can) -> bool| {
        let some = capabilities.kinds.iter().any(|info| can(&info.can));
        let has = capabilities.has(method);
        assert_eq!(some, has, "`{method}` is offered if and only if a kind can");
    };
    fits(Method::Watch, |can| can.watch);
    fits(Method::Sample, |can| can.sample);
    fits(Method::Relabel, |can| can.relabel);
    let mut methods = capabilities.methods.clone();
    methods.sort_unstable();
    methods.dedup();
    assert_eq!(methods.len(), capabilities.methods.len(), "a method twice");
    Ok(())
}

async fn a_method_that_is_not_offered_does_nothing(bench: Bench, kind: Kind) -> Tested {
    let (backend, capabilities) = (&bench.backend, bench.backend.capabilities());
    let lacks = |method| !capabilities.has(method);
    if lacks(Method::Rights) {
        let acts = vec![Act::on_any(Operation::Delete, kind)];
        assert_eq!(backend.rights(acts).await?, []);
    }
    if lacks(Method::Disks) {
        assert_eq!(backend.disks().await?, []);
    }
    if lacks(Method::Sample) {
        assert_eq!(backend.sample(Vec::new()).await?, []);
    }
    if lacks(Method::Watch) {
        let answer = backend.watch(watching(kind, None, Duration::ZERO)).await;
        assert_fails(answer, ErrorKind::Unsupported);
    }
    if lacks(Method::Find) {
        let request = FindRequest {
            name: "any".into(),
            kinds: Vec::new(),
        };
        assert_fails(backend.find(request).await, ErrorKind::Unsupported);
    }
    if lacks(Method::Attach) {
        backend.detach("none").await?;
        let request = ObserveRequest {
            attachment: "none".into(),
            since: None,
            wait: Duration::ZERO,
        };
        assert_fails(backend.observed(request).await, ErrorKind::Unsupported);
    }
    Ok(())
}

async fn rights_are_answered_only_for_what_was_asked(bench: Bench, _: Kind) -> Tested {
    needs(&bench, Method::Rights)?;
    assert_eq!(bench.backend.rights(Vec::new()).await?, []);
    let kinds: Vec<Kind> = bench.backend.capabilities().words().collect();
    let all: Vec<Act> = kinds
        .iter()
        .flat_map(|kind| {
            [Operation::List, Operation::Stop, Operation::Delete]
                .map(|operation| Act::on_any(operation, *kind))
        })
        .collect();
    for asked in [&all[..], &all[..1]] {
        let answered = bench.backend.rights(asked.to_vec()).await?;
        for (place, right) in answered.iter().enumerate() {
            assert!(asked.contains(&right.act), "{right:?} was not asked for");
            let before = &answered[..place];
            assert!(
                before.iter().all(|other| other.act != right.act),
                "{right:?} twice"
            );
            assert!(
                right.allowed || !right.reason.is_empty(),
                "{right:?} says no reason"
            );
        }
    }
    // What a listing shows was allowed to be listed.
    for right in bench.backend.rights(all).await? {
        if right.act.operation == Operation::List && !right.allowed {
            let answer = bench.backend.list(ListRequest::first(right.act.kind)).await;
            let shows = answer.is_ok_and(|page| !page.resources.is_empty());
            assert!(!shows, "{right:?}, and it is listed");
        }
    }
    Ok(())
}

async fn disks_have_names_and_no_more_free_than_there_is(bench: Bench, _: Kind) -> Tested {
    needs(&bench, Method::Disks)?;
    let capabilities = bench.backend.capabilities();
    let disks = bench.backend.disks().await?;
    for (place, disk) in disks.iter().enumerate() {
        assert!(!disk.name.is_empty(), "{disk:?}");
        assert!(
            disks[..place].iter().all(|other| other.name != disk.name),
            "{disk:?} twice"
        );
        assert!(disk.total_bytes > 0, "{disk:?}");
        assert!(disk.free_bytes <= disk.total_bytes, "{disk:?}");
        if let (Some(free), Some(total)) = (disk.free_files, disk.total_files) {
            assert!(free <= total, "{disk:?}");
        }
        let mut kinds = disk.kinds.iter();
        assert!(
            kinds.all(|kind| capabilities.kind(*kind).is_some()),
            "{disk:?}"
        );
    }
    Ok(())
}

async fn find_finds_by_name_and_by_id(bench: Bench, kind: Kind) -> Tested {
    needs(&bench, Method::Find)?;
    let made = bench.make(Wanted::new(kind)).await?;
    for name in [&made.name, &made.identity.native] {
        for kinds in [Vec::new(), vec![kind]] {
            let request = FindRequest {
                name: name.clone(),
                kinds,
            };
            let found = bench.backend.find(request).await?;
            let mut found = found.iter().map(|resource| &resource.identity);
            assert!(
                found.any(|identity| *identity == made.identity),
                "`{name}` does not find {}",
                made.identity.id()
            );
        }
    }
    Ok(())
}

async fn find_never_invents(bench: Bench, kind: Kind) -> Tested {
    needs(&bench, Method::Find)?;
    let made = bench.make(Wanted::new(kind)).await?;
    let absent = missing(&made.identity).native;
    for name in ["", "\u{0}", "../..", "no-such-name-anywhere", &absent] {
        let request = FindRequest {
            name: name.to_owned(),
            kinds: Vec::new(),
        };
        match bench.backend.find(request).await {
            Ok(found) => assert_eq!(found, [], "`{name}`"),
            Err(error) if error.kind == ErrorKind::Invalid => {}
            Err(error) => return Err(error.into()),
        }
    }
    let request = FindRequest {
        name: made.name.clone(),
        kinds: Vec::new(),
    };
    for found in bench.backend.find(request).await? {
        let read = bench.backend.get(&found.identity).await?;
        let read = read.map(|resource| resource.identity);
        assert_eq!(
            read.as_ref(),
            Some(&found.identity),
            "what is found is there"
        );
        let mut names = std::iter::once(&found.name).chain(&found.names);
        let is_meant = names.any(|name| *name == made.name);
        assert!(is_meant || found.name.starts_with(&made.name), "{found:?}");
    }
    Ok(())
}

async fn an_attachment_tells_once_of_what_is_made_through_it(bench: Bench, kind: Kind) -> Tested {
    needs(&bench, Method::Attach)?;
    let directory = std::env::temp_dir();
    let attached = bench
        .backend
        .attach(AttachRequest {
            run: "a-run-of-the-suite".into(),
            directory,
            environment: BTreeMap::new(),
        })
        .await?;
    let observing = |since: Option<String>| ObserveRequest {
        attachment: attached.attachment.clone(),
        since,
        wait: Duration::from_millis(200),
    };
    let none = bench.backend.observed(observing(None)).await?;
    assert_eq!(none.made, [], "nothing was made yet");
    let made = bench
        .fixture
        .make_through(&attached, &Wanted::new(kind))
        .await;
    let tried = match made {
        Err(message) => Err(Halt::Failed(format!("the fixture failed: {message}"))),
        Ok(Made::NotApplicable(reason)) => Err(Halt::NotApplicable(reason)),
        Ok(Made::CannotMake) => Err(Halt::Ignored(
            "the fixture makes nothing through an attachment".into(),
        )),
        Ok(Made::Yes(identity)) => {
            let first = bench.backend.observed(observing(Some(none.cursor))).await?;
            let observed: Vec<&str> = first.made.iter().map(|made| &*made.native).collect();
            assert_eq!(observed, [&*identity.native]);
            let next = bench
                .backend
                .observed(observing(Some(first.cursor)))
                .await?;
            assert_eq!(next.made, [], "it was reported");
            let all = bench.backend.observed(observing(None)).await?;
            assert_eq!(all.made.len(), 1, "from the beginning");
            Ok(())
        }
    };
    for _ in 0..2 {
        bench.backend.detach(&attached.attachment).await?;
    }
    assert_fails(
        bench.backend.observed(observing(None)).await,
        ErrorKind::NotFound,
    );
    tried
}

/// Longer than an answer takes that is to come at once.
const AT_ONCE: Duration = Duration::from_secs(10);

fn watching(kind: Kind, since: Option<&str>, wait: Duration) -> WatchRequest {
    WatchRequest {
        kinds: vec![kind],
        since: since.map(str::to_owned),
        wait,
    }
}

/// A cursor for now.
async fn begin(bench: &Bench, kind: Kind) -> Result<Changes, Halt> {
    let began = Instant::now();
    let request = watching(kind, None, AT_ONCE * 2);
    let first = bench.backend.watch(request).await?;
    assert!(began.elapsed() < AT_ONCE, "it waited for a change");
    assert_eq!(first.changes, [], "nothing is older than the cursor");
    assert!(!first.lost && !first.cursor.is_empty(), "{first:?}");
    Ok(first)
}

/// Follows changes from a cursor until one is as expected.
async fn follow(
    bench: &Bench,
    kind: Kind,
    cursor: &str,
    what: &str,
    expected: impl Fn(&Change) -> bool,
) -> Tested {
    let deadline = Instant::now() + bench.fixture.patience();
    let mut cursor = cursor.to_owned();
    while Instant::now() < deadline {
        let wait = Duration::from_millis(500);
        let answer = bench
            .backend
            .watch(watching(kind, Some(&cursor), wait))
            .await?;
        assert!(!answer.lost, "something was lost right away");
        for change in &answer.changes {
            let subject = change.subject();
            assert!(
                subject.is_none_or(|(of, _)| of == kind),
                "{change:?} is of another kind"
            );
        }
        if answer.changes.iter().any(&expected) {
            return Ok(());
        }
        cursor = answer.cursor;
    }
    Err(Halt::Failed(format!("no change reported that {what}")))
}

async fn a_watch_that_begins_answers_at_once_and_without_changes(
    bench: Bench,
    kind: Kind,
) -> Tested {
    bench.make(Wanted::new(kind)).await?;
    begin(&bench, kind).await.map(drop)
}

async fn a_watch_without_changes_ends_when_its_time_is_over(bench: Bench, kind: Kind) -> Tested {
    let mut cursor = begin(&bench, kind).await?.cursor;
    let began = Instant::now();
    // Others may change something meanwhile.
    for _ in 0..20 {
        let wait = Duration::from_millis(300);
        let answer = bench
            .backend
            .watch(watching(kind, Some(&cursor), wait))
            .await?;
        assert!(began.elapsed() < AT_ONCE, "it waited for longer than asked");
        if answer.changes.is_empty() {
            return Ok(());
        }
        cursor = answer.cursor;
    }
    Ok(())
}

async fn a_watch_tells_of_what_came(bench: Bench, kind: Kind) -> Tested {
    let first = begin(&bench, kind).await?;
    let made = bench.make(Wanted::new(kind)).await?;
    let native = &made.identity.native;
    let is_it = |change: &Change| change.subject().is_some_and(|(_, of)| of == native);
    follow(&bench, kind, &first.cursor, "it came", is_it).await
}

async fn a_watch_from_a_cursor_tells_of_a_deletion(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let first = begin(&bench, kind).await?;
    bench
        .backend
        .delete(&made.identity, DeleteOptions::GENTLE)
        .await?;
    bench.until_gone(&made.identity).await?;
    let is_it = |gone: &Identity| {
        let created = gone.created.is_none() || gone.created == made.identity.created;
        gone.native == made.identity.native && created
    };
    // The same cursor twice: it is valid for several readers.
    for _ in 0..2 {
        let reported =
            |change: &Change| matches!(change, Change::Gone { identity, .. } if is_it(identity));
        follow(&bench, kind, &first.cursor, "it is gone", reported).await?;
    }
    Ok(())
}

async fn a_cursor_that_was_never_given_is_lost_or_invalid(bench: Bench, kind: Kind) -> Tested {
    for cursor in ["a cursor that was never given", "0", ""] {
        let request = watching(kind, Some(cursor), Duration::ZERO);
        match bench.backend.watch(request).await {
            Ok(answer) => assert!(answer.lost, "`{cursor}` was taken: {answer:?}"),
            Err(error) => assert_eq!(error.kind, ErrorKind::Invalid, "{error}"),
        }
    }
    Ok(())
}

async fn a_sample_is_of_what_runs_and_counts_up(bench: Bench, kind: Kind) -> Tested {
    let runs = bench.make(Wanted::running(kind)).await?.identity;
    let ended = bench.make(Wanted::new(kind)).await?.identity;
    let targets = vec![runs.clone(), ended, missing(&runs)];
    assert_eq!(bench.backend.sample(Vec::new()).await?, []);
    let mut last: Option<crate::Sample> = None;
    for _ in 0..3 {
        let mut samples = bench.backend.sample(targets.clone()).await?;
        assert_eq!(samples.len(), 1, "only one of them runs: {samples:?}");
        let sample = samples.remove(0);
        assert_eq!(sample.target, runs);
        let counters = |sample: &crate::Sample| {
            [sample.cpu_ns, sample.network_bytes, sample.disk_bytes].map(|count| count.unwrap_or(0))
        };
        if let Some(last) = &last {
            let (before, after) = (counters(last), counters(&sample));
            let mut both = before.iter().zip(after);
            assert!(both.all(|(before, after)| *before <= after), "{sample:?}");
        }
        last = Some(sample);
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn relabelling_shows_at_the_next_get_and_leaves_other_labels(
    bench: Bench,
    kind: Kind,
) -> Tested {
    let labels = [("stays", "as it is"), ("goes", "away"), ("changes", "old")];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let wanted = Wanted {
        labels: labels.to_vec(),
        ..Wanted::new(kind)
    };
    let made = bench.make(wanted).await?;
    let changes = [
        ("goes", None),
        ("was-never-there", None),
        ("changes", Some("new")),
        ("comes", Some("")),
    ];
    let changes = changes.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
    let changes = BTreeMap::from(changes);
    for _ in 0..2 {
        bench
            .backend
            .relabel(&made.identity, changes.clone())
            .await?;
        let read = bench.backend.get(&made.identity).await?;
        let read = read.expect("it is there");
        let keys = ["stays", "goes", "changes", "comes", "was-never-there"];
        assert_eq!(
            keys.map(|key| read.labels.get(key)),
            [Some("as it is"), None, Some("new"), Some(""), None]
        );
        assert_eq!(read.identity, made.identity);
        assert_eq!(read.state, made.state);
    }
    Ok(())
}

async fn relabelling_what_does_not_exist_is_not_found(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let labels = BTreeMap::from([("a".to_owned(), Some("b".to_owned()))]);
    let answer = bench
        .backend
        .relabel(&missing(&made.identity), labels)
        .await;
    assert_fails(answer, ErrorKind::NotFound);
    Ok(())
}

async fn relabelling_what_cannot_be_relabelled_is_unsupported(bench: Bench, kind: Kind) -> Tested {
    let made = bench.make(Wanted::new(kind)).await?;
    let labels = BTreeMap::from([("a".to_owned(), Some("b".to_owned()))]);
    let answer = bench.backend.relabel(&made.identity, labels).await;
    assert_fails(answer, ErrorKind::Unsupported);
    Ok(())
}
