//! A system call.

/// A system call, as strace shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemCall {
    /// Its name.
    pub name: String,
    /// The file that it is about: that of its descriptor, or the first one that it names.
    pub file: String,
    /// Its arguments and what it returned.
    pub rest: String,
}

impl SystemCall {
    /// A call from its line; `None` if the line shows something else.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if name.is_empty() || !is_name(name) {
            return None;
        }
        // What names a file relative to a directory shows that first.
        let (open, close) = match rest.starts_with(|first: char| first.is_ascii_digit()) {
            true => ('<', '>'),
            false => ('"', '"'),
        };
        let file = rest.split_once(open);
        let file = file.and_then(|(_, after)| after.split_once(close));
        Some(Self {
            name: name.to_owned(),
            file: file.map_or_else(String::new, |(file, _)| file.to_owned()),
            rest: rest.to_owned(),
        })
    }

    /// Whether it succeeded.
    pub fn succeeded(&self) -> bool {
        let returned = self.rest.rsplit_once(" = ").map(|(_, value)| value);
        returned.is_some_and(|value| value.starts_with(|first: char| first.is_ascii_digit()))
    }

    /// Whether strace did something to it.
    pub fn is_injected(&self) -> bool {
        self.rest.ends_with("(INJECTED)") || self.rest.trim_end().ends_with("= ?")
    }
}
