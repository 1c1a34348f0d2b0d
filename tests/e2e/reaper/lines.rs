//! What is not a filter is never acknowledged, and never comes to mean more than was written.

use std::fs;

use super::session::World;

#[test]
fn what_is_no_filter_is_refused_and_deletes_nothing() {
    let world = World::new("refused");
    let made = world.make();
    let mut reaper = world.reaper(&[]);
    for mut client in [reaper.tcp(), reaper.unix()] {
        for line in [
            "\n",
            "\r\n",
            "&\n",
            "label=\n",
            "label\n",
            "label=session=\n",
            "label=session%\n",
            "label=session=refused&status=running\n",
            "health=unhealthy\n",
            "label!=session\n",
            "name=refused.*\n",
            "id=4f\n",
            "label=session=%ff\n",
        ] {
            let answer = client.say(line);
            assert!(
                answer.starts_with("ERR ") && answer.ends_with('\n'),
                "{line:?}: {answer:?}"
            );
        }
        // What it says afterwards counts.
        assert_eq!(client.say("label=session=refused-not\n"), "ACK\n");
    }
    let mut client = reaper.tcp();
    client.send(b"label=\xff\xfe\n");
    assert!(client.answer().starts_with("ERR "));
    drop(client);
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    for id in [made.container, made.network, made.volume, made.image] {
        assert!(world.exists(&id), "{id}\n{}", reaper.log());
    }
    assert!(reaper.log().contains("rejected a client's filter"));
}

/// A client that is killed while it writes `label=session=…` must not have named every session.
#[test]
fn half_a_line_is_no_filter() {
    let world = World::new("halved");
    let container = world.sleeper(&[]);
    let mut reaper = world.reaper(&[]);
    let mut client = reaper.tcp();
    client.send(b"label=session");
    client.finish();
    assert!(client.answer().starts_with("ERR "));
    assert_eq!(client.answer(), "");
    let mut client = reaper.unix();
    client.send(&[b'a'; 70_000]);
    assert!(client.answer().starts_with("ERR "));
    assert_eq!(client.answer(), "");
    assert_eq!(reaper.ended(), Some(0), "{}", reaper.log());
    assert!(world.exists(&container));
}

/// Otherwise a host that disappeared would hold its lease forever.
#[test]
fn connections_are_probed_when_they_are_silent() {
    let world = World::new("probed");
    let reaper = world.reaper(&[]);
    let mut client = reaper.tcp();
    assert_eq!(client.say(&world.line()), "ACK\n");
    let (ours, theirs) = (client.port(), reaper.port());
    // Columns of the kernel's list: local and remote address, state, queues, and the timer that runs.
    let list = fs::read_to_string("/proc/net/tcp").unwrap();
    let ends = [format!(":{theirs:04X}"), format!(":{ours:04X}")];
    let entry = list
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let entry = entry
        .into_iter()
        .find(|columns| columns[1].ends_with(&ends[0]) && columns[2].ends_with(&ends[1]))
        .expect("the connection is listed");
    // 02 is the timer of keepalive.
    assert!(entry[5].starts_with("02:"), "{entry:?}");
}
