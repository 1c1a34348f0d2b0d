//! Where a policy lies in a registry, and the digests that say what has to lie there.

use std::fmt;
#[cfg(feature = "client")]
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// What references begin with; a policy that begins so is one.
pub const SCHEME: &str = "oci://";
/// The name that Docker Hub goes by, and the host that serves it.
#[cfg(feature = "client")]
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// As long as the distribution specification lets the name of a repository be, in bytes.
const MAX_REPOSITORY: usize = 255;
const MAX_TAG: usize = 128;

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    hex: String,
}

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            hex: hex::encode(Sha256::digest(bytes)),
        }
    }

    /// The 64 digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl FromStr for Digest {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        // It becomes the name of a file, so nothing else may be in it.
        if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self {
                hex: hex.to_ascii_lowercase(),
            });
        }
        Err(ReferenceError::Digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex)
    }
}

/// `oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]`. The digest is that of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The host as it was written, in small letters, with its port.
    pub host: String,
    /// The repository as it was written.
    pub repository: String,
    /// The tag; `None` is the newest.
    pub tag: Option<String>,
    /// The digest of the manifest, which pins it.
    pub digest: Option<Digest>,
}

/// Why a text is not a reference. The text itself is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is nothing behind the host.
    #[error("the repository is missing: write oci://HOST/REPOSITORY[:TAG][@sha256:DIGEST]")]
    NoRepository,
    /// Someone wrote `user:password@host`.
    #[error("a reference must not contain a user or password")]
    Credentials,
    /// The host is none.
    #[error("a reference begins with the host of a registry like ghcr.io or localhost:5000")]
    Host,
    /// The repository has letters that it may not have.
    #[error(
        "a repository name has lowercase letters and digits, single `.`, `_` or `-` between them, and parts separated by `/`"
    )]
    Repository,
    /// The tag has letters that it may not have.
    #[error("a tag is up to 128 letters, digits, `_`, `.` and `-`")]
    Tag,
    /// The digest is none.
    #[error("a digest is sha256: and 64 hexadecimal digits")]
    Digest,
}

/// What requests need to know.
#[cfg(feature = "client")]
impl Reference {
    /// The host and port that requests go to.
    pub(crate) fn endpoint(&self) -> &str {
        let (name, host) = DOCKER_HUB;
        if self.host == name { host } else { &self.host }
    }

    /// The repository as requests name it.
    pub(crate) fn path(&self) -> String {
        // Docker Hub's own images have no user.
        if self.host == DOCKER_HUB.0 && !self.repository.contains('/') {
            return format!("library/{}", self.repository);
        }
        self.repository.clone()
    }

