//! Pages are read and written as serde does, whatever is in them and whatever became of them on the way.

use tbengine_sdk::wire::{read_page, write_page};
use tbengine_sdk::{
    Bond, Damage, Identity, Kind, Labels, Owner, Page, Relation, Resource, State, Timestamp, Unit,
    Unreadable, Usage,
};

struct Dice(fastrand::Rng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn text(&mut self) -> String {
        let pieces = [
            "a",
            "container",
            "0123456789abcdef",
            " ",
            "/",
            "é",
            "日本",
            "\u{202e}",
            "\u{7f}",
            "\"",
            "\\",
            "\n",
            "\u{0}",
            "\u{1b}[2J",
            "😀",
        ];
        // Most are plain, as most texts are.
        let usual = if self.0.bool() { 5 } else { pieces.len() };
        (0..self.0.usize(..8))
            .map(|_| pieces[self.0.usize(..usual)])
            .collect()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.0.bool().then(|| make(self))
    }

    fn time(&mut self) -> Timestamp {
        let range = match self.0.u8(..8) {
            0 => i64::MIN..i64::MAX,
            1 => -1_000_000_000_000..0,
            _ => 0..2_000_000_000_000,
        };
        let ms = self.0.i64(range);
        Timestamp::from_unix_ms(if self.0.bool() { ms } else { ms / 1000 * 1000 })
    }

    fn number(&mut self) -> u64 {
        let bits = self.0.u32(..64);
        self.0.u64(..) >> bits
    }

    fn labels(&mut self) -> Labels {
        (0..self.0.usize(..6))
            .map(|_| (self.text(), self.text()))
            .collect()
    }

    fn kind(&mut self) -> Kind {
        const KINDS: [&str; 4] = ["container", "volume", "pod", "build-cache"];
        KINDS[self.0.usize(..KINDS.len())].parse().expect("a word")
    }

    fn owner(&mut self) -> Owner {
        match self.0.u8(..4) {
            0 => Owner::Run(self.text()),
            1 => Owner::Benchmark(self.text()),
            2 => Owner::Other(self.text()),
            _ => Owner::Unknown,
        }
    }

    fn resource(&mut self) -> Resource {
        Resource {
            identity: Identity {
                backend: ["bench", "other"][self.0.usize(..2)].into(),
                account: self.text().into(),
                kind: self.kind(),
                native: self.text(),
                created: self.maybe(Self::time),
            },
            name: self.text(),
            names: (0..self.0.usize(..3)).map(|_| self.text()).collect(),
            damaged: self.maybe(|dice| Damage {
                message: dice.text(),
                code: dice.maybe(Self::text),
            }),
            surrendered: self.0.u8(..8) == 0,
            arrived: self.maybe(Self::time),
            revision: self.maybe(|dice| dice.text().into()),
            state: State::ALL[self.0.usize(..State::ALL.len())],
            exit_code: self.maybe(|dice| dice.number().cast_signed()),
            started: self.maybe(Self::time),
            finished: self.maybe(Self::time),
            last_activity: self.maybe(Self::time),
            unit: self.maybe(|dice| Unit(dice.text())),
            owner: self.owner(),
            labels: self.labels(),
            attrs: self.labels(),
            usage: Usage {
                cpu_millis: self.maybe(Self::number),
                memory_bytes: self.maybe(Self::number),
                disk_bytes: self.maybe(Self::number),
                reclaimable_bytes: self.maybe(Self::number),
                micros_per_hour: self.maybe(Self::number),
            },
            relations: (0..self.0.usize(..3))
                .map(|_| Relation {
                    kind: self.kind(),
                    native: self.text(),
                    bond: [Bond::Uses, Bond::Owns, Bond::Leads][self.0.usize(..3)],
                })
                .collect(),
        }
    }

    fn page(&mut self) -> Page {
        Page {
            resources: (0..self.0.usize(..4)).map(|_| self.resource()).collect(),
            unreadable: (0..self.0.usize(..5) / 4)
                .map(|_| Unreadable {
                    shown: self.text(),
                    message: self.text(),
                })
                .collect(),
            next: self.maybe(Self::text),
        }
    }

    /// A document that something happened to.
    fn damage(&mut self, document: &mut Vec<u8>) {
        const BYTES: &[u8] = b"{}[],:\"\\ntf0-9.eE \n\x00\x1f\x80\xff";
        let mut place = |length: usize| self.0.usize(..length.max(1));
        let (from, to) = (place(document.len()), place(document.len()));
        match place(6) {
            0 => document.truncate(from),
            1 => drop(document.drain(from.min(to)..from.max(to))),
            // Keys that come twice, and one that nobody knows.
            2 => {
                let piece = document[from.min(to)..from.max(to)].to_vec();
                document.splice(from..from, piece).for_each(drop);
            }
            3 => document.insert(from, BYTES[place(BYTES.len())]),
            _ => {
                if let Some(byte) = document.get_mut(from) {
                    *byte = BYTES[place(BYTES.len())];
                }
            }
        }
    }
}

/// A page as serde reads it, where each resource that does not fit costs that one: the resources, how many do not
/// fit, and where the next page begins.
type Read = (Vec<Resource>, usize, Option<String>);

