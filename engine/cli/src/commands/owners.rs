//! `tbengine owners`: whose resources are, by which rules.

use serde::Serialize;
use tbengine_engine::owners::{
    Account, Explained, KnownOwner, Looked, NoMemory, Owners, Seen, What,
};
use tbengine_sdk::Labels;

use crate::app::App;
use crate::args::owners::{OwnersCommand, OwnersTestArgs};
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::{Tone, plain, toned};
use crate::output::table::Table;
use crate::output::view::{Lines, View};

/// Lists owners, or tries their rules.
pub(crate) fn run(app: &mut App, command: &OwnersCommand) -> Result<Code, Error> {
    let owners = app.context.config.owners()?;
    match command {
        OwnersCommand::List => {
            let rows = owners.iter().map(Row::new).collect();
            app.out.show(app.global.output, &Known(rows));
        }
        OwnersCommand::Test(args) => test(app, &owners, args),
    }
    Ok(Code::Done)
}

#[derive(Debug, Serialize)]
struct Row {
    owner: String,
    what: What,
    from: &'static str,
    rules: Vec<String>,
    about: String,
    hint: String,
    read: Vec<String>,
}

impl Row {
    fn new(owner: &KnownOwner) -> Self {
        Self {
            owner: owner.name.to_string(),
            what: owner.what,
            from: match owner.configured {
                true => "configured",
                false => "built in",
            },
            rules: owner.rules.iter().map(|rule| rule.id.clone()).collect(),
            about: owner.about.clone().unwrap_or_default(),
            hint: owner.hint.as_deref().unwrap_or_default().to_owned(),
            read: owner.read.clone().into_iter().collect(),
        }
    }
}

/// The owners that are known.
struct Known(Vec<Row>);

impl View for Known {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.0);
    }

    fn columns(&self) -> &'static [&'static str] {
        &["owner", "what", "from", "rules", "about", "hint"]
    }

    fn rows(&self, rows: &mut Rows) {
        for row in &self.0 {
            let (what, rules) = (row.what.to_string(), row.rules.len().to_string());
            rows.row([&row.owner, &what, row.from, &rules, &row.about, &row.hint]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let mut table = Table::new(&["OWNER", "WHAT", "FROM", "RULES", "ABOUT"]);
        for row in &self.0 {
            table.row([
                plain(&row.owner),
                plain(row.what.to_string()),
                toned(Tone::Dim, row.from),
                plain(row.rules.len().to_string()),
                plain(&row.about),
            ]);
        }
        page.table(&table);
    }
}

/// A resource that is alone in its account.
struct Alone {
    provider: String,
    kind: String,
    class: String,
    names: Vec<String>,
    labels: Labels,
    attrs: Labels,
}

impl Account for Alone {
    fn id(&self) -> &str {
        ""
    }

    fn count(&self) -> usize {
        1
    }

    fn seen(&self, _place: usize) -> Seen<'_> {
        Seen {
            class: &self.class,
            name: self.names.first().map_or("", String::as_str),
            names: self.names.iter().map(String::as_str).collect(),
            attrs: &self.attrs,
            ..Seen::new(&self.provider, &self.kind, &self.labels)
        }
    }

    fn used(&self, _place: usize, _kind: &str) -> Vec<&str> {
        Vec::new()
    }

    fn users(&self, _place: usize) -> Vec<usize> {
        Vec::new()
    }
}

fn test(app: &mut App, owners: &Owners, args: &OwnersTestArgs) {
    let alone = Alone {
        provider: args.provider.clone(),
        kind: args.kind.clone(),
        class: args.class.clone(),
        names: args.name.clone(),
        labels: args.labels.iter().map(|(k, v)| (k, v)).collect(),
        attrs: args.attr.iter().map(|(k, v)| (k, v)).collect(),
    };
    let explained = owners.explain(&alone, 0, &NoMemory);
    app.out
        .show(app.global.output, &OwnerDocument::new(&explained));
}

