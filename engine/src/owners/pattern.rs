//! Regular expressions with placeholders.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use super::placeholder::Placeholder;
use super::seen::Seen;

/// The longest pattern, in bytes.
pub const MAX_PATTERN: usize = 256;
/// How large a compiled pattern may be, in bytes.
pub const MAX_COMPILED: usize = 1 << 20;
/// The longest text that a pattern is held against. A longer one does not fit.
pub const MAX_TEXT: usize = 8 << 10;
/// At how many positions of a text the value of a placeholder is tried.
const MAX_POSITIONS: usize = 32;

/// What stands for the value while a pattern is matched: a byte that no text has, since texts are UTF-8.
const SENTINEL: u8 = 0xff;

/// A regular expression for a whole text, in which one placeholder may stand for a value of the resource,
/// literally.
///
/// The value is not put into the pattern, but taken out of the text, at each position where it stands. So a
/// pattern is compiled once, and the time is linear in the text, whatever the value is.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    /// With the sentinel where the placeholder is.
    bare: String,
    /// What every text begins with that fits.
    prefix: String,
    placeholder: Option<Placeholder>,
    /// Compiled when it is needed first: most hosts have nothing that most patterns are about.
    regex: OnceLock<Option<Regex>>,
}

/// When a pattern is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compile {
    /// When it is read, so that a fault is found.
    Now,
    /// When it is needed: a test has compiled it before.
    Later,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// In words, if it is too long or too large, or not a regular expression.
    pub fn new(text: &str, when: Compile) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_PATTERN {
            return Err(format!(
                "a pattern has 1 to {MAX_PATTERN} bytes, and this one has {}",
                text.len()
            ));
        }
        let (bare, placeholder) = split(text)?;
        let regex = OnceLock::new();
        if when == Compile::Now {
            // By itself first, so that no parenthesis of it can close ours.
            compile(&bare)?;
            regex.get_or_init(|| whole(&bare).ok());
        }
        Ok(Self {
            text: text.to_owned(),
            prefix: prefix(text),
            bare,
            placeholder,
            regex,
        })
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole of a text may be like this, whatever the value of a placeholder is.
    pub(super) fn may_fit(&self, text: &str) -> bool {
        let Some(regex) = self.regex_for(text) else {
            return false;
        };
        self.placeholder.is_some() || regex.is_match(text.as_bytes())
    }

    /// Whether the whole of a text is like this.
    pub(super) fn fits(&self, text: &str, seen: &Seen<'_>) -> bool {
        let Some(regex) = self.regex_for(text) else {
            return false;
        };
        let text = text.as_bytes();
        let Some(placeholder) = &self.placeholder else {
            return regex.is_match(text);
        };
        let Some(value) = placeholder.value(seen) else {
            return false;
        };
        let value = value.as_bytes();
        let mut without = Vec::with_capacity(text.len());
        let positions = text.windows(value.len()).enumerate();
        let positions = positions.filter(|(_, window)| *window == value);
        positions.take(MAX_POSITIONS).any(|(position, _)| {
            without.clear();
            without.extend_from_slice(&text[..position]);
            without.push(SENTINEL);
            without.extend_from_slice(&text[position + value.len()..]);
            regex.is_match(&without)
        })
    }

    /// The regular expression, unless it is plain to see that a text does not fit.
    fn regex_for(&self, text: &str) -> Option<&Regex> {
        if text.len() > MAX_TEXT || !text.starts_with(&self.prefix) {
            return None;
        }
        let regex = self.regex.get_or_init(|| whole(&self.bare).ok());
        regex.as_ref()
    }
}

/// The pattern for a whole text.
fn whole(bare: &str) -> Result<Regex, String> {
    compile(&format!(r"\A(?:{bare})\z"))
}

fn compile(pattern: &str) -> Result<Regex, String> {
    // Keys and names are ASCII, and Unicode's classes would make the tables a hundred times as large.
    let mut builder = RegexBuilder::new(pattern);
    builder.unicode(false).size_limit(MAX_COMPILED);
    // It is for the whole text, whatever signs that has.
    builder.dot_matches_new_line(true);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            format!("the pattern takes more than {MAX_COMPILED} bytes compiled")
        }
        error => {
            let text = error.to_string();
            let reason = text.rsplit("error: ").next().unwrap_or(&text).trim();
            format!("the pattern is not a regular expression: {reason}")
        }
    })
}

/// What every text begins with that fits a pattern, as far as that is plain to see.
fn prefix(pattern: &str) -> String {
    let mut prefix = String::new();
    if pattern.contains('|') {
        return prefix;
    }
    let mut signs = pattern.chars().peekable();
    while let Some(sign) = signs.next() {
        let literal = match sign {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '/' | ':' => sign,
            '\\' if signs.peek() == Some(&'.') => '.',
            _ => break,
        };
        if sign == '\\' {
            signs.next();
        }
        // It may be there less often than once.
        if matches!(signs.peek(), Some('?' | '*' | '{')) {
            break;
        }
        prefix.push(literal);
    }
    prefix
}

