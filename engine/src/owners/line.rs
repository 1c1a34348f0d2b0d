//! The line of a TOML file on which something is written.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The number of the line on which a key stands, or the nearest of its tables. The element of a list goes by
/// its number.
pub fn line_of(text: &str, keys: &[&str]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (first, rest) = keys.split_first()?;
    let (key, mut value) = entry(document.get_ref(), first)?;
    let mut found = key;
    for wanted in rest {
        match value.get_ref() {
            DeValue::Table(table) => {
                let Some((key, inner)) = entry(table, wanted) else {
                    break;
                };
                (found, value) = (key, inner);
            }
            DeValue::Array(list) => {
                let index = wanted.parse::<usize>().ok();
                let Some(inner) = index.and_then(|index| list.get(index)) else {
                    break;
                };
                (found, value) = (inner.span().start, inner);
            }
            _ => break,
        }
    }
    Some(line_at(text, found))
}

/// Where a key of a table stands, and its value.
fn entry<'t, 'i>(
    table: &'t DeTable<'i>,
    wanted: &str,
) -> Option<(usize, &'t Spanned<DeValue<'i>>)> {
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == wanted)?;
    Some((key.span().start, value))
}

/// The number of the line at an offset.
pub fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_keys_and_numbers() {
        let text = "a = 1\n[backends.x]\nkind = \"d\"\nhost = 1\n\
                    [[o.x.rule]]\nid = \"a\"\n[[o.x.rule]]\nall = [\n  { b = 1 },\n  { b = 2 },\n]\n";
        for (keys, line) in [
            (&["backends", "x", "host"][..], Some(4)),
            (&["backends", "x", "gone"], Some(2)),
            (&["gone"], None),
            (&["o", "x", "rule", "1"], Some(7)),
            (&["o", "x", "rule", "1", "all", "1"], Some(10)),
            (&["o", "x", "rule", "1", "all", "7"], Some(8)),
        ] {
            assert_eq!(line_of(text, keys), line, "{keys:?}");
        }
    }
}