/// Whose a resource is, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct OwnerDocument<'o> {
    /// The name of the owner; nothing, if none is proven.
    name: Option<&'o str>,
    what: Option<What>,
    /// The rule that counts.
    rule: Option<String>,
    about: Option<&'o str>,
    hint: Option<&'o str>,
    /// The benchmarks that are proven at once, so that none counts.
    rivals: Vec<&'o str>,
    /// The rules that hold.
    holding: Vec<RuleDocument<'o>>,
    /// Rules of benchmarks of which a part holds.
    nearly: Vec<RuleDocument<'o>>,
}

#[derive(Debug, Serialize)]
struct RuleDocument<'o> {
    rule: String,
    facts: Vec<&'o str>,
    missing: Vec<&'o str>,
}

impl<'o> RuleDocument<'o> {
    fn new(looked: &'o Looked<'_>) -> Self {
        Self {
            rule: looked.name(),
            facts: looked.holding().collect(),
            missing: looked.missing().collect(),
        }
    }
}

impl<'o> OwnerDocument<'o> {
    pub(crate) fn new(explained: &'o Explained<'_>) -> Self {
        let proof = explained.proven.proof.as_ref();
        let rivals = explained.proven.rivals.iter();
        Self {
            name: proof.map(|proof| &*proof.owner.name),
            what: proof.map(|proof| proof.owner.what),
            rule: proof.map(|proof| format!("{}/{}", proof.owner.name, proof.rule.id)),
            about: proof.and_then(|proof| proof.owner.about.as_deref()),
            hint: proof.and_then(|proof| proof.owner.hint.as_deref()),
            rivals: rivals.map(|rival| &*rival.name).collect(),
            holding: (explained.looked.iter())
                .filter(|looked| looked.holds)
                .map(RuleDocument::new)
                .collect(),
            nearly: explained.nearly().map(RuleDocument::new).collect(),
        }
    }

    /// Facts for a person, each with its name.
    pub(crate) fn lines(&self) -> Vec<[String; 2]> {
        let mut lines = Vec::new();
        let mut line = |name: &str, value: String| lines.push([name.to_owned(), value]);
        if let Some(rule) = &self.rule {
            let about = self
                .about
                .map_or_else(String::new, |about| format!(": {about}"));
            line("proven by", format!("{rule}{about}"));
        }
        if let Some(hint) = self.hint {
            line("hint", hint.to_owned());
        }
        if !self.rivals.is_empty() {
            let rivals = self.rivals.join(" and ");
            line(
                "unproven",
                format!("{rivals} are proven at the same time, so the owner is unknown"),
            );
        }
        if self.name.is_none() {
            for nearly in &self.nearly {
                let missing = nearly.missing.join("; ");
                line("unproven", format!("{}; missing: {missing}", nearly.rule));
            }
        }
        lines
    }
}

impl View for OwnerDocument<'_> {
    fn document(&self) -> impl Serialize {
        self
    }

    fn columns(&self) -> &'static [&'static str] {
        &["fact", "value"]
    }

    fn rows(&self, rows: &mut Rows) {
        for line in self.with_owner() {
            rows.row(line);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        for [name, value] in self.with_owner() {
            page.line(&[toned(Tone::Dim, format!("{name:<14}")), plain(value)]);
        }
    }
}

impl OwnerDocument<'_> {
    fn with_owner(&self) -> Vec<[String; 2]> {
        let owner = match (self.name, self.what) {
            (Some(name), Some(what)) => format!("{name} ({what})"),
            _ => "unknown".to_owned(),
        };
        let mut lines = vec![["owner".to_owned(), owner]];
        for rule in &self.holding {
            let facts = rule.facts.join("; ");
            lines.push(["holds".to_owned(), format!("{}: {facts}", rule.rule)]);
        }
        lines.extend(self.lines());
        lines
    }
}
