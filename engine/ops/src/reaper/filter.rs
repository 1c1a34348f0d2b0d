//! From a line to a filter.
//!
//! A line is written like the query of a web address: `label=KEY=VALUE&label=KEY&name=NAME&id=ID`. All
//! labels must be there, one of the names must be the resource's own, one of the ids must fit. What cannot
//! be read as a whole is not a filter: half of one would match more than was meant.

use std::borrow::Cow;

use tbengine_engine::scope::ParseLabelError;
use tbengine_engine::terms::Filter;

/// Fewer figures of an id may be those of several.
const MIN_ID_LENGTH: usize = 12;

/// Why a line is not a filter.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilterError {
    #[error("the line is empty, and an empty filter matches nothing")]
    Empty,
    #[error("it is not UTF-8")]
    Encoding,
    #[error("`%` must be followed by two hexadecimal digits; write %25 for a literal `%`")]
    Escape,
    #[error("`;` is not a separator; use `&`, or %3B for a literal `;`")]
    Semicolon,
    #[error("unknown filter `{0}`; use label, name or id")]
    Unknown(String),
    #[error("`{0}` has an empty value")]
    NoValue(String),
    #[error(transparent)]
    Label(#[from] ParseLabelError),
    #[error("`{0}` is a pattern; names must match exactly")]
    Pattern(String),
    #[error("invalid id `{0}`: at least {MIN_ID_LENGTH} hex digits, or a whole id of another form")]
    Id(String),
}

/// Reads a line, without its line break.
pub(super) fn read(line: &[u8]) -> Result<Filter, FilterError> {
    let line = std::str::from_utf8(line)
        .map_err(|_| FilterError::Encoding)?
        .trim();
    if line.is_empty() {
        return Err(FilterError::Empty);
    }
    if line.contains(';') {
        return Err(FilterError::Semicolon);
    }
    if !has_whole_escapes(line) {
        return Err(FilterError::Escape);
    }
    let mut filter = Filter::default();
    for (key, value) in form_urlencoded::parse(line.as_bytes()) {
        // What the escapes stand for is replaced by this where it is not UTF-8.
        if [&key, &value].iter().any(|text| text.contains('\u{fffd}')) {
            return Err(FilterError::Encoding);
        }
        add(&mut filter, &key, value)?;
    }
    // `&` alone has no pairs.
    if filter == Filter::default() {
        return Err(FilterError::Empty);
    }
    Ok(filter)
}

fn add(filter: &mut Filter, key: &str, value: Cow<'_, str>) -> Result<(), FilterError> {
    if value.is_empty() || value.ends_with('=') {
        return Err(FilterError::NoValue(format!("{key}={value}")));
    }
    match key {
        "label" => filter.labels.push(value.parse()?),
        "name" => {
            // The daemon writes the names of containers so.
            let name = value.strip_prefix('/').unwrap_or(&value);
            if name.is_empty() || name.contains(|c| "^$*+?()[]{}|\\".contains(c)) {
                return Err(FilterError::Pattern(value.into_owned()));
            }
            filter.names.push(name.to_owned());
        }
        "id" => filter.ids.push(id(value)?),
        other => return Err(FilterError::Unknown(other.to_owned())),
    }
    Ok(())
}

/// An id: the beginning of Docker's, or another provider's, which is whole.
fn id(value: Cow<'_, str>) -> Result<String, FilterError> {
    let digits = value.strip_prefix("sha256:").unwrap_or(&value);
    let is_hex = |byte: u8| byte.is_ascii_hexdigit();
    if digits.bytes().all(is_hex) {
        return match digits.len() >= MIN_ID_LENGTH {
            true => Ok(value.to_ascii_lowercase()),
            false => Err(FilterError::Id(value.into_owned())),
        };
    }
    if value.contains(|c: char| c.is_whitespace() || c.is_control() || "*?[]{}|\\".contains(c)) {
        return Err(FilterError::Id(value.into_owned()));
    }
    // A UUID is the same however it is written.
    match value.bytes().all(|byte| is_hex(byte) || byte == b'-') {
        true => Ok(value.to_ascii_lowercase()),
        false => Ok(value.into_owned()),
    }
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
    fn ids_of_every_backend_are_read() {
        for (line, id) in [
            (
                "id=0B5C6A2E-7D3F-4E8A-9C1B-2F4D6E8A0C1B",
                "0b5c6a2e-7d3f-4e8a-9c1b-2f4d6e8a0c1b",
            ),
            ("id=ixYz0123abcdefgHIJKL", "ixYz0123abcdefgHIJKL"),
            ("id=default%2Fpod%3Aweb-0", "default/pod:web-0"),
            ("id=sha256:4F3A1C5D9E8B", "sha256:4f3a1c5d9e8b"),
        ] {
            assert_eq!(read(line.as_bytes()).unwrap().ids, [id], "{line}");
        }
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
            "id=sha256:4f3a",
            "id=web-*",
            "id=two words",
        ] {
            assert!(read(line.as_bytes()).is_err(), "{line:?}");
        }
        assert!(read(b"label=\xff").is_err());
    }

    #[test]
    fn no_part_of_a_damaged_line_is_passed_over() {
        let good = [
            "label=org.testcontainers%3Dtrue&label=org.testcontainers.sessionId%3D0b5c",
            "name=/web&label=a=b",
            "id=4F3A1C5D9E8B&label=a=b&label=c",
        ];
        let mut taken = 0;
        for seed in 0..20_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut line = good[random.usize(0..good.len())].as_bytes().to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(0..line.len());
                match random.u8(0..4) {
                    0 => line[at] ^= 1 << random.u8(0..8),
                    1 => drop(line.drain(at..(at + random.usize(1..12)).min(line.len()))),
                    2 => line.insert(at, b"&=%;*/+ \0#"[random.usize(0..10)]),
                    _ => line.truncate(at.max(1)),
                }
                if line.is_empty() {
                    break;
                }
            }
            let Ok(filter) = read(&line) else {
                continue;
            };
            taken += 1;
            // Each pair is a condition more, so that one which got lost would match more than was meant.
            let text = String::from_utf8_lossy(&line);
            let pairs = text.trim().split('&').filter(|pair| !pair.is_empty());
            let conditions = filter.labels.len() + filter.names.len() + filter.ids.len();
            assert_eq!(conditions, pairs.count(), "{text:?}: {filter:?}");
            let mut words = filter.names.iter().chain(&filter.ids);
            assert!(words.all(|word| !word.is_empty()), "{text:?}: {filter:?}");
        }
        assert!(taken > 2000, "only {taken} lines were taken");
    }
}
