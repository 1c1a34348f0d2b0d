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
/// each hold a copy. So all labels of a resource are one text, and clones share it.
#[derive(Clone, Default)]
pub struct Labels(Option<Arc<str>>);

/// How many bits of a number a character holds: with one more it would take two bytes.
const BITS: usize = 7;
/// How many characters a number takes: few where that is enough, and else enough for 32 GiB.
const WIDTHS: [u8; 2] = [2, 5];

/// The text as its parts: the width of numbers, how many keys and values there are, where each ends, and
/// then they themselves.
#[derive(Clone, Copy, Default)]
struct Packed<'a> {
    width: usize,
    count: usize,
    ends: &'a [u8],
    pieces: &'a str,
}

impl<'a> Packed<'a> {
    fn new(text: &'a str) -> Self {
        let Some((width, digits)) = text.as_bytes().split_first() else {
            return Self::default();
        };
        let width = usize::from(*width);
        let (count, ends) = digits.split_at(width);
        let count = number(count);
        Self {
            width,
            count,
            ends,
            pieces: &text[1 + width * (1 + count)..],
        }
    }

    fn end(self, index: usize) -> usize {
        number(&self.ends[self.width * index..self.width * (index + 1)])
    }

    fn pair(self, index: usize) -> (&'a str, &'a str) {
        let before = (2 * index).checked_sub(1);
        self.pair_from(before.map_or(0, |before| self.end(before)), index)
    }

    fn pair_from(self, start: usize, index: usize) -> (&'a str, &'a str) {
        let (key, value) = (self.end(2 * index), self.end(2 * index + 1));
        (&self.pieces[start..key], &self.pieces[key..value])
    }
}

fn number(digits: &[u8]) -> usize {
    match *digits {
        [low, high] => usize::from(low) | usize::from(high) << BITS,
        _ => {
            let digits = digits.iter().rev();
            digits.fold(0, |number, digit| number << BITS | usize::from(*digit))
        }
    }
}

fn push_number(text: &mut String, width: u8, number: usize) {
    for place in 0..usize::from(width) {
        text.push(char::from((number >> (BITS * place)) as u8 & 0x7f));
    }
}

impl Labels {
    fn packed(&self) -> Packed<'_> {
        Packed::new(self.0.as_deref().unwrap_or_default())
    }

    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&str> {
        let packed = self.packed();
        let (mut low, mut high) = (0, packed.count / 2);
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
        let packed = self.packed();
        let mut start = 0;
        (0..packed.count / 2).map(move |index| {
            let (key, value) = packed.pair_from(start, index);
            start += key.len() + value.len();
            (key, value)
        })
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.packed().count / 2
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Packs labels, of two with one key the last. `text` is any text: it is used up and may be used again.
    pub(crate) fn pack<K: AsRef<str>, V: AsRef<str>>(
        pairs: &mut Vec<(K, V)>,
        text: &mut String,
    ) -> Self {
        if pairs.is_empty() {
            return Self(None);
        }
        let in_order = |pair: &[(K, V)]| pair[0].0.as_ref() < pair[1].0.as_ref();
        if !pairs.windows(2).all(in_order) {
            pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
            // Stable sort keeps the order of equal keys, so the later one has to win here.
            pairs.dedup_by(|later, earlier| {
                let same = later.0.as_ref() == earlier.0.as_ref();
                if same {
                    std::mem::swap(&mut later.1, &mut earlier.1);
                }
                same
            });
        }
        let pieces = || {
            pairs
                .iter()
                .flat_map(|(key, value)| [key.as_ref(), value.as_ref()])
        };
        let count = 2 * pairs.len();
        let length: usize = pieces().map(str::len).sum();
        let fits = |width: &u8| count.max(length) >> (BITS * usize::from(*width)) == 0;
        let width = WIDTHS.into_iter().find(fits);
        let width = width.expect("the labels of one resource are below 32 GiB");
        text.clear();
        text.reserve(1 + usize::from(width) * (1 + count) + length);
        text.push(char::from(width));
        push_number(text, width, count);
        let mut end = 0;
        for piece in pieces() {
            end += piece.len();
            push_number(text, width, end);
        }
        pieces().for_each(|piece| text.push_str(piece));
        Self(Some(Arc::from(text.as_str())))
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Labels {
    /// Collects labels; of two with one key the last stays.
    ///
    /// # Panics
    /// If the labels of one resource exceed 32 GiB.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self::pack(&mut pairs.into_iter().collect(), &mut String::new())
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
        let long = "é".repeat(10_000);
        let labels: Labels = pairs.into_iter().chain([("long", &*long)]).collect();
        assert_eq!(labels.get("long"), Some(&*long));
        assert_eq!(labels.get("ab"), Some(pairs[2].1));
        let json = serde_json::to_string(&labels).unwrap();
        assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
        let value = serde_json::to_value(&labels).unwrap();
        assert_eq!(serde_json::from_value::<Labels>(value).unwrap(), labels);
        for wrong in ["[]", "{\"a\":1}", "\"a\"", "{\"a\":null}"] {
            assert!(serde_json::from_str::<Labels>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_labels_are_all_found() {
        for count in [1, 2, 63, 64, 8191, 8192, 100_000] {
            let labels: Labels = (0..count).map(|n| (format!("{n:06}"), "")).collect();
            assert_eq!(labels.len(), count);
            assert_eq!(labels.iter().count(), count);
            assert!((0..count).all(|n| labels.get(&format!("{n:06}")) == Some("")));
            assert_eq!(labels.get(&format!("{count:06}")), None);
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
