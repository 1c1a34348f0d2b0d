//! The host's runtime ends while requests are under way, or before they are.

use serde_json::json;
use tbengine_sdk::{Kind, ListRequest};

use crate::listening::was_logged;
use crate::rude::{closed, owed, pay};
use crate::support::{TIMEOUT, both, open_honest, open_rude, rude, until};

const LIST: fn() -> ListRequest = || ListRequest::first(Kind::SANDBOX);

#[test]
fn a_runtime_that_ends_gives_up_what_is_under_way_and_closes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = json!({ "takes-ms": 3_600_000, "farewell": "after the runtime" });
    let (channel, backend) = both(open_honest(config).unwrap());
    for _ in 0..3 {
        let backend = backend.clone();
        runtime.spawn(async move { backend.list(LIST()).await.map(drop) });
    }
    let other = tokio::runtime::Runtime::new().unwrap();
    let under_way = || other.block_on(backend.check()).unwrap().description;
    until("all are under way", || under_way() == "3 calls under way");
    runtime.shutdown_background();
    drop(backend);
    until("nothing is owed", || channel.pending() == 0);
    drop(channel);
    until("it is closed", || was_logged("after the runtime"));
}

#[test]
fn a_request_whose_thread_never_comes_holds_nothing_open() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let plugin = rude::<9>(TIMEOUT);
    let (channel, backend) = both(open_rude(plugin, "").unwrap());
    // The one thread is held up, so the request waits for its turn, which never comes.
    let (release, held) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || held.recv().ok());
    runtime.spawn(async move { backend.list(LIST()).await.map(drop) });
    until("it waits for its turn", || channel.pending() == 1);
    runtime.shutdown_background();
    drop(release);
    until("nothing is owed", || channel.pending() == 0);
    drop(channel);
    until("it is closed", || closed::<9>() == 1);
}

#[test]
fn an_answer_after_the_runtime_ended_closes_the_instance() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let plugin = rude::<10>(TIMEOUT);
    let (channel, backend) = both(open_rude(plugin, "owes").unwrap());
    runtime.spawn(async move { backend.list(LIST()).await.map(drop) });
    until("the plugin owes it", || owed::<10>() == 1);
    drop(runtime);
    assert_eq!((channel.pending(), closed::<10>()), (1, 0));
    pay::<10>();
    assert_eq!((channel.pending(), channel.unsolicited()), (0, 0));
    drop(channel);
    until("it is closed", || closed::<10>() == 1);
}
