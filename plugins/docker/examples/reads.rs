//! Measures what reading costs through bollard beside our own decoding, over the same sort of connections to the same
//! socket, in alternation: of a private dockerd, and of answers of that one, repeated to the size that is asked for
//! and given at once.
//!
//! `cargo run --release -p tbengine-docker --example reads -- 1000 5000`
#![expect(clippy::print_stdout, reason = "a program that prints its figures")]

use std::collections::HashMap;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bollard::query_parameters::{
    InspectContainerOptions, InspectNetworkOptions, ListContainersOptions, ListImagesOptions,
    ListNetworksOptions, ListVolumesOptions,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, body::Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tbengine_dockerd::Dockerd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[allow(dead_code, reason = "a part of it is measured")]
#[path = "../src/wire.rs"]
mod wire;

const ROUNDS: usize = 15;
/// As the backend does.
const IN_FLIGHT: usize = 8;
/// How often each is inspected in the real daemon.
const INSPECTIONS: usize = 1000;

#[tokio::main]
async fn main() {
    let sizes: Vec<usize> = std::env::args()
        .skip(1)
        .map(|text| text.parse().expect("a number of resources"))
        .collect();
    let daemon = Dockerd::start().expect("a private dockerd starts");
    let (answers, names) = record(&daemon);
    println!("{:<44} {:>10} {:>10} {:>7}", "", "ours", "bollard", "ratio");
    inspect(&daemon.socket(), "dockerd", &names, INSPECTIONS).await;
    for size in if sizes.is_empty() {
        vec![1000, 5000]
    } else {
        sizes
    } {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("docker.sock");
        serve(&socket, repeated(&answers, size));
        compare(&socket, size).await;
    }
}

async fn compare(socket: &Path, size: usize) {
    let ours = client(socket);
    let bollard = bollard(socket);
    let (ours, bollard) = (&ours, &bollard);

    measure(
        &format!("GET /containers/json, {size}"),
        async || {
            get::<wire::Items<wire::ContainerSummary>>(ours, "/containers/json")
                .await
                .read
                .len()
        },
        async || {
            let options = ListContainersOptions {
                all: true,
                ..Default::default()
            };
            bollard.list_containers(Some(options)).await.unwrap().len()
        },
    )
    .await;
    measure(
        &format!("GET /images/json, {size}"),
        async || {
            get::<wire::Items<wire::ImageSummary>>(ours, "/images/json")
                .await
                .read
                .len()
        },
        async || {
            let options = ListImagesOptions {
                all: true,
                ..Default::default()
            };
            bollard.list_images(Some(options)).await.unwrap().len()
        },
    )
    .await;
    measure(
        &format!("GET /networks, {size}"),
        async || {
            get::<wire::Items<wire::Network>>(ours, "/networks")
                .await
                .read
                .len()
        },
        async || {
            let options = None::<ListNetworksOptions>;
            bollard.list_networks(options).await.unwrap().len()
        },
    )
    .await;
    measure(
        &format!("GET /volumes, {size}"),
        async || {
            get::<wire::VolumeList>(ours, "/volumes")
                .await
                .volumes
                .read
                .len()
        },
        async || {
            let options = None::<ListVolumesOptions>;
            let found = bollard.list_volumes(options).await.unwrap();
            found.volumes.unwrap().len()
        },
    )
    .await;
    let names = ["x"; 4].map(str::to_owned);
    inspect(socket, "recorded", &names, size).await;
}

/// Inspects one container, image, network and volume many times.
async fn inspect(socket: &Path, who: &str, names: &[String; 4], count: usize) {
    let (ours, bollard) = (&client(socket), &bollard(socket));
    let [container, image, network, volume] = names;

    let path = &format!("/containers/{container}/json");
    measure(
        &format!("{count} x GET /containers/ID/json, {who}"),
        async || {
            many(count, async || {
                drop(get::<wire::Container>(ours, path).await);
            })
            .await
        },
        async || {
            many(count, async || {
                let options = None::<InspectContainerOptions>;
                drop(bollard.inspect_container(container, options).await.unwrap());
            })
            .await
        },
    )
    .await;
    let path = &format!("/images/{image}/json");
    measure(
        &format!("{count} x GET /images/ID/json, {who}"),
        async || many(count, async || drop(get::<wire::Image>(ours, path).await)).await,
        async || {
            many(count, async || {
                drop(bollard.inspect_image(image).await.unwrap());
            })
            .await
        },
    )
    .await;
    let path = &format!("/networks/{network}");
    measure(
        &format!("{count} x GET /networks/ID, {who}"),
        async || many(count, async || drop(get::<wire::Network>(ours, path).await)).await,
        async || {
            many(count, async || {
                let options = None::<InspectNetworkOptions>;
                drop(bollard.inspect_network(network, options).await.unwrap());
            })
            .await
        },
    )
    .await;
    let path = &format!("/volumes/{volume}");
    measure(
        &format!("{count} x GET /volumes/NAME, {who}"),
        async || many(count, async || drop(get::<wire::Volume>(ours, path).await)).await,
        async || {
            many(count, async || {
                drop(bollard.inspect_volume(volume).await.unwrap());
            })
            .await
        },
    )
    .await;
}

/// Takes both in turn, and prints the least time of each.
async fn measure(name: &str, ours: impl AsyncFn() -> usize, bollard: impl AsyncFn() -> usize) {
    assert_eq!(ours().await, bollard().await, "{name}");
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Who goes first changes, so that neither always meets what the other left.
        for turn in [round % 2, 1 - round % 2] {
            let begin = Instant::now();
            match turn {
                0 => drop((ours().await, first.push(begin.elapsed()))),
                _ => drop((bollard().await, second.push(begin.elapsed()))),
            }
        }
    }
    // The least is what it takes where nothing else comes in between.
    let least = |times: Vec<Duration>| {
        let least = times.into_iter().min().unwrap_or_default();
        least.as_secs_f64() * 1000.0
    };
    let (first, second) = (least(first), least(second));
    let ratio = second / first;
    println!("{name:<44} {first:>7.2} ms {second:>7.2} ms {ratio:>6.2}x");
}

