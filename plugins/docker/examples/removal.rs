//! Measures how fast containers can be removed: by this backend as the engine drives it, by bare
//! requests, and by `docker rm --force`, all in one private daemon.
//!
//! `cargo run --release -p tbengine-docker --example removal -- 100 running`
#![expect(clippy::print_stdout, reason = "a program that prints its figures")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tbengine_docker::Docker;
use tbengine_dockerd::Dockerd;
use tbengine_sdk::{
    Backend, DeleteOptions, Identity, Kind, ListRequest, OpenRequest, StopOptions, Timestamp,
};

const CONCURRENCY: [usize; 6] = [1, 2, 4, 8, 16, 50];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(100, |text| text.parse().unwrap());
    let running = arguments.next().as_deref() != Some("created");
    let daemon = Dockerd::start().unwrap();
    let state = if running { "running" } else { "created" };
    println!("{count} {state} containers");

    by_command(&daemon, count, running);
    for concurrency in CONCURRENCY {
        make(&daemon, count, running);
        let ids = daemon.docker(&["ps", "-aq", "--no-trunc"]);
        let begin = Instant::now();
        let mut latencies = bare(&daemon.socket(), ids.lines().collect(), concurrency);
        report("bare DELETE", concurrency, begin.elapsed(), &mut latencies);
    }
    for kill_first in [false, true] {
        if kill_first && !running {
            break;
        }
        for concurrency in CONCURRENCY {
            make(&daemon, count, running);
            let docker = open(&daemon);
            let begin = Instant::now();
            let mut latencies = by_backend(&docker, concurrency, kill_first).await;
            let way = if kill_first {
                "kill all, then get, delete, get"
            } else {
                "get, delete, get"
            };
            report(way, concurrency, begin.elapsed(), &mut latencies);
        }
    }
    // Once more, because a daemon gets slower with what it has seen.
    by_command(&daemon, count, running);
}

fn by_command(daemon: &Dockerd, count: usize, running: bool) {
    make(daemon, count, running);
    let ids = daemon.docker(&["ps", "-aq", "--no-trunc"]);
    let command: Vec<&str> = ["rm", "--force", "--volumes"]
        .into_iter()
        .chain(ids.lines())
        .collect();
    let begin = Instant::now();
    daemon.docker(&command);
    report("docker rm --force", 0, begin.elapsed(), &mut []);
}

fn open(daemon: &Dockerd) -> Docker {
    Docker::open(OpenRequest {
        name: "docker".into(),
        config: serde_json::json!({ "host": daemon.host() }),
        environment: BTreeMap::new().into(),
        now: Timestamp::from_unix_seconds(0),
    })
    .unwrap()
}

/// Listing included.
async fn by_backend(docker: &Docker, concurrency: usize, kill_first: bool) -> Vec<Duration> {
    docker.check().await.unwrap();
    let page = docker
        .list(ListRequest::first(Kind::CONTAINER))
        .await
        .unwrap();
    let targets: Vec<Identity> = page
        .resources
        .into_iter()
        .map(|found| found.identity)
        .collect();
    if kill_first {
        stream::iter(&targets)
            .for_each_concurrent(concurrency, async |target| {
                docker.stop(target, StopOptions::FORCE).await.unwrap();
            })
            .await;
    }
    stream::iter(&targets)
        .map(async |target| {
            let begin = Instant::now();
            assert_eq!(docker.get(target).await.unwrap().unwrap().identity, *target);
            docker.delete(target, DeleteOptions::FORCE).await.unwrap();
            assert_eq!(docker.get(target).await.unwrap(), None);
            begin.elapsed()
        })
        .buffer_unordered(concurrency)
        .collect()
        .await
}

/// One connection per worker, one request per container.
fn bare(socket: &Path, ids: Vec<&str>, concurrency: usize) -> Vec<Duration> {
    let (queue, latencies) = (Mutex::new(ids), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..concurrency {
            scope.spawn(|| {
                let mut stream = BufReader::new(UnixStream::connect(socket).unwrap());
                loop {
                    let Some(id) = queue.lock().unwrap().pop() else {
                        return;
                    };
                    let begin = Instant::now();
                    let status = request(
                        &mut stream,
                        "DELETE",
                        &format!("/containers/{id}?force=1&v=1"),
                        "",
                    )
                    .0;
                    assert_eq!(status, 204);
                    latencies.lock().unwrap().push(begin.elapsed());
                }
            });
        }
    });
    latencies.into_inner().unwrap()
}

fn request(
    stream: &mut BufReader<UnixStream>,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, String) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(head.as_bytes()).unwrap();
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        }
        if let Some(rest) = line.to_lowercase().strip_prefix("content-length: ") {
            length = rest.trim().parse().unwrap();
        }
        if line == "\r\n" {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            return (status, String::from_utf8(body).unwrap());
        }
    }
}

fn make(daemon: &Dockerd, count: usize, running: bool) {
    let left = Mutex::new(count);
    let body =
        serde_json::json!({ "Image": daemon.image(), "Cmd": ["sleep", "100000"] }).to_string();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut stream = BufReader::new(UnixStream::connect(daemon.socket()).unwrap());
                loop {
                    {
                        let mut left = left.lock().unwrap();
                        if *left == 0 {
                            return;
                        }
                        *left -= 1;
                    }
                    let (_, created) = request(&mut stream, "POST", "/containers/create", &body);
                    let created: serde_json::Value = serde_json::from_str(&created).unwrap();
                    if running {
                        let path = format!("/containers/{}/start", created["Id"].as_str().unwrap());
                        assert_eq!(request(&mut stream, "POST", &path, "").0, 204);
                    }
                }
            });
        }
    });
}

fn report(way: &str, concurrency: usize, wall: Duration, latencies: &mut [Duration]) {
    latencies.sort();
    let at = |share: usize| {
        latencies
            .get(latencies.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{way:33} {concurrency:3}  {wall:7.2?}  p50 {:7.1?}  p95 {:7.1?}",
        at(50),
        at(95)
    );
}
