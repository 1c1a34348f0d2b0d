//! Plugins that break the rules: the host neither reads nor frees anything that it must not, and goes on.

use std::time::Duration;

use tbengine_sdk::{ErrorKind, Kind, ListRequest};

use crate::rude::{closed, owed, pay, say_late};
use crate::support::{TIMEOUT, both, open_rude, rude, until};

const LIST: fn() -> ListRequest = || ListRequest::first(Kind::SANDBOX);

#[tokio::test(flavor = "multi_thread")]
async fn of_two_answers_the_first_counts_and_the_others_are_counted() {
    let plugin = rude::<0>(TIMEOUT);
    for (mode, unsolicited) in [("double", 1), ("invented", 2), ("elsewhere", 2)] {
        let (channel, backend) = both(open_rude(plugin, mode).unwrap());
        backend.list(LIST()).await.unwrap();
        until("the stray is counted", || {
            channel.unsolicited() == unsolicited
        });
        assert_eq!(channel.pending(), 0);
        backend.check().await.unwrap();
    }
    until("all are closed", || closed::<0>() == 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_taken_from_any_thread_and_before_the_call_returns() {
    let plugin = rude::<1>(TIMEOUT);
    let (_, backend) = both(open_rude(plugin, "other-thread").unwrap());
    backend.list(LIST()).await.unwrap();
    drop(backend);
    until("it is closed", || closed::<1>() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_instance_stays_until_the_last_answer_however_late() {
    let plugin = rude::<2>(Duration::from_millis(50));
    let (channel, backend) = both(open_rude(plugin, "owes").unwrap());
    for _ in 0..3 {
        let error = backend.list(LIST()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient);
    }
    until("the plugin owes three", || owed::<2>() == 3);
    assert_eq!((channel.pending(), channel.unsolicited()), (3, 0));
    drop((channel, backend));
    // An answer is owed, so it must not be closed, however long that takes.
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(closed::<2>(), 0);
    pay::<2>();
    until("the last answer closes it", || closed::<2>() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_on_the_hosts_own_thread_that_cancels_is_one_like_others() {
    let plugin = rude::<3>(TIMEOUT);
    for (mode, unsolicited) in [
        ("answers-when-cancelled", 0),
        ("answers-twice-when-cancelled", 1),
    ] {
        let (channel, backend) = both(open_rude(plugin, mode).unwrap());
        let listing = backend.clone();
        let call = tokio::spawn(async move { listing.list(LIST()).await.map(drop) });
        until("it is under way", || owed::<3>() == 1);
        call.abort();
        until("it is answered", || channel.pending() == 0);
        until("unsolicited are counted", || {
            channel.unsolicited() == unsolicited
        });
        assert_eq!(owed::<3>(), 0);
        call.await.unwrap_err();
    }
    until("both are closed", || closed::<3>() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_nothing_or_too_much_are_not_read() {
    let plugin = rude::<4>(TIMEOUT);
    let modes = ["null", "empty", "huge", "garbage", "odd-status"];
    for mode in modes {
        let (_, backend) = both(open_rude(plugin, mode).unwrap());
        let error = backend.list(LIST()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal, "{mode}: {error}");
        if mode == "huge" {
            assert!(error.message.contains("the maximum is 64 MiB"), "{error}");
        }
        backend.check().await.unwrap();
    }
    until("all are closed", || closed::<4>() == modes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_request_and_an_empty_method_can_be_read() {
    let plugin = rude::<5>(TIMEOUT);
    let (channel, _backend) = both(open_rude(plugin, "").unwrap());
    assert_eq!(
        channel.send(b"", Vec::new()).await.unwrap(),
        br#"{"resources":[]}"#
    );
}

#[test]
fn an_opening_is_believed_only_if_it_was_said_once_and_in_time() {
    let plugin = rude::<6>(TIMEOUT);
    for (mode, kind, says) in [
        ("open-silent", ErrorKind::Internal, "exactly once"),
        ("open-late", ErrorKind::Internal, "exactly once"),
        ("open-twice", ErrorKind::Internal, "exactly once"),
        ("open-nothing", ErrorKind::Internal, "opened nothing"),
        ("open-failed-with-instance", ErrorKind::Denied, "no key"),
        ("open-huge", ErrorKind::Internal, "the maximum is 64 MiB"),
        (
            "open-garbage",
            ErrorKind::Internal,
            "does not fit the protocol",
        ),
    ] {
        let error = open_rude(plugin, mode).err().expect(mode);
        assert_eq!(error.kind, kind, "{mode}: {error}");
        assert!(error.message.contains(says), "{mode}: {error}");
    }
    // All but the one that opened nothing.
    until("what was opened in vain is closed", || closed::<6>() == 6);
    say_late::<6>();
    open_rude(plugin, "").unwrap();
}

#[test]
fn each_plugin_has_a_table_of_its_own() {
    let (one, two) = (rude::<7>(TIMEOUT), rude::<8>(TIMEOUT));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (first, backend) = both(open_rude(one, "double").unwrap());
    let (second, other) = both(open_rude(two, "").unwrap());
    runtime.block_on(backend.list(LIST())).unwrap();
    runtime.block_on(other.list(LIST())).unwrap();
    until("the stray is counted", || first.unsolicited() == 1);
    assert_eq!(second.unsolicited(), 0);
}
