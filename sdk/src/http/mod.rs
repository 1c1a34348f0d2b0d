//! What backends that speak HTTP have in common: one request with a bounded answer, and what its end means for
//! the engine.
//!
//! With the feature `http`, an author describes a service with a [`Provider`] and gets a [`Client`] that
//!
//! - sends the key to [one address](Endpoint) only: no redirect is followed, no proxy of the environment is used,
//!   and neither plain text beyond this machine nor the addresses at which clouds hand out secrets are accepted;
//! - trusts the system's certificates, and those of a file;
//! - limits the connection, the call as a whole and the size of an answer, and names the limit that was passed;
//! - slows down as the service's counters run out, and says how long a refusal asks to [wait](Wait);
//! - maps statuses, lost connections and foreign answers to an [`ErrorKind`](crate::ErrorKind);
//! - keeps [secrets](Secret) out of every error;
//! - never asks twice: attempts are the engine's to count.
//!
//! ```
//! use tbengine_sdk::http::{Call, Client, Endpoint, Provider, Secret};
//! use tbengine_sdk::{ErrorKind, Result};
//!
//! /// A service that means by statuses what everybody means by them.
//! struct Boxes;
//!
//! impl Provider for Boxes {
//!     fn name(&self) -> &'static str {
//!         "boxes"
//!     }
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Sandbox {
//!     id: String,
//! }
//!
//! # use std::io::{BufRead, BufReader, Write};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! # let address = format!("http://{}/v1", listener.local_addr().unwrap());
//! # std::thread::spawn(move || {
//! #     for stream in listener.incoming() {
//! #         let mut stream = stream.unwrap();
//! #         let lines = BufReader::new(stream.try_clone().unwrap()).lines();
//! #         let lines: Vec<String> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
//! #         assert!(lines.iter().any(|line| line == "authorization: Bearer key-0123"), "{lines:?}");
//! #         let (status, body) = match lines[0].starts_with("GET /v1/sandboxes?limit=100 ") {
//! #             true => ("200 OK", r#"[{"id":"a"},{"id":"b"}]"#),
//! #             false => ("409 Conflict", r#"{"message":"it is running"}"#),
//! #         };
//! #         let length = body.len();
//! #         let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
//! #         stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
//! #     }
//! # });
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let key = Secret::new("key-0123", "BOXES_API_KEY")?;
//! let client = Client::builder(Endpoint::parse(&address)?, Boxes)
//!     .bearer(&key)
//!     .build()?;
//!
//! let call = Call::Read(Some(tbengine_sdk::Kind::SANDBOX));
//! let found: Vec<Sandbox> = client.read(call, &["sandboxes"], &[("limit", "100")]).await?;
//! assert_eq!(found[1].id, "b");
//!
//! let call = Call::Delete(tbengine_sdk::Kind::SANDBOX);
//! let refused = client.send(call, tbengine_sdk::http::Method::DELETE, &["sandboxes", "a"], &[]).await;
//! let error = refused.err().unwrap();
//! assert_eq!(error.kind, ErrorKind::Conflict);
//! assert_eq!(error.message, "boxes answered 409: it is running");
//! # Ok::<(), tbengine_sdk::Error>(()) }).unwrap();
//! # Ok::<(), tbengine_sdk::Error>(())
//! ```
//!
//! With `http-base` alone there is no client; for backends that bring a connection of their own, as Docker's does.
//!
//! The modules, in the order data flows:
//!
//! - `secret`: a key that is never shown
//! - `endpoint`, `resolver`: which addresses a key may be sent to
//! - `provider`: what one service says otherwise than most
//! - `call`: what is asked for, as far as a refusal's meaning depends on it
//! - `tls`: whose certificates are trusted
//! - `builder`, `client`: one request
//! - `pacer`, `counter`: slowing down before the service refuses
//! - `answer`: a success
//! - `refusal`, `wait`: a status that is not a success, and how long it asks to wait
//! - `json`: a body that is not what was asked for
//! - `failure`: lost connections, and limits that were passed

mod call;
mod failure;
mod json;
mod refusal;
pub mod tls;
mod wait;

#[cfg(feature = "http")]
mod answer;
#[cfg(feature = "http")]
mod builder;
#[cfg(feature = "http")]
mod client;
#[cfg(feature = "http")]
mod counter;
#[cfg(feature = "http")]
mod endpoint;
#[cfg(feature = "http")]
mod pacer;
#[cfg(feature = "http")]
mod provider;
#[cfg(feature = "http")]
mod resolver;
#[cfg(feature = "http")]
mod secret;

pub use call::Call;
pub use failure::{MAX_MESSAGE, bounded, cause, incomplete, shortened, timed_out, too_large};
pub use json::{JsonError, decode};
pub use refusal::Refusal;
pub use wait::{MAX_WAIT, Wait};

#[cfg(feature = "http")]
pub use answer::Answer;
#[cfg(feature = "http")]
pub use builder::Builder;
#[cfg(feature = "http")]
pub use client::Client;
#[cfg(feature = "http")]
pub use endpoint::Endpoint;
#[cfg(feature = "http")]
pub use provider::Provider;
#[cfg(feature = "http")]
pub use secret::Secret;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
#[cfg(feature = "http")]
pub use reqwest::Url;
