//! The plugin's side of the C interface against a host that is only a table: what the sdk does for the
//! author of a plugin, with memory that is gone as soon as the header allows. Runs under Miri.

#![expect(unsafe_code, reason = "it calls the functions of the C interface")]

mod host;

use serde_json::{Value, json};
use tbengine_plugin_tests as _;
use tbengine_sdk::ErrorKind;
use tbengine_sdk::abi::{self, Bytes, HostV2};
use tbengine_sdk::export::tbengine_plugin_v2;

use host::{HOST, Open, answer, answers, number, open, open_bytes, opening, plugin, record};

/// Fewer under Miri, which is some hundred times slower.
const CALLS: usize = if cfg!(miri) { 6 } else { 500 };

const LIST: &[u8] = br#"{"kind":"sandbox","page-size":10}"#;

fn status(kind: ErrorKind) -> abi::Status {
    abi::status_of(kind)
}

fn target() -> Value {
    let identity = json!({
        "backend": "here", "account": "rough", "kind": "sandbox", "native": "sb-7", "created": null,
    });
    json!({ "target": identity, "force": false, "grace-ms": 0 })
}

#[test]
fn a_host_that_does_not_fit_is_refused_and_nothing_behind_its_size_is_read() {
    plugin();
    let small: Box<usize> = Box::new(size_of::<usize>());
    let other = Box::new(HostV2 { ..HOST });
    let bytes = [0_u8; 2 * size_of::<HostV2>()];
    let odd = bytes.as_ptr().wrapping_add(1 - bytes.as_ptr().addr() % 2);
    for host in [
        std::ptr::null(),
        std::ptr::from_ref(&*small).cast::<HostV2>(),
        odd.cast(),
        // A second host would wait for answers that go to the first.
        std::ptr::from_ref(&*other),
    ] {
        // SAFETY: what can be read behind each is as much as its size says, or it must not be read at all.
        assert!(unsafe { tbengine_plugin_v2(host) }.is_null());
    }
    // SAFETY: the table stays for the life of the process.
    let again = unsafe { tbengine_plugin_v2(&raw const HOST) };
    assert!(std::ptr::eq(again, plugin()));
}

#[test]
fn the_descriptor_stays_and_says_what_there_is() {
    // SAFETY: it is static.
    let descriptor: Value = serde_json::from_slice(unsafe { plugin().descriptor.read() }).unwrap();
    assert_eq!(descriptor["protocol"], 2);
    assert_eq!(descriptor["kinds"][1]["kind"], "rough");
}

#[test]
fn an_opening_that_fails_says_so_once_and_opens_nothing() {
    let invalid = status(ErrorKind::Invalid);
    let panics = opening(&json!({ "panic-on-open": true }));
    let odd = opening(&json!({ "take-ms": 1 }));
    let null = Bytes {
        ptr: std::ptr::null(),
        len: 5,
    };
    for (request, expected, says) in [
        (Bytes::EMPTY, invalid, "does not fit"),
        (null, invalid, "does not fit"),
        (Bytes::of(b"\xff{"), invalid, "does not fit"),
        (Bytes::of(&odd), invalid, "unknown field `take-ms`"),
        (
            Bytes::of(&panics),
            status(ErrorKind::Internal),
            "as it was told",
        ),
    ] {
        let (opened, said) = open_bytes(request);
        assert!(opened.is_none());
        assert_eq!((said.count, said.status), (1, expected), "{}", said.body);
        assert!(
            said.body["message"].as_str().unwrap().contains(says),
            "{}",
            said.body
        );
    }
    // A host that does not want to know gets nothing told.
    let open = plugin().open.unwrap();
    // SAFETY: the request outlives the call.
    assert!(unsafe { open(Bytes::of(&panics), std::ptr::null_mut(), None) }.is_null());
}

#[test]
fn every_method_answers() {
    let backend = open(&json!({ "resources": 2 }));
    let (ok, account) = backend.ask("check", &json!({}));
    assert_eq!((ok, &account["id"]), (abi::OK, &json!("rough")));
    let (ok, page) = backend.ask("list", &json!({ "kind": "sandbox", "page-size": 10 }));
    assert_eq!(
        (ok, page["resources"].as_array().unwrap().len()),
        (abi::OK, 2)
    );
    let (ok, read) = backend.ask("get", &target());
    assert_eq!(
        (ok, &read["resource"]["name"]),
        (abi::OK, &json!("sandbox 7"))
    );
    assert_eq!(
        backend.ask("delete", &target()),
        (abi::OK, json!({ "is": "done" }))
    );
    let (failed, error) = backend.ask("stop", &target());
    assert_eq!(failed, status(ErrorKind::RateLimited));
    assert_eq!(error["retry-after-ms"], 1500);
    backend.close();
}