async fn many(count: usize, one: impl AsyncFn()) -> usize {
    stream::iter(0..count)
        .map(|_| one())
        .buffer_unordered(IN_FLIGHT)
        .count()
        .await
}

async fn get<T: DeserializeOwned>(client: &Client<Unix, Empty<Bytes>>, path: &str) -> T {
    let body = send(client, path).await.into_body().collect().await;
    serde_json::from_slice(&body.expect("a body").to_bytes()).expect("an answer that fits")
}

async fn send(client: &Client<Unix, Empty<Bytes>>, path: &str) -> Response<Incoming> {
    let request = Request::builder()
        .uri(format!("http://docker{path}"))
        .body(Empty::new())
        .expect("a request");
    client.request(request).await.expect("an answer")
}

fn client(socket: &Path) -> Client<Unix, Empty<Bytes>> {
    Client::builder(TokioExecutor::new()).build(Unix(socket.to_owned()))
}

/// bollard over a client of its own, of the same making.
fn bollard(socket: &Path) -> bollard::Docker {
    let client = Arc::new(client(socket));
    let transport = move |request: bollard::BollardRequest| {
        let client = client.clone();
        let path = request.uri().path().to_owned();
        let sent: Pin<Box<dyn Future<Output = Result<Response<Incoming>, _>> + Send>> =
            Box::pin(async move { Ok(send(&client, &path).await) });
        sent
    };
    let version = bollard::API_DEFAULT_VERSION;
    bollard::Docker::connect_with_custom_transport(transport, Some("http://docker"), 60, version)
        .expect("bollard takes the transport")
}

/// Answers by path.
type Answers = HashMap<&'static str, Value>;

