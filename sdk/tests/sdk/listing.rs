//! Pages are read as they were written, and what does not fit costs no more than itself.

use std::sync::Arc;

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
}

#[test]
fn a_page_is_read_as_it_was_written() {
    let mut dice = Dice::new(1);
    let mut whole = 0;
    for _ in 0..2_000 {
        let page = dice.page();
        let read = read_page(&write_page(&page)).unwrap();
        // A time beyond what RFC 3339 can write is not read.
        let lost = page.resources.len() - read.resources.len();
        assert_eq!(read.unreadable.len(), page.unreadable.len() + lost);
        if lost == 0 {
            assert_eq!(read, page);
            whole += 1;
        }
    }
    assert!(whole > 500, "{whole} were read whole");
}

#[test]
fn a_resource_that_does_not_fit_costs_that_one_and_is_named() {
    let resource = |native: &str, more: &str| {
        format!(
            r#"{{"identity":{{"backend":"b","account":"a","kind":"volume","native":"{native}"}},"name":"","state":"present"{more}}}"#
        )
    };
    let deep = format!(r#","unit":{}"#, "[".repeat(100_000) + &"]".repeat(100_000));
    for (more, shown) in [
        (r#","exit-code":"canary""#, "two"),
        (r#","exit-code":1.0"#, "two"),
        (r#","usage":{"disk-bytes":18446744073709551616}"#, "two"),
        (r#","unit":"\ud800""#, "number 1"),
        (r#","name":"twice""#, "two"),
        (&deep, "number 1"),
    ] {
        let resources = [
            resource("one", ""),
            resource("two", more),
            resource("three", ""),
        ];
        let page = format!(r#"{{"resources":[{}],"new":7}}"#, resources.join(","));
        let page = read_page(page.as_bytes()).unwrap();
        let natives: Vec<&str> = page
            .resources
            .iter()
            .map(|one| one.identity.native.as_str())
            .collect();
        assert_eq!(natives, ["one", "three"], "{more:.80}");
        assert_eq!(page.unreadable.len(), 1);
        assert_eq!(page.unreadable[0].shown, shown, "{more:.80}");
        assert!(
            page.unreadable[0]
                .message
                .starts_with("resource 1 of the page")
        );
    }
}

#[test]
fn what_is_no_page_is_an_error() {
    for document in [
        "",
        "{}",
        r#"{"next":null}"#,
        r#"{"resources":null}"#,
        r#"{"resources":[]} x"#,
        r#"{"resources":[],}"#,
        "\u{80}",
        &"[".repeat(1_000_000),
        &(r#"{"resources":"#.to_owned() + &"[".repeat(1_000_000)),
    ] {
        assert!(read_page(document.as_bytes()).is_err(), "{document:.80}");
    }
}

#[test]
fn what_resources_have_in_common_is_shared() {
    let mut page = Page::default();
    for native in ["one", "two"] {
        let identity = Identity {
            backend: "cloud".into(),
            account: "team".into(),
            kind: Kind::SANDBOX,
            native: native.into(),
            created: None,
        };
        page.resources
            .push(Resource::new(identity, native, State::Running));
    }
    let read = read_page(&write_page(&page)).unwrap();
    let [one, two] = [0, 1].map(|place| &read.resources[place].identity);
    assert!(Arc::ptr_eq(&one.backend, &two.backend));
    assert!(Arc::ptr_eq(&one.account, &two.account));
}
