//! A key that is never shown.

use std::fmt;
use std::path::Path;

use ::http::HeaderValue;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// The largest file that a secret is read from, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// What stands where a secret stood.
const HIDDEN: &str = "<hidden>";

/// A key or token: one word of printable ASCII that nothing shows.
///
/// ```
/// use tbengine_sdk::http::Secret;
///
/// let key = Secret::new("key-0123\n", "BOXES_API_KEY")?;
/// assert_eq!(format!("{key:?}"), "Secret(<hidden>)");
/// assert_eq!(key.redact("no such key: key-0123"), "no such key: <hidden>");
/// # Ok::<(), tbengine_sdk::Error>(())
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({HIDDEN})")
    }
}

impl Secret {
    /// The secret in a text from `source`, which is named if the text is none. White space around it is dropped.
    ///
    /// # Errors
    /// `Invalid` if it is not one word of printable ASCII.
    pub fn new(text: &str, source: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(format!(
                "{source} does not contain a key or token: one word of printable ASCII"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The secret in a file that only the user can read. `source` is the key of the configuration that names it, and
    /// `hint` what to do if it cannot be read.
    ///
    /// # Errors
    /// `Denied` if it cannot be read, `Invalid` if others can read it too, or it holds no secret.
    #[cfg(unix)]
    pub fn read(path: &Path, source: &str, hint: &str) -> Result<Self> {
        use std::io::Read;
        use std::os::unix::fs::MetadataExt;

        let shown = path.display();
        let broken = |error: std::io::Error| {
            Error::new(
                ErrorKind::Denied,
                format!("the key cannot be read from {shown}: {error}"),
            )
            .with_hint(hint)
        };
        let file = std::fs::File::open(path).map_err(broken)?;
        // Asked of the open file, so that what was checked is what is read.
        let metadata = file.metadata().map_err(broken)?;
        if !metadata.is_file() {
            return Err(invalid(format!("{shown} is not a file")));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(invalid(format!("{shown} belongs to another user")));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(invalid(format!("other users can read or change {shown}"))
                .with_hint(format!("run `chmod 600 {shown}`, and replace the key")));
        }
        let mut text = String::new();
        file.take(MAX_FILE)
            .read_to_string(&mut text)
            .map_err(broken)?;
        Self::new(&text, source)
    }

    /// The value of a header with it after a prefix like `Bearer `, marked so that no log shows it.
    pub fn header(&self, prefix: &str) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", self.0))
            .expect("a secret is printable ASCII, and so is what is put before it");
        value.set_sensitive(true);
        value
    }

    /// What tells two secrets of one service apart without giving them away, for services that do not say which
    /// account a key belongs to.
    pub fn fingerprint(&self, service: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(b"tbengine ");
        hash.update(service);
        hash.update(b" account\0");
        hash.update(self.0.as_bytes());
        format!("key-{}", hex::encode(&hash.finalize()[..8]))
    }

    /// A text without the secret, in case a service or a gateway repeats it.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, HIDDEN)
    }

    /// Whether a text gives the secret away.
    pub fn is_in(&self, text: &str) -> bool {
        text.contains(&self.0)
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nothing_shows_it() {
        let key = Secret::new(" canary\n", "KEY").unwrap();
        assert!(!format!("{key:?}").contains("canary"));
        assert!(!format!("{:?}", key.header("Bearer ")).contains("canary"));
        assert!(!key.fingerprint("x").contains("canary"));
        assert_eq!(key.redact("Bearer canary!"), "Bearer <hidden>!");
        for wrong in ["", " ", "two canaries", "canary\u{e9}"] {
            let error = Secret::new(wrong, "KEY").unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{wrong}");
            assert!(error.message.starts_with("KEY ") && !error.message.contains("canar"));
        }
    }

    #[test]
    fn one_key_has_one_fingerprint_at_each_service() {
        let of = |key, service| Secret::new(key, "KEY").unwrap().fingerprint(service);
        assert_eq!(of("a", "x"), of("a", "x"));
        assert_ne!(of("a", "x"), of("b", "x"));
        assert_ne!(of("a", "x"), of("a", "y"));
    }

    #[test]
    fn a_file_must_be_the_users_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let read = || Secret::read(&path, "key-file", "write it");
        let missing = read().unwrap_err();
        assert_eq!(missing.kind, ErrorKind::Denied);
        assert_eq!(missing.hint.as_deref(), Some("write it"));
        std::fs::write(&path, "canary\n").unwrap();
        for (mode, fits) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            match read() {
                Ok(key) => assert!(fits && key.is_in("a canary b"), "{mode:o}"),
                Err(error) => {
                    assert!(!fits, "{mode:o}: {error}");
                    assert!(error.hint.unwrap().contains("chmod 600"));
                }
            }
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, "two words").unwrap();
        assert_eq!(read().unwrap_err().kind, ErrorKind::Invalid);
        let directory = Secret::read(directory.path(), "key-file", "").unwrap_err();
        assert!(directory.message.contains("not a file"), "{directory}");
    }
}
