//! From a line to a filter.
//!
//! A line is written like the query of a web address: `label=KEY=VALUE&label=KEY&name=NAME&id=ID`. All
//! labels must be there, one of the names must be the resource's own, one of the ids must fit. What cannot
//! be read as a whole is no filter: half of one would match more than was meant.

use std::borrow::Cow;

use tbengine_engine::scope::ParseLabelError;
use tbengine_engine::terms::Filter;

/// Fewer figures of an id may be those of several.
const SHORTEST_ID: usize = 12;

/// Why a line is no filter.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the line is empty, and an empty filter matches nothing")]
    Empty,
    #[error("it is not UTF-8")]
    Encoding,
    #[error("a `%` is not followed by two hexadecimal digits; write %25 for the character itself")]
    Escape,
    #[error("`;` separates nothing; write `&`, or %3B for the character itself")]
    Semicolon,
    #[error("`{0}` is nothing to filter by; known are label, name and id")]
    Unknown(String),
    #[error("`{0}` has an empty value")]
    NoValue(String),
    #[error(transparent)]
    Label(#[from] ParseLabelError),
    #[error("`{0}` is a pattern; a name is compared as a whole")]
    Pattern(String),
    #[error("`{0}` is no id; write at least {SHORTEST_ID} of its hexadecimal digits")]
    Id(String),
}

/// Reads a line, without its line break.
pub(super) fn read(line: &[u8]) -> Result<Filter, Unfit> {
    let line = std::str::from_utf8(line)
        .map_err(|_| Unfit::Encoding)?
        .trim();
    if line.is_empty() {
        return Err(Unfit::Empty);
    }
    if line.contains(';') {
        return Err(Unfit::Semicolon);
    }
    if !has_whole_escapes(line) {
        return Err(Unfit::Escape);
    }
    let mut filter = Filter::default();
    for (key, value) in form_urlencoded::parse(line.as_bytes()) {
        // What the escapes stand for is replaced by this where it is not UTF-8.
        if [&key, &value].iter().any(|text| text.contains('\u{fffd}')) {
            return Err(Unfit::Encoding);
        }
        add(&mut filter, &key, value)?;
    }
    // `&` alone has no pairs.
    if filter == Filter::default() {
        return Err(Unfit::Empty);
    }
    Ok(filter)
}

fn add(filter: &mut Filter, key: &str, value: Cow<'_, str>) -> Result<(), Unfit> {
    if value.is_empty() || value.ends_with('=') {
        return Err(Unfit::NoValue(format!("{key}={value}")));
    }
    match key {
        "label" => filter.labels.push(value.parse()?),
        "name" => {
            // The daemon writes the names of containers so.
            let name = value.strip_prefix('/').unwrap_or(&value);
            if name.is_empty() || name.contains(|c| "^$*+?()[]{}|\\".contains(c)) {
                return Err(Unfit::Pattern(value.into_owned()));
            }
            filter.names.push(name.to_owned());
        }
        "id" => {
            let digits = value.strip_prefix("sha256:").unwrap_or(&value);
            let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            if digits.len() < SHORTEST_ID || !is_hex {
                return Err(Unfit::Id(value.into_owned()));
            }
            filter.ids.push(value.to_ascii_lowercase());
        }
        other => return Err(Unfit::Unknown(other.to_owned())),
    }
    Ok(())
}

/// Whether every `%` begins an escape.
fn has_whole_escapes(line: &str) -> bool {
    line.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[&str]) -> Filter {
        Filter::labels(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn lines_are_read_as_clients_write_them() {
        for (line, wanted) in [
            ("label=a=b", &["a=b"][..]),
            ("label=a=b\r", &["a=b"]),
            (
                "label=org.testcontainers%3Dtrue&label=s%3D1",
                &["org.testcontainers=true", "s=1"],
            ),
            ("label=a", &["a"]),
            ("label=a=b=c&label=x=1+2%2B", &["a=b=c", "x=1 2+"]),
        ] {
            assert_eq!(read(line.as_bytes()).unwrap(), labels(wanted), "{line}");
        }
        let filter = read(b"name=/web&name=db&id=4F3A1C5D9E8B&label=a").unwrap();
        assert_eq!(filter.names, ["web", "db"]);
        assert_eq!(filter.ids, ["4f3a1c5d9e8b"]);
        assert_eq!(filter.labels, labels(&["a"]).labels);
    }

    #[test]
    fn what_cannot_be_read_as_a_whole_is_no_filter() {
        for line in [
            "",
            " \r",
            "&",
            "label",
            "label=",
            "label=a=",
            "label==b",
            "=a",
            "label=a%3",
            "label=a%zz=b",
            "label=a%ff",
            "label=a;label=b",
            "label=a=b&health=unhealthy",
            "label=a=b&label!=c",
            "dangling=false",
            "name=",
            "name=/",
            "name=web-.*",
            "id=4f3a",
            "id=not-hexadecimal",
        ] {
            assert!(read(line.as_bytes()).is_err(), "{line:?}");
        }
        assert!(read(b"label=\xff").is_err());
    }
}