    /// Whether the registry runs on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let name = split_port(&self.host).0;
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl Reference {
    /// The same artifact, whatever becomes of the tag.
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_prefix(SCHEME).unwrap_or(text);
        let (name, digest) = match text.split_once('@') {
            Some((user, _)) if !user.contains('/') => return Err(ReferenceError::Credentials),
            Some((name, digest)) => (name, Some(digest.parse()?)),
            None => (text, None),
        };
        let (host, path) = name.split_once('/').ok_or(ReferenceError::NoRepository)?;
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !is_host(host) {
            return Err(ReferenceError::Host);
        }
        if repository.is_empty() {
            return Err(ReferenceError::NoRepository);
        }
        if repository.len() > MAX_REPOSITORY || !repository.split('/').all(is_part) {
            return Err(ReferenceError::Repository);
        }
        if !tag.is_none_or(is_tag) {
            return Err(ReferenceError::Tag);
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The host and what stands behind its colon, if there is one.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = split_port(host);
    let in_brackets = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let is_name = match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        }
    };
    is_name && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_part(part: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = part.split(is_inner).filter(|text| !text.is_empty());
    part.starts_with(is_inner)
        && part.ends_with(is_inner)
        && separators
            .all(|text| matches!(text, "." | "_" | "__") || text.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(is_word)
        && tag
            .bytes()
            .all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Reference, ReferenceError> {
        text.parse()
    }

    #[test]
    fn references_are_read_and_written_back() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for text in [
            "oci://ghcr.io/team/nightly",
            "oci://localhost:5000/nightly:1.0",
            "oci://[::1]:5000/a/b__c/d--e:V1_x-y",
            &format!("oci://registry.example/a@{digest}"),
            &format!("oci://registry.example/a:1@{digest}"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
            // The scheme goes without saying where only a reference can stand.
            assert_eq!(parse(text), parse(text.strip_prefix(SCHEME).unwrap()));
        }
        assert_eq!(parse("GHCR.io/x").unwrap().host, "ghcr.io");
        let upper = digest.to_uppercase().replace("SHA256", "sha256");
        let read = parse(&format!("ghcr.io/x@{upper}")).unwrap();
        assert_eq!(read.digest.unwrap().to_string(), digest);
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        use ReferenceError::{Credentials, Digest, Host, NoRepository, Repository, Tag};
        let long = "a".repeat(MAX_REPOSITORY + 1);
        for (text, error) in [
            ("", NoRepository),
            ("ghcr.io", NoRepository),
            ("ghcr.io/", NoRepository),
            ("ghcr.io/:1", NoRepository),
            ("/a", Host),
            ("gh cr.io/a", Host),
            ("ghcr.io:0/a", Host),
            ("ghcr.io:70000/a", Host),
            ("[::1/a", Host),
            ("user:secret@ghcr.io/a", Credentials),
            ("ghcr.io/A", Repository),
            ("ghcr.io/a//b", Repository),
            ("ghcr.io/../a", Repository),
            ("ghcr.io/a..b", Repository),
            ("ghcr.io/a-", Repository),
            ("ghcr.io/a%2f", Repository),
            ("ghcr.io/a?x=y", Repository),
            (&format!("ghcr.io/{long}"), Repository),
            ("ghcr.io/a:", Tag),
            ("ghcr.io/a:.x", Tag),
            ("ghcr.io/a:x y", Tag),
            ("ghcr.io/a@sha256:12", Digest),
            ("ghcr.io/a@", Digest),
            (&format!("ghcr.io/a@sha512:{}", "a".repeat(64)), Digest),
            (&format!("ghcr.io/a@sha256:{}/", "a".repeat(63)), Digest),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (host, is_this) in [
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("127.8.9.1:80", true),
            ("[::1]:5000", true),
            ("localhost.example", false),
            ("127.0.0.1.example:5000", false),
            ("10.0.0.1:5000", false),
            ("[fe80::1]", false),
        ] {
            let reference = parse(&format!("{host}/a")).unwrap();
            assert_eq!(reference.is_loopback(), is_this, "{host}");
        }
    }

    #[test]
    fn docker_hub_is_asked_at_its_other_host() {
        let reference = parse("docker.io/nightly:1").unwrap();
        assert_eq!(reference.endpoint(), "registry-1.docker.io");
        assert_eq!(reference.path(), "library/nightly");
        assert_eq!(parse("docker.io/team/a").unwrap().path(), "team/a");
        assert_eq!(parse("ghcr.io/nightly").unwrap().path(), "nightly");
    }

    proptest::proptest! {
        #[test]
        fn what_is_taken_is_written_as_what_reads_the_same(
            text in "[a-zA-Z.:\\[\\]0-9]{1,12}(/[a-z0-9._-]{1,6}){1,3}(:[a-zA-Z0-9._-]{0,6})?(@sha256:[0-9a-f]{64})?"
        ) {
            if let Ok(reference) = parse(&text) {
                proptest::prop_assert_eq!(parse(&reference.to_string()), Ok(reference.clone()));
                let url = format!("https://{}/v2/{}/", reference.endpoint(), reference.path());
                // No part of it means something to a URL.
                let url = reqwest::Url::parse(&url);
                let path = url.as_ref().map(reqwest::Url::path);
                let whole = format!("/v2/{}/", reference.path());
                proptest::prop_assert!(url.is_err() || path == Ok(whole.as_str()), "{:?}", url);
            }
        }
    }
}
