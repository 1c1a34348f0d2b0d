//! Rust as tokens: as much of it as it takes to find paths.

/// A piece of code, and the line on which it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The names and signs of a file, in order; without comments, texts, characters, and what is built only for tests.
pub(crate) fn tokens(code: &str) -> Vec<Token> {
    without_tests(&all(code))
}

fn all(code: &str) -> Vec<Token> {
    let (bytes, mut at, mut line, mut found) = (code.as_bytes(), 0, 1, Vec::new());
    while at < bytes.len() {
        let rest = &code[at..];
        let length = match bytes[at] {
            b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => comment(rest),
            b'"' => quoted(rest, b'"'),
            b'r' if raw(rest).is_some() => raw(rest).unwrap(),
            b'\'' if is_character(rest) => quoted(rest, b'\''),
            first if first.is_ascii_alphanumeric() || first == b'_' => {
                let name = |c: char| c.is_alphanumeric() || c == '_';
                rest.find(|c| !name(c)).unwrap_or(rest.len())
            }
            _ if rest.starts_with("::") => 2,
            _ => rest.chars().next().unwrap().len_utf8(),
        };
        let text = &rest[..length];
        let is_code = !text.starts_with(['"', '\'']) && raw(text).is_none();
        if is_code && !text.starts_with("//") && !text.starts_with("/*") && !text.trim().is_empty()
        {
            found.push(Token {
                text: text.to_owned(),
                line,
            });
        }
        line += text.matches('\n').count();
        at += length;
    }
    found
}

/// The length of a comment, which may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        at += match () {
            () if rest.starts_with(b"/*") => {
                depth += 1;
                2
            }
            () if rest.starts_with(b"*/") => {
                depth -= 1;
                2
            }
            () => 1,
        };
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of what stands in quotes.
fn quoted(text: &str, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The length of a raw text, if this begins with one.
fn raw(text: &str) -> Option<usize> {
    let hashes = text[1.min(text.len())..]
        .bytes()
        .take_while(|byte| *byte == b'#')
        .count();
    let inside = text.strip_prefix('r')?.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(2 + hashes + inside.find(&end)? + end.len())
}

/// Whether a quote begins a character, and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut after = text.chars().skip(1);
    let (first, second) = (after.next(), after.next());
    first == Some('\\') || second == Some('\'')
}

/// Leaves out each item behind `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let starts = |at: usize, these: &[&str]| (0..these.len()).all(|n| text(at + n) == these[n]);
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let only = starts(at, &["#", "[", "cfg", "(", "test", ")", "]"])
            || starts(at, &["#", "[", "cfg", "(", "all", "(", "test", ","]);
        if !only {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        // Attributes, and then the item up to its last brace or semicolon.
        while text(at) == "#" {
            at = behind_group(tokens, at + 1);
        }
        while at < tokens.len() && !matches!(text(at), ";" | "{") {
            at = if matches!(text(at), "(" | "[") {
                behind_group(tokens, at)
            } else {
                at + 1
            };
        }
        let is_use = text(at) == "{" && at >= 1 && text(at - 1) == "::";
        at = if text(at) == "{" {
            behind_group(tokens, at)
        } else {
            at + 1
        };
        at += usize::from(is_use && text(at) == ";");
    }
    kept
}

/// Where it goes on behind the group that begins here.
fn behind_group(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

#[test]
fn only_code_is_left() {
    let code = r##"
        // crate::a
        use x::{b, c}; /* crate::d /* e */ f */
        const G: &str = "crate::h \" i"; const J: &str = r#"k " l"#;
        fn m<'n>(o: &'n str) -> char { '\'' }
        #[cfg(test)]
        mod p;
        #[cfg(test)]
        use q::{r, s};
        #[cfg(all(test, unix))]
        #[expect(t)]
        mod u { fn v() { w("}") } }
        fn y() { 'z' }
    "##;
    let names: Vec<String> = tokens(code).into_iter().map(|token| token.text).collect();
    let names: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|text| text.len() == 1)
        .collect();
    let names: String = names
        .concat()
        .chars()
        .filter(char::is_ascii_alphabetic)
        .collect();
    assert_eq!(names, "xbcGJmnony");
}
