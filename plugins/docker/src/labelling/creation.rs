//! Which requests create something, and what a reply says was created.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use tbengine_sdk::{Kind, Timestamp};

use super::label;
use crate::{native, wire};

/// Something that was created through the socket and belongs to its run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Created {
    /// What it is: a container, a network or a volume.
    pub kind: Kind,
    /// Its id, or the name of a volume.
    pub native: String,
    /// When it was created, if it is a volume of a name that somebody chose: once it is removed, anyone can make
    /// another of that name. Ids, and the names that the daemon makes up, come once.
    pub created: Option<Timestamp>,
}

/// How a request says which labels its resource gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creation {
    /// By the member `Labels` of its JSON.
    Body(Kind),
    /// By the parameter `labels` of its query.
    Build,
    /// By the parameter `changes` of its query.
    Commit,
}

impl Creation {
    /// What a request creates that can be labelled, if anything.
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        if method != Method::POST {
            return None;
        }
        match unversioned(path) {
            "/containers/create" => Some(Creation::Body(Kind::CONTAINER)),
            "/networks/create" => Some(Creation::Body(Kind::NETWORK)),
            "/volumes/create" => Some(Creation::Body(Kind::VOLUME)),
            "/build" => Some(Creation::Build),
            "/commit" => Some(Creation::Commit),
            _ => None,
        }
    }
}

/// Whether a request looks up one image.
pub(super) fn looks_up_image(method: &Method, path: &str) -> bool {
    let path = unversioned(path).strip_prefix("/images/");
    method == Method::GET
        && path.is_some_and(|path| path.len() > "/json".len() && path.ends_with("/json"))
}

/// The id of the image that a reply is about.
pub(super) fn image_of(reply: &[u8]) -> Option<String> {
    let reply: Reply = serde_json::from_slice(reply).ok()?;
    reply.id.filter(|id| native::is_full(Kind::IMAGE, id))
}

/// The id of the image that a container is made from, of which a reply is.
pub(super) fn image_of_container(reply: &[u8]) -> Option<String> {
    let reply: Reply = serde_json::from_slice(reply).ok()?;
    reply.image.filter(|id| native::is_full(Kind::IMAGE, id))
}

/// A path without the version of the API in front, like `/v1.47`.
fn unversioned(path: &str) -> &str {
    let Some((version, _)) = path
        .strip_prefix("/v")
        .and_then(|rest| rest.split_once('/'))
    else {
        return path;
    };
    let is_version = !version.is_empty()
        && version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_version {
        &path["/v".len() + version.len()..]
    } else {
        path
    }
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "Id")]
    id: Option<String>,
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(default, rename = "Image")]
    image: Option<String>,
    #[serde(default, rename = "CreatedAt")]
    created: String,
    #[serde(default, rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

/// What the reply to a labelled request says was created.
pub(super) fn of_reply(kind: Kind, reply: &[u8], run: &str) -> Option<Created> {
    let reply: Reply = serde_json::from_slice(reply).ok()?;
    let (native, created) = match kind {
        // A volume that exists already is answered in the same way, with the labels that it has. Without a time,
        // only the label says that it is the same.
        Kind::VOLUME if label::is_of(&reply.labels?, run) => {
            (reply.name, Some(wire::time(&reply.created)?))
        }
        Kind::VOLUME => return None,
        _ => (reply.id, None),
    };
    Some(Created {
        kind,
        native: native?,
        created,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creations_are_known_by_method_and_path() {
        for (path, creation) in [
            ("/containers/create", Creation::Body(Kind::CONTAINER)),
            ("/v1.47/containers/create", Creation::Body(Kind::CONTAINER)),
            ("/v1.24/networks/create", Creation::Body(Kind::NETWORK)),
            ("/v4.0.0/volumes/create", Creation::Body(Kind::VOLUME)),
            ("/v1.47/build", Creation::Build),
            ("/commit", Creation::Commit),
        ] {
            assert_eq!(Creation::of(&Method::POST, path), Some(creation), "{path}");
            assert_eq!(Creation::of(&Method::GET, path), None, "{path}");
        }
        for path in [
            "/",
            "/v1.47",
            "/v/containers/create",
            "/volumes/containers/create",
            "/v1.47/services/create",
            "/v1.47/images/create",
            "/v1.47/containers/create/x",
            "/containers/create2/create",
            "/v4.0.0/libpod/containers/create",
            "/build/prune",
        ] {
            assert_eq!(Creation::of(&Method::POST, path), None, "{path}");
        }
    }

    #[test]
    fn images_are_looked_up_one_by_one() {
        for path in ["/images/busybox/json", "/v1.47/images/team/app:1/json"] {
            assert!(looks_up_image(&Method::GET, path), "{path}");
            assert!(!looks_up_image(&Method::POST, path), "{path}");
        }
        for path in [
            "/images/json",
            "/v1.47/images/json",
            "/images//json",
            "/images/a/history",
        ] {
            assert!(!looks_up_image(&Method::GET, path), "{path}");
        }
        let id = format!("sha256:{}", "0a".repeat(32));
        let found = |key: &str| format!(r#"{{"{key}":"{id}","Config":{{"Image":"busybox"}}}}"#);
        assert_eq!(image_of(found("Id").as_bytes()), Some(id.clone()));
        assert_eq!(
            image_of_container(found("Image").as_bytes()),
            Some(id.clone())
        );
        assert_eq!(image_of_container(br#"{"Image":"busybox"}"#), None);
    }

    #[test]
    fn replies_name_what_was_created() {
        let of = |kind, reply: &str| of_reply(kind, reply.as_bytes(), "r1").map(|it| it.native);
        assert_eq!(
            of(Kind::CONTAINER, r#"{"Id":"abc","Warnings":[]}"#).as_deref(),
            Some("abc")
        );
        assert_eq!(
            of(
                Kind::VOLUME,
                r#"{"Name":"v","CreatedAt":"2026-01-02T03:04:05Z","Labels":{"tbengine.run-id":"r1"}}"#
            )
            .as_deref(),
            Some("v")
        );
        for existed in [
            r#"{"Name":"v","Labels":{"tbengine.run-id":"r2"}}"#,
            r#"{"Name":"v","Labels":{}}"#,
            r#"{"Name":"v","Labels":null}"#,
            r#"{"Name":"v"}"#,
            // Nothing distinguishes it from another volume of its name.
            r#"{"Name":"v","Labels":{"tbengine.run-id":"r1"}}"#,
        ] {
            assert_eq!(of(Kind::VOLUME, existed), None, "{existed}");
        }
        assert_eq!(of(Kind::NETWORK, "no json"), None);
    }
}
