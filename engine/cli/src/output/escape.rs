//! The one place that makes text from backends and policies safe to show.
//!
//! A container's name may hold terminal commands, line breaks, or characters that turn the reading
//! direction round. Every line of text goes out through [`text`], every JSON document through
//! [`SafeJson`], so no renderer has to think of it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use unicode_width::UnicodeWidthChar;

use tbengine_ops::escape::is_plain;
pub(crate) use tbengine_ops::escape::{is_forbidden, text};

/// How many columns a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

/// The text cut to so many columns, with `…` where something is missing.
pub(crate) fn truncate(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut left = columns.saturating_sub(1);
    let mut cut = String::new();
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        cut.push(c);
    }
    cut.push('…');
    Cow::Owned(cut)
}

/// Writes JSON in which forbidden characters are `\u` and four digits. What JSON escapes by itself, it does.
pub(crate) struct SafeJson<F>(F);

impl SafeJson<CompactFormatter> {
    /// On one line.
    pub(crate) fn compact() -> Self {
        Self(CompactFormatter)
    }
}

impl SafeJson<PrettyFormatter<'static>> {
    /// Indented.
    pub(crate) fn pretty() -> Self {
        Self(PrettyFormatter::new())
    }
}

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $name<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $arg: $type)*) -> io::Result<()> {
            self.0.$name(writer $(, $arg)*)
        })*
    };
}

impl<F: Formatter> Formatter for SafeJson<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if is_plain(fragment) || !fragment.contains(is_forbidden) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut safe = String::with_capacity(fragment.len() + 16);
        for c in fragment.chars() {
            if is_forbidden(c) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(safe, "\\u{unit:04x}").map_err(io::Error::other)?;
                }
            } else {
                safe.push(c);
            }
        }
        writer.write_all(safe.as_bytes())
    }

    forward! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        begin_object_value();
        end_object_value();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("世界"), 4);
        assert_eq!(truncate("世界界", 4), "世…");
        assert_eq!(truncate("abcdef", 4), "abc…");
        assert_eq!(truncate("abcd", 4), "abcd");
    }

    /// Texts that are rich in what must not come out.
    pub(crate) fn hostile() -> impl Strategy<Value = String> {
        let any_of = prop_oneof![
            any::<char>(),
            prop::char::range('\0', '\u{a0}'),
            prop::char::range('\u{2000}', '\u{2070}'),
            prop::char::range('\u{e0000}', '\u{e007f}'),
            Just('\u{61c}'),
            Just('\u{feff}'),
        ];
        prop::collection::vec(any_of, 0..40).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn no_forbidden_character_gets_through(wild in hostile()) {
            let safe = text(&wild).into_owned();
            prop_assert!(!safe.contains(is_forbidden));
            prop_assert_eq!(text(&safe), safe.as_str());
            prop_assert!(width(&truncate(&safe, 10)) <= 10);
        }

        #[test]
        fn json_is_safe_and_says_the_same(wild in hostile()) {
            let value = serde_json::json!({ &wild: [&wild] });
            for pretty in [false, true] {
                let mut bytes = Vec::new();
                if pretty {
                    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, SafeJson::pretty());
                    serde::Serialize::serialize(&value, &mut serializer).unwrap();
                } else {
                    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, SafeJson::compact());
                    serde::Serialize::serialize(&value, &mut serializer).unwrap();
                }
                let json = String::from_utf8(bytes).unwrap();
                let mut plain = json.clone();
                plain.retain(|c| c != '\n');
                prop_assert!(!plain.contains(is_forbidden), "{}", json);
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&json).unwrap(), &value);
            }
        }
    }
}
