//! The labels of a resource, small and shared.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Labels in ascending order of key.
///
/// A host can hold a million resources with eight labels each, and listings, plans and reports
/// each hold a copy. So the text of all labels is one buffer, and clones share it.
#[derive(Clone, Default)]
pub struct Labels(Option<Arc<Packed>>);

/// Every key and value, one after the other, and where each ends.
#[derive(PartialEq, Eq, Hash)]
struct Packed {
    ends: Box<[u32]>,
    text: Box<str>,
}

impl Packed {
    fn piece(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[index] as usize]
    }

    fn pair(&self, index: usize) -> (&str, &str) {
        (self.piece(2 * index), self.piece(2 * index + 1))
    }
}

impl Labels {
    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&str> {
        let packed = self.0.as_deref()?;
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let (have, value) = packed.pair(middle);
            match have.cmp(key) {
                std::cmp::Ordering::Equal => return Some(value),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Every label in ascending order of key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let packed = self.0.as_deref();
        (0..self.len()).map(move |index| packed.map_or(("", ""), |packed| packed.pair(index)))
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.as_deref().map_or(0, |packed| packed.ends.len() / 2)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Labels {
    /// Collects labels; of two with one key the last stays.
    ///
    /// # Panics
    /// If the labels of one resource exceed 4 GiB.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<(K, V)> = pairs.into_iter().collect();
        if pairs.is_empty() {
            return Self(None);
        }
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        // Stable sort keeps the order of equal keys, so the later one has to win here.
        pairs.dedup_by(|later, earlier| {
            let same = later.0.as_ref() == earlier.0.as_ref();
            if same {
                std::mem::swap(&mut later.1, &mut earlier.1);
            }
            same
        });
        let pieces = || {
            pairs
                .iter()
                .flat_map(|(key, value)| [key.as_ref(), value.as_ref()])
        };
        let mut text = String::with_capacity(pieces().map(str::len).sum());
        let ends = pieces()
            .map(|piece| {
                text.push_str(piece);
                u32::try_from(text.len()).expect("the labels of one resource are below 4 GiB")
            })
            .collect();
        Self(Some(Arc::new(Packed {
            ends,
            text: text.into_boxed_str(),
        })))
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Labels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

/// Reads labels without a copy of each text: listings of plugins bring a million of them.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut pairs: Vec<(Text<'de>, Text<'de>)> = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs.into_iter().collect())
    }
}

/// A text that is borrowed where it stands, if it stands there as it is.
struct Text<'de>(Cow<'de, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_by_key_and_the_last_of_two_stays() {
        let labels: Labels = [("b", "1"), ("a", "2"), ("b", "3"), ("b", "4")]
            .into_iter()
            .collect();
        assert_eq!(labels.get("b"), Some("4"));
        assert_eq!(labels.get("a"), Some("2"));
        assert_eq!(labels.get("c"), None);
        assert_eq!(labels.len(), 2);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "4")]);
    }

    #[test]
    fn empty_keys_and_values_and_every_character_survive() {
        let pairs = [("", "x"), ("a", ""), ("ab", "\0\u{202e}é\n"), ("a\0b", "1")];
        let labels: Labels = pairs.into_iter().collect();
        for (key, value) in pairs {
            assert_eq!(labels.get(key), Some(value));
        }
        let json = serde_json::to_string(&labels).unwrap();
        assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
        let value = serde_json::to_value(&labels).unwrap();
        assert_eq!(serde_json::from_value::<Labels>(value).unwrap(), labels);
        for wrong in ["[]", "{\"a\":1}", "\"a\"", "{\"a\":null}"] {
            assert!(serde_json::from_str::<Labels>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn equal_labels_are_equal_however_they_were_split() {
        let one: Labels = [("ab", "c")].into_iter().collect();
        let two: Labels = [("a", "bc")].into_iter().collect();
        assert_ne!(one, two);
        assert_eq!(Labels::default(), [("", ""); 0].into_iter().collect());
        assert_eq!(Labels::default().iter().len(), 0);
    }
}
