//! Reads JSON as it usually comes, without a look at what it may be besides. Whatever is unusual or wrong
//! is `None`, and the caller reads all of it again with serde: so what is read here is what serde reads.

use std::borrow::Cow;

/// Where in a document the reader is.
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How many bytes were not.
    pub(super) fn left(&self) -> usize {
        self.text.len() - self.at
    }

    /// The next byte that is not white space, which stays where it is.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Takes the next byte if it is this one.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let takes = self.peek() == Some(byte);
        self.at += usize::from(takes);
        takes
    }

    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        self.takes(byte).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.peek()?;
        let follows = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        follows.then_some(())
    }

    /// A text that stands there as it is.
    #[inline]
    pub(super) fn plain(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let (start, end) = (self.at, plain_until(self.text.as_bytes(), self.at));
        if *self.text.as_bytes().get(end)? != b'"' {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// A text, borrowed if it stands there as it is.
    #[inline]
    pub(super) fn text(&mut self) -> Option<Cow<'a, str>> {
        self.peek()?;
        let start = self.at;
        match self.plain() {
            Some(text) => Some(Cow::Borrowed(text)),
            None => self.escaped(start),
        }
    }

    #[cold]
    fn escaped(&mut self, start: usize) -> Option<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        let mut end = plain_until(bytes, start + 1);
        while *bytes.get(end)? == b'\\' {
            // Whatever follows the backslash is not the end.
            end = plain_until(bytes, end + 2);
        }
        self.at = end + 1;
        let quoted = self.text.get(start..=end)?;
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    }

    /// A whole number.
    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.peek()?;
        let rest = &self.text.as_bytes()[self.at..];
        let end = rest
            .iter()
            .position(|byte| !matches!(byte, b'-' | b'0'..=b'9'))?;
        let digits = &rest[..end];
        let leading_zero = matches!(digits, [b'0', _, ..] | [b'-', b'0', ..]);
        let plain = !leading_zero && !matches!(rest[end], b'.' | b'e' | b'E');
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        self.at += end;
        plain.then_some(number)
    }

    /// What `read` reads, or null.
    #[inline]
    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.peek()? == b'n' {
            return self.word("null").map(|()| None);
        }
        read(self).map(Some)
    }

    /// A list: `read` reads each entry.
    #[inline]
    pub(super) fn list(&mut self, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.takes(b']') {
            return Some(());
        }
        loop {
            read(self)?;
            if !self.takes(b',') {
                return self.take(b']');
            }
        }
    }

    /// A document: `read` reads the value of each key.
    #[inline]
    pub(super) fn document(
        &mut self,
        mut read: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        self.table(Self::plain, &mut read)
    }

    /// A table, with keys that are read by `key` and values by `read`.
    #[inline]
    pub(super) fn table<K>(
        &mut self,
        key: impl Fn(&mut Self) -> Option<K>,
        mut read: impl FnMut(&mut Self, K) -> Option<()>,
    ) -> Option<()> {
        self.take(b'{')?;
        if self.takes(b'}') {
            return Some(());
        }
        loop {
            let key = key(self)?;
            self.take(b':')?;
            read(self, key)?;
            if !self.takes(b',') {
                return self.take(b'}');
            }
        }
    }
}

/// Where the first byte from `at` on is that has to be escaped in a text or ends it.
#[inline]
pub(super) fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let ends = ending_plain_text(u64::from_le_bytes(*eight));
        if ends != 0 {
            return at + ends.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

/// The high bit of each of eight bytes that is a quote, a backslash or a control character. Only the
/// lowest of them is sure.
fn ending_plain_text(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes;
    let is = |byte: u8| below(eight ^ (ONES * u64::from(byte)), 1);
    (is(b'"') | is(b'\\') | below(eight, 0x20)) & (ONES << 7)
}

/// The fields of a document that were there; one that comes twice is wrong.
#[derive(Default)]
pub(super) struct Seen(u32);

impl Seen {
    pub(super) fn first(&mut self, field: u32) -> Option<()> {
        let before = self.0;
        self.0 |= 1 << field;
        (before & 1 << field == 0).then_some(())
    }

    pub(super) fn all(&self, fields: std::ops::Range<u32>) -> Option<()> {
        fields
            .into_iter()
            .all(|field| self.0 & 1 << field != 0)
            .then_some(())
    }
}
