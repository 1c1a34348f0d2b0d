//! A version of the Docker Engine API.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A version of the Docker Engine API, like `1.41`. The major number has always been 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ApiVersion(u16);

impl ApiVersion {
    /// What Docker 20.10 supports; Podman 3 and later as well.
    pub const OLDEST: Self = Self(41);
    /// The newest whose replies this backend knows. Daemons speak older versions on request.
    pub const NEWEST: Self = Self(47);

    /// Engine 23. Before, the creation time of a volume is that of its last change.
    pub(crate) const VOLUMES_KEEP_THEIR_TIME: Self = Self(42);

    pub(crate) fn of_minor(minor: u16) -> Self {
        Self(minor)
    }

    pub(crate) fn minor(self) -> u16 {
        self.0
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("1.")
            .and_then(|minor| minor.parse().ok())
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "`{}` is not an API version like `1.41`",
                    text.chars().take(40).collect::<String>()
                )
            })
    }
}

impl TryFrom<String> for ApiVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let of = |text: &str| text.parse::<ApiVersion>().unwrap();
        assert!(of("1.9") < of("1.41") && of("1.100") > of("1.47"));
        for no in ["", "1", "1.", "2.0", "1.x", "1.-1", "v1.41"] {
            assert!(no.parse::<ApiVersion>().is_err(), "{no}");
        }
    }
}
