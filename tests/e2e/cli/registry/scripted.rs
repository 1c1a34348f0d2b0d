//! A server that answers as a test says, and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// By names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
}

/// What is answered.
#[derive(Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Whole(Vec<u8>),
    /// Without end, as fast as it is read.
    Endless,
    /// A byte now and then.
    Trickling,
    /// Less than was promised.
    CutOff,
    /// Nothing at all, not even a status.
    Silence,
    /// Something that is not HTTP.
    Noise,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Whole(Vec::new()),
        }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        let mut answer = Self::new(200);
        answer.body = Body::Whole(body.into());
        answer
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn endless(self) -> Self {
        self.sending(Body::Endless)
    }

    pub(crate) fn trickling(self) -> Self {
        self.sending(Body::Trickling)
    }

    pub(crate) fn cut_off(self) -> Self {
        self.sending(Body::CutOff)
    }

    pub(crate) fn silence() -> Self {
        Self::new(200).sending(Body::Silence)
    }

    pub(crate) fn noise() -> Self {
        Self::new(200).sending(Body::Noise)
    }

    fn sending(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        if let Body::Noise = self.body {
            return stream.write_all(b"SSH-2.0-OpenSSH\r\n");
        }
        if let Body::Silence = self.body {
            // Until the other side gives up.
            return stream.read(&mut [0]).map(drop);
        }
        let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match &self.body {
            Body::Whole(body) => head.push_str(&format!("content-length: {}\r\n", body.len())),
            Body::CutOff => head.push_str("content-length: 1000\r\n"),
            _ => {}
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        match &self.body {
            Body::Whole(body) => stream.write_all(body),
            Body::CutOff => stream.write_all(b"{"),
            Body::Trickling => loop {
                stream.write_all(b" ")?;
                thread::sleep(Duration::from_millis(50));
            },
            _ => loop {
                stream.write_all(&[b' '; 65536])?;
            },
        }
    }
}

/// The server. It listens until the process ends.
pub(crate) struct Scripted {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, requests) = (Arc::new(answer), seen.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, requests) = (answer.clone(), requests.clone());
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read(&stream) else { return };
                    requests.lock().unwrap().push(request.clone());
                    // A client that has read enough of an answer hangs up.
                    answer(&request).write(&mut stream).ok();
                });
            }
        });
        Self { address, seen }
    }

    /// A registry with one policy, under any name.
    pub(crate) fn registry(wasm: Vec<u8>) -> (Self, String) {
        let manifest = manifest(&wasm);
        let digest = digest(&manifest);
        let server = Self::start(move |request| serve(request, &manifest, &wasm));
        let reference = server.reference(&format!("team/nightly@{digest}"));
        (server, reference)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn reference(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

/// The answer of a registry that has one policy.
pub(crate) fn serve(request: &Request, manifest: &[u8], wasm: &[u8]) -> Answer {
    match request.path.contains("/blobs/") {
        true => Answer::ok(wasm),
        false => Answer::ok(manifest),
    }
}

/// A manifest as `wkg` writes it.
pub(crate) fn manifest(wasm: &[u8]) -> Vec<u8> {
    let layer = serde_json::json!({
        "mediaType": "application/wasm", "digest": digest(wasm), "size": wasm.len(),
    });
    let config = serde_json::json!({
        "mediaType": "application/vnd.wasm.config.v0+json", "digest": digest(b"{}"), "size": 2,
    });
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": [layer], "annotations": {},
    });
    manifest.to_string().into_bytes()
}

/// The digest as registries write it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Reads the head of a request, and its body.
fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut request = Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        headers: BTreeMap::new(),
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        let name = name.to_ascii_lowercase();
        request.headers.insert(name, value.to_owned());
    }
    let length = request.headers.get("content-length");
    let length = length.map_or(0, |length| length.parse().unwrap());
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    Some(request)
}
