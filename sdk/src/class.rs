//! What the engine knows of a kind.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the engine knows of a kind, in the order of deletion: what uses others goes before what is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// What computes, or makes that which computes: containers, sandboxes, pods, jobs, machines.
    Compute,
    /// What connects: networks, services.
    Network,
    /// Settings and credentials.
    Config,
    /// What keeps data: volumes, claims, buckets.
    Storage,
    /// What others start from: images, snapshots, templates.
    Image,
    /// What can be made again at the cost of time: build cache.
    Cache,
    /// A class that this version does not know. Nothing of it is deleted unless the operator names its kind.
    Other,
}

impl Class {
    /// Every class, in the order of deletion.
    pub const ALL: &'static [Self] = &[
        Self::Compute,
        Self::Network,
        Self::Config,
        Self::Storage,
        Self::Image,
        Self::Cache,
        Self::Other,
    ];

    /// How many classes there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The word for it, as in JSON and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Network => "network",
            Self::Config => "config",
            Self::Storage => "storage",
            Self::Image => "image",
            Self::Cache => "cache",
            Self::Other => "other",
        }
    }

    /// The place in the order of deletion, below [`Class::COUNT`].
    pub const fn rank(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Class {
    type Err = crate::words::UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.iter().copied();
        all.find(|class| class.word() == text).ok_or_else(|| {
            crate::words::UnknownWord::new(
                "class of resources",
                text,
                Self::ALL.iter().map(|class| class.word()),
            )
        })
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Class {
    /// Reads a word; one that this version does not know is [`Class::Other`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(word.parse().unwrap_or(Self::Other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_the_order_of_deletion_and_an_unknown_word_is_other() {
        for (rank, class) in Class::ALL.iter().enumerate() {
            assert_eq!(class.rank(), rank);
            assert_eq!(class.word().parse::<Class>().unwrap(), *class);
            let json = serde_json::to_string(class).unwrap();
            assert_eq!(serde_json::from_str::<Class>(&json).unwrap(), *class);
        }
        assert_eq!(
            serde_json::from_str::<Class>("\"quantum\"").unwrap(),
            Class::Other
        );
    }
}
