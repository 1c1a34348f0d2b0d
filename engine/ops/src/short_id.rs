//! Ids as people read them.

/// How many characters of an id are shown; `explain` finds it by them.
const SHORT_LENGTH: usize = 12;

/// A text for people, with each long id in it as short as it is elsewhere.
pub fn with_short_ids(text: &str) -> String {
    let is_of_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(begin);
        let end = from.find(|c| !is_of_id(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let stands_alone = !before.ends_with(is_word) && !after.starts_with(is_word);
        let short = short_id(word);
        match stands_alone && short.len() < word.len() {
            true => {
                shown.push_str(before);
                let without = shown.strip_suffix("sha256:").map(str::len);
                shown.truncate(without.unwrap_or(shown.len()));
                shown.push_str(&short);
            }
            false => {
                shown.push_str(before);
                shown.push_str(word);
            }
        }
        rest = after;
        // What is left of a word is not the beginning of one.
        if !stands_alone {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            shown.push_str(word);
            rest = after;
        }
    }
    shown.push_str(rest);
    shown
}

/// The beginning of a native id, as long as it tells resources apart in practice.
pub fn short_id(native: &str) -> String {
    let digest = native.strip_prefix("sha256:").unwrap_or(native);
    let is_long_hex = digest.len() >= 32
        && digest
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_long_hex {
        digest.chars().take(SHORT_LENGTH).collect()
    } else {
        native.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_texts_are_short() {
        let id = "4f3a".repeat(16);
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for (text, shown) in [
            (
                format!("container {id} is running"),
                "container 4f3a4f3a4f3a is running",
            ),
            (
                format!("\"{id}\": no such image"),
                "\"4f3a4f3a4f3a\": no such image",
            ),
            (format!("of sha256:{id}"), "of 4f3a4f3a4f3a"),
            (
                format!("forks: {uuid}, {uuid}"),
                "forks: 0f8fad5b-d9c, 0f8fad5b-d9c",
            ),
            // Names, paths of layers and figures are no ids.
            (format!("data_{id}"), &*format!("data_{id}")),
            (format!("x{id} and {id}x"), &format!("x{id} and {id}x")),
            (
                "bad 2026-11-30 face-to-face".to_owned(),
                "bad 2026-11-30 face-to-face",
            ),
            (String::new(), ""),
            (format!("é{id}"), &format!("é{id}")),
        ] {
            assert_eq!(with_short_ids(&text), shown);
        }
    }
}