#[test]
fn requests_that_make_no_sense_are_answered_at_once() {
    let backend = open(&json!({}));
    let (unsupported, invalid) = (status(ErrorKind::Unsupported), status(ErrorKind::Invalid));
    for (method, request, expected) in [
        (&b"no-such-method"[..], &b"{}"[..], unsupported),
        (b"", b"{}", unsupported),
        (b"", b"", unsupported),
        (b"list\0", b"{}", unsupported),
        (b"\xff", b"{}", unsupported),
        (b"list", b"", invalid),
        (b"get", b"\xff", invalid),
        (b"delete", b"[]", invalid),
    ] {
        let call = backend.begin(method, request, 0);
        assert_eq!((answer(call).0, answers(call)), (expected, 1), "{method:?}");
    }
    // An empty slice of Rust has an address that must not be read; C has none.
    let (call, begin) = (number(), plugin().call.unwrap());
    let null = Bytes {
        ptr: std::ptr::null(),
        len: usize::MAX,
    };
    // SAFETY: the instance is open, and a null pointer is allowed.
    unsafe { begin(backend.raw(), call, null, null, 0) };
    assert_eq!(answer(call).0, unsupported);
    backend.close();
}

#[test]
fn a_null_instance_is_an_error_and_no_crash() {
    let call = Open::NULL.begin(b"check", b"{}", 0);
    assert_eq!(answer(call).0, status(ErrorKind::Invalid));
    Open::NULL.cancel(call);
    Open::NULL.close();
    assert_eq!(answers(call), 1);
}

#[test]
fn a_panic_is_an_answer_and_a_record_and_the_instance_goes_on() {
    let config =
        json!({ "panic-on-check": true, "panic-on-drop": true, "farewell": "after panics" });
    let backend = open(&config);
    for _ in 0..2 {
        let (failed, error) = backend.ask("check", &json!({}));
        assert_eq!(failed, status(ErrorKind::Internal));
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("as it was told"),
            "{error}"
        );
    }
    assert_eq!(answer(backend.begin(b"list", LIST, 0)).0, abi::OK);
    backend.close();
    record("after panics");
    assert!(record("rough.rs").starts_with("1 panic: "));
}

#[test]
fn records_of_the_backend_arrive_whole() {
    let backend = open(&json!({ "farewell": "given back" }));
    backend.ask("check", &json!({}));
    let record = record("checking");
    assert_eq!(
        record,
        r#"3 tbengine_plugin_tests::rough: checking {"answer":42}"#
    );
    backend.close();
    host::record("given back");
}

#[test]
fn a_call_that_is_cancelled_is_answered_once_whenever_that_is() {
    let backend = open(&json!({ "takes-ms": 3_600_000, "farewell": "after cancelling" }));
    let under_way = backend.begin(b"list", LIST, 0);
    backend.cancel(number());
    backend.cancel(under_way);
    backend.cancel(under_way);
    assert_eq!(answer(under_way).0, abi::CANCELLED);
    backend.cancel(under_way);
    let done = backend.begin(b"check", b"{}", 0);
    assert_eq!(answer(done).0, abi::OK);
    backend.cancel(done);
    let refused = backend.begin(b"no-such-method", b"{}", 0);
    backend.cancel(refused);
    backend.close();
    record("after cancelling");
    for call in [under_way, done, refused] {
        assert_eq!(answers(call), 1);
    }
}

#[test]
fn the_deadline_ends_a_call() {
    let backend = open(&json!({ "takes-ms": 3_600_000 }));
    let call = backend.begin(b"list", LIST, 100);
    let (failed, error) = answer(call);
    assert_eq!(failed, status(ErrorKind::Transient));
    assert!(
        error["message"].as_str().unwrap().contains("within 100 ms"),
        "{error}"
    );
    backend.cancel(call);
    assert_eq!(answer(backend.begin(b"check", b"{}", u64::MAX)).0, abi::OK);
    backend.close();
    assert_eq!(answers(call), 1);
}

#[test]
fn the_host_may_call_close_and_begin_from_within_an_answer() {
    let backend = open(&json!({ "takes-ms": 1, "farewell": "closed within" }));
    let (first, second, third) = (number(), number(), number());
    host::within_answer(first, move || {
        backend.begin_as(second, b"no-such-method", b"", 0);
        backend.begin_as(third, b"list", LIST, 0);
        backend.cancel(first);
    });
    host::within_answer(third, move || backend.close());
    backend.begin_as(first, b"list", LIST, 0);
    record("closed within");
    assert_eq!(answer(third).0, abi::OK);
    for call in [first, second, third] {
        assert_eq!(answers(call), 1);
    }
}

#[test]
fn calls_and_cancellations_from_many_threads_are_answered_once_each() {
    let backend = open(&json!({ "takes-ms": 2, "farewell": "after the crowd" }));
    let calls = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                scope.spawn(move || {
                    let begin = |turn| {
                        let call = backend.begin(b"list", LIST, 60_000_000);
                        if turn % 2 == 0 {
                            backend.cancel(call);
                        }
                        call
                    };
                    (thread..thread + CALLS).map(begin).collect::<Vec<_>>()
                })
            })
            .collect();
        let done = threads.into_iter().map(|thread| thread.join().unwrap());
        done.flatten().collect::<Vec<_>>()
    });
    assert_eq!(calls.len(), 4 * CALLS);
    for call in &calls {
        let (ended, _) = answer(*call);
        assert!(ended == abi::OK || ended == abi::CANCELLED, "{ended}");
    }
    backend.close();
    record("after the crowd");
    assert!(calls.iter().all(|call| answers(*call) == 1));
}