fn by_serde(document: &[u8]) -> serde_json::Result<Read> {
    #[derive(serde::Deserialize)]
    #[serde(expecting = "struct Page")]
    struct Loose<'a> {
        #[serde(borrow)]
        resources: Vec<&'a serde_json::value::RawValue>,
        #[serde(default)]
        unreadable: Vec<Unreadable>,
        #[serde(default)]
        next: Option<String>,
    }
    let loose: Loose<'_> = serde_json::from_slice(document)?;
    let fits = loose.resources.iter();
    let fits: Vec<Resource> = fits
        .filter_map(|one| serde_json::from_str(one.get()).ok())
        .collect();
    let others = loose.unreadable.len() + loose.resources.len() - fits.len();
    Ok((fits, others, loose.next))
}

/// Asserts that a document is read as serde reads it, and says whether it was read whole.
fn reads_as_serde(document: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(document);
    match (read_page(document), by_serde(document)) {
        (Ok(here), Ok(serde)) => {
            let whole = serde_json::from_slice::<Page>(document);
            let is_whole = whole.is_ok_and(|whole| whole == here);
            let read = (here.resources, here.unreadable.len(), here.next);
            assert_eq!(read, serde, "{shown}");
            is_whole
        }
        (Err(here), Err(serde)) => {
            assert_eq!(here.to_string(), serde.to_string(), "{shown}");
            false
        }
        (here, serde) => panic!("{here:?} is not {serde:?}: {shown}"),
    }
}

#[test]
fn a_page_is_written_as_serde_writes_it_and_read_as_it_was() {
    let mut dice = Dice::new(1);
    for _ in 0..5_000 {
        let page = dice.page();
        let written = write_page(&page);
        let serde = serde_json::to_vec(&page).unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            String::from_utf8(serde.clone()).unwrap()
        );
        // A time beyond what RFC 3339 can write is not read.
        if reads_as_serde(&serde) {
            assert_eq!(read_page(&serde).unwrap(), page);
        }
    }
}

#[test]
fn a_page_in_another_form_is_read_as_serde_reads_it() {
    let mut dice = Dice::new(2);
    for _ in 0..1_000 {
        // In another order of the keys, with white space and with everything escaped.
        let value = serde_json::to_value(dice.page()).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let ascii: String = pretty
            .chars()
            .map(|char| match char {
                '\u{80}'..='\u{ffff}' => format!("\\u{:04x}", u32::from(char)),
                _ => char.to_string(),
            })
            .collect();
        reads_as_serde(pretty.as_bytes());
        reads_as_serde(ascii.as_bytes());
    }
}

#[test]
fn a_damaged_page_is_read_as_serde_reads_it() {
    let mut dice = Dice::new(3);
    let mut read = 0;
    for _ in 0..30_000 {
        let mut document = write_page(&dice.page());
        for _ in 0..=dice.0.usize(..2) {
            dice.damage(&mut document);
        }
        read += u32::from(reads_as_serde(&document));
    }
    assert!((1_000..29_000).contains(&read), "{read} were read");
}

#[test]
fn what_only_serde_reads_is_read() {
    let identity = r#""identity":{"backend":"b","account":"a","kind":"volume","native":"n"},"name":"","state":"present""#;
    let cases = [
        (true, r#"{"resources":[]}"#.to_owned()),
        (
            true,
            r#"{"next":null,"resources":[],"new":{"a":[1.5e3,null]}}"#.to_owned(),
        ),
        (true, r#"[[],[],"next"]"#.to_owned()),
        (
            true,
            format!(
                r#"{{"resources":[{{{identity},"exit-code":-7,"unit":null,"usage":{{"cpu-millis":null}}}}]}}"#
            ),
        ),
        (
            true,
            format!(
                r#"{{"resources":[{{{identity},"owner":{{"name":"x","is":"run"}},"uses":[]}}]}}"#
            ),
        ),
        (
            true,
            format!(r#"{{"resources":[{{{identity},"labels":{{"b":"1","a":"2","b":"3"}}}}]}}"#),
        ),
        (
            false,
            format!(r#"{{"resources":[{{{identity},"name":""}}]}}"#),
        ),
        (
            false,
            format!(r#"{{"resources":[{{{identity},"exit-code":null,"exit-code":1}}]}}"#),
        ),
        (
            false,
            format!(r#"{{"resources":[{{{identity},"exit-code":01}}]}}"#),
        ),
        (
            false,
            format!(r#"{{"resources":[{{{identity},"exit-code":-0}}]}}"#),
        ),
        (
            false,
            format!(r#"{{"resources":[{{{identity},"exit-code":1.0}}]}}"#),
        ),
        (
            false,
            format!(
                r#"{{"resources":[{{{identity},"usage":{{"disk-bytes":18446744073709551616}}}}]}}"#
            ),
        ),
        (
            false,
            format!(r#"{{"resources":[{{{identity},"owner":{{"is":"unknown","name":"x"}}}}]}}"#),
        ),
        (
            false,
            format!(r#"{{"resources":[{{{identity},"owner":{{"is":"run"}}}}]}}"#),
        ),
        (
            false,
            format!(r#"{{"resources":[{{{identity},"unit":"\ud800"}}]}}"#),
        ),
        (false, r#"{"next":null}"#.to_owned()),
        (false, r#"{"resources":[]} x"#.to_owned()),
        (false, r#"{"resources":[],}"#.to_owned()),
        (false, "[".repeat(1_000_000)),
        (
            false,
            r#"{"resources":"#.to_owned() + &"[".repeat(1_000_000),
        ),
        (
            true,
            format!(
                r#"{{"resources":[],"new":{}{}}}"#,
                "[".repeat(100),
                "]".repeat(100)
            ),
        ),
    ];
    for (read, document) in cases {
        assert_eq!(reads_as_serde(document.as_bytes()), read, "{document:.400}");
    }
}