/// What a real daemon answers about one resource of each kind, and what it calls them.
fn record(daemon: &Dockerd) -> (Answers, [String; 4]) {
    let network = daemon.create_network(
        "hello_default",
        &["--label", "com.docker.compose.project=hello"],
    );
    let volume = daemon.create_volume(
        "hello_data",
        &["--label", "com.docker.compose.project=hello"],
    );
    let mut options = vec![
        "--network",
        "hello_default",
        "-v",
        "hello_data:/data",
        "-e",
        "TOKEN=secret",
    ];
    let labels: Vec<String> = (0..8)
        .map(|at| format!("com.docker.compose.label-{at}=value-{at}"))
        .collect();
    for label in &labels {
        options.extend(["--label", label]);
    }
    let container = daemon.run(&options, &["sleep", "100000"]);
    let image = daemon.docker(&["inspect", "--format", "{{.Image}}", &container]);
    let socket = daemon.socket();
    let read = |path: &str| -> Value {
        let mut stream = BufReader::new(UnixStream::connect(&socket).expect("the daemon listens"));
        let head = format!("GET /v1.41{path} HTTP/1.0\r\nHost: docker\r\n\r\n");
        stream
            .get_mut()
            .write_all(head.as_bytes())
            .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        serde_json::from_str(body).expect("JSON")
    };
    let one = |list: Value, key: &str, id: &str| {
        let items = list.as_array().expect("a list");
        items
            .iter()
            .find(|item| item[key] == *id)
            .expect("it is listed")
            .clone()
    };
    let answers = HashMap::from([
        (
            "/containers/json",
            one(read("/containers/json?all=1"), "Id", &container),
        ),
        (
            "/images/json",
            one(read("/images/json?all=1"), "Id", &image),
        ),
        ("/networks", one(read("/networks"), "Id", &network)),
        (
            "/volumes",
            one(read("/volumes")["Volumes"].clone(), "Name", &volume),
        ),
        (
            "/containers/x/json",
            read(&format!("/containers/{container}/json")),
        ),
        ("/images/x/json", read(&format!("/images/{image}/json"))),
        ("/networks/x", read(&format!("/networks/{network}"))),
        ("/volumes/x", read(&format!("/volumes/{volume}"))),
    ]);
    (answers, [container, image, network, volume])
}

fn repeated(answers: &Answers, size: usize) -> HashMap<String, Arc<[u8]>> {
    let list = |one: &Value| Value::Array(vec![one.clone(); size]);
    let bodies = answers.iter().map(|(path, one)| {
        let body = match *path {
            "/containers/json" | "/images/json" | "/networks" => list(one),
            "/volumes" => serde_json::json!({ "Volumes": list(one), "Warnings": null }),
            _ => one.clone(),
        };
        let body = body.to_string();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        ((*path).to_owned(), (head + &body).into_bytes().into())
    });
    bodies.collect()
}

/// A daemon that has its answers ready, on a thread for each connection.
fn serve(socket: &Path, answers: HashMap<String, Arc<[u8]>>) {
    let listener = UnixListener::bind(socket).expect("the socket is free");
    let answers = Arc::new(answers);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answers = answers.clone();
            std::thread::spawn(move || answer(stream, &answers));
        }
    });
}

fn answer(stream: UnixStream, answers: &HashMap<String, Arc<[u8]>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut path = String::new();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(rest) = line.strip_prefix("GET ") {
                path = rest.split(' ').next().unwrap_or_default().to_owned();
            }
        }
        let answer = answers
            .get(&path)
            .unwrap_or_else(|| panic!("nobody asks for {path}"));
        if stream.get_mut().write_all(answer).is_err() {
            return;
        }
    }
}

/// Connects to one socket, whatever is asked for.
#[derive(Clone)]
struct Unix(PathBuf);

impl tower_service::Service<http::Uri> for Unix {
    type Response = TokioIo<Link>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let path = self.0.clone();
        Box::pin(async move {
            let stream = tokio::net::UnixStream::connect(path).await?;
            Ok(TokioIo::new(Link(stream)))
        })
    }
}

struct Link(tokio::net::UnixStream);

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