/// Puts the sentinel where the placeholder is.
fn split(text: &str) -> Result<(String, Option<Placeholder>), String> {
    let mut bare = String::with_capacity(text.len() + 2);
    let mut placeholder = None;
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '{']) {
        bare.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            let sign = escaped.chars().next().map_or(0, char::len_utf8);
            let mut end = 1 + sign;
            // `\x{41}` and `\p{L}`: these braces are part of the escape.
            if escaped.starts_with(['x', 'u', 'U', 'p', 'P', 'b']) && rest[end..].starts_with('{') {
                end += rest[end..].find('}').map_or(0, |close| close + 1);
            }
            bare.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let Some(close) = rest.find('}') else {
            return Err("the pattern has a `{` that is not closed".to_owned());
        };
        let inside = &rest[1..close];
        let is_count = !inside.is_empty()
            && (inside.bytes()).all(|byte| byte.is_ascii_digit() || byte == b',');
        if is_count {
            bare.push_str(&rest[..=close]);
        } else if let Some(read) = Placeholder::read(inside) {
            if placeholder.replace(read).is_some() {
                return Err("the pattern has more than one placeholder".to_owned());
            }
            bare.push_str(r"\xFF");
        } else {
            return Err(format!(
                "`{{{inside}}}` is not a placeholder; there are {{name}}, {{unit}}, {{label:KEY}} and {{attr:KEY}}"
            ));
        }
        rest = &rest[close + 1..];
    }
    bare.push_str(rest);
    Ok((bare, placeholder))
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::Labels;

    use super::*;

    fn fits(pattern: &str, text: &str, labels: &[(&str, &str)]) -> bool {
        let labels: Labels = labels.iter().copied().collect();
        let none = Labels::default();
        let seen = Seen {
            name: "web.1",
            labels: &labels,
            ..Seen::new("docker", "container", &none)
        };
        let now = Pattern::new(pattern, Compile::Now).unwrap();
        let later = Pattern::new(pattern, Compile::Later).unwrap();
        let fits = now.fits(text, &seen);
        assert_eq!(fits, later.fits(text, &seen));
        fits
    }

    #[test]
    fn a_pattern_is_for_the_whole_text() {
        assert!(fits("a.c", "abc", &[]));
        assert!(!fits("a.c", "abcd", &[]) && !fits("b", "abc", &[]));
        assert!(fits("a.*", "a\nb", &[]));
        assert!(fits("a|bc", "a", &[]) && !fits("a|bc", "ac", &[]));
        assert!(fits("[0-9a-f]{3}", "0af", &[]) && !fits("[0-9a-f]{3}", "0afb", &[]));
        assert!(fits(r"\x{41}{2}", "AA", &[]));
        assert!(fits("(?:ä){2}", "ää", &[]));
    }

    #[test]
    fn what_every_text_begins_with() {
        for (pattern, begins) in [
            (r"sweb\.eval\..+", "sweb.eval."),
            // The brace may be that of a count.
            ("harbor_{name}_blueprint", "harbor"),
            ("ab?c", "a"),
            ("ab*", "a"),
            ("ab{2}", "a"),
            ("ab+", "ab"),
            ("always|never", ""),
            ("(a)", ""),
            (".+", ""),
            ("{name}", ""),
            (r"\d", ""),
        ] {
            assert_eq!(prefix(pattern), begins, "{pattern}");
        }
    }

    #[test]
    fn a_placeholder_is_literal() {
        // The name is `web.1`, and its point stands for no other sign.
        assert!(fits("{name}_data", "web.1_data", &[]));
        assert!(!fits("{name}_data", "webx1_data", &[]));
        let file = r"(.*,)?[^,]*/{label:p}\.yaml(,.*)?";
        assert!(fits(file, "/x/eval.yaml", &[("p", "eval")]));
        assert!(fits(
            file,
            "/eval/eval.yml,/y/eval.yaml,/z",
            &[("p", "eval")]
        ));
        assert!(!fits(file, "/x/eval2.yaml", &[("p", "eval")]));
        assert!(!fits(file, "/x/.yaml", &[("p", "")]), "an empty value");
        assert!(!fits(file, "/x/eval.yaml", &[]), "no value");
        assert!(fits(file, "/x/.*.yaml", &[("p", ".*")]));
        assert!(!fits(file, "/x/a.yaml", &[("p", ".*")]));
    }

    #[test]
    fn a_value_that_stands_in_the_text_a_thousand_times_is_tried_a_few_times() {
        let text = "a".repeat(MAX_TEXT);
        assert!(!fits("b{label:p}", &text, &[("p", "a")]));
        assert!(!fits("a+", &"a".repeat(MAX_TEXT + 1), &[]), "too long");
    }

    #[test]
    fn what_is_not_a_bounded_pattern_is_refused() {
        for (pattern, says) in [
            ("", "1 to 256 bytes"),
            (&*"a".repeat(257), "1 to 256 bytes"),
            ("a)|(b", "not a regular expression"),
            ("(", "not a regular expression"),
            (r"(\w{1,900}){1,900}", "compiled"),
            ("{project}", "`{project}` is not a placeholder"),
            ("{label:}", "not a placeholder"),
            ("{name}{unit}", "more than one placeholder"),
            ("a{", "not closed"),
            (r"(a)\1", "not a regular expression"),
        ] {
            let error = Pattern::new(pattern, Compile::Now).unwrap_err();
            assert!(error.contains(says), "{pattern}: {error}");
        }
    }
}
