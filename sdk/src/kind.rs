//! What sorts of resources there are.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest word of a kind, in bytes.
pub const MAX_KIND_LENGTH: usize = 40;

/// How many words beside the constants of [`Kind`] one process takes in, so that texts from files and plugins
/// cannot fill the memory.
pub const MAX_KINDS: usize = 1_000;

/// The provider's own word for a sort of resource: `container`, `pod`, `build-cache`.
///
/// What the engine has to know of a kind, its backend declares: a new one changes nothing outside the folder of
/// its backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(&'static str);

/// A text that cannot be a kind.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// It is not made as kinds are.
    #[error(
        "`{0}` is not a kind of resource: a kind is small letters, digits and single hyphens, like build-cache"
    )]
    Malformed(String),
    /// There were [`MAX_KINDS`] already.
    #[error("there are more than {MAX_KINDS} kinds of resources")]
    TooMany,
}

impl Kind {
    /// A Docker container.
    pub const CONTAINER: Self = Self::fixed("container");
    /// A cloud sandbox.
    pub const SANDBOX: Self = Self::fixed("sandbox");
    /// A network.
    pub const NETWORK: Self = Self::fixed("network");
    /// A volume.
    pub const VOLUME: Self = Self::fixed("volume");
    /// A container image.
    pub const IMAGE: Self = Self::fixed("image");
    /// A snapshot that sandboxes start from.
    pub const SNAPSHOT: Self = Self::fixed("snapshot");

    /// The constants, which need no memory of their own.
    const KNOWN: [Self; 6] = [
        Self::CONTAINER,
        Self::SANDBOX,
        Self::NETWORK,
        Self::VOLUME,
        Self::IMAGE,
        Self::SNAPSHOT,
    ];

    /// A kind that is known when the program is built; what is not a word does not compile.
    pub const fn fixed(word: &'static str) -> Self {
        assert!(
            is_word(word.as_bytes()),
            "a kind is small letters, digits and single hyphens"
        );
        Self(word)
    }

    /// The word, as in JSON and on the command line.
    pub const fn word(self) -> &'static str {
        self.0
    }

    /// Several of them, for people, by the rules of English. A provider may declare another word; see
    /// [`KindInfo::plural`](crate::KindInfo::plural).
    pub fn plural(self) -> String {
        let word = self.0;
        let hisses = ["s", "x", "z", "ch", "sh"];
        match word.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
            _ if hisses.iter().any(|end| word.ends_with(end)) => format!("{word}es"),
            _ => format!("{word}s"),
        }
    }
}

/// Whether it begins with a small letter, continues with small letters, digits and single hyphens, and is not too
/// long.
const fn is_word(bytes: &[u8]) -> bool {
    if bytes.is_empty() || bytes.len() > MAX_KIND_LENGTH || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 1;
    while at < bytes.len() {
        let fits = match bytes[at] {
            b'a'..=b'z' | b'0'..=b'9' => true,
            b'-' => bytes[at - 1] != b'-' && at + 1 < bytes.len(),
            _ => false,
        };
        if !fits {
            return false;
        }
        at += 1;
    }
    true
}

/// The words that were read and are none of the constants. The one static of this crate: a kind is in every
/// identity and every relation, and a text of its own in each would cost a listing of a million some 100 MB.
static WORDS: RwLock<Option<HashSet<&'static str>>> = RwLock::new(None);

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(word: &str) -> Result<Self, KindError> {
        if let Some(known) = Self::KNOWN.iter().find(|known| known.0 == word) {
            return Ok(*known);
        }
        if !is_word(word.as_bytes()) {
            return Err(KindError::Malformed(word.chars().take(40).collect()));
        }
        let words = WORDS.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = words.as_ref().and_then(|words| words.get(word)) {
            return Ok(Self(found));
        }
        drop(words);
        let mut words = WORDS.write().unwrap_or_else(PoisonError::into_inner);
        let words = words.get_or_insert_default();
        if let Some(found) = words.get(word) {
            return Ok(Self(found));
        }
        if words.len() >= MAX_KINDS {
            return Err(KindError::TooMany);
        }
        let kept: &'static str = Box::leak(Box::from(word));
        words.insert(kept);
        Ok(Self(kept))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl serde::de::Visitor<'_> for Word {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a kind of resource, like container or build-cache")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Kind, E> {
                word.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_provider_is_a_kind_and_the_same_one_each_time() {
        let pod: Kind = "pod".parse().unwrap();
        assert_eq!(pod, "pod".parse().unwrap());
        assert_eq!(pod, Kind::fixed("pod"));
        assert_eq!(pod.to_string(), "pod");
        assert_eq!(serde_json::to_value(pod).unwrap(), "pod");
        assert_eq!(serde_json::from_str::<Kind>("\"pod\"").unwrap(), pod);
        assert_ne!(pod, Kind::CONTAINER);
    }

    #[test]
    fn what_is_not_a_word_is_refused_and_named() {
        let long = "a".repeat(MAX_KIND_LENGTH + 1);
        for text in [
            "",
            "Pod",
            "1pod",
            "pod-",
            "-pod",
            "build--cache",
            "build_cache",
            "pod ",
            "a/b",
            "bücher",
            &long,
        ] {
            let error = text.parse::<Kind>().unwrap_err();
            assert!(
                matches!(error, KindError::Malformed(_)),
                "{text}: {error:?}"
            );
            assert!(error.to_string().contains("is not a kind"), "{error}");
        }
        assert!("a".repeat(MAX_KIND_LENGTH).parse::<Kind>().is_ok());
    }
}
