//! From what is written to checked rules. What has a fault is refused as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tbengine_sdk::Class;

use super::complaint::{Complaint, OwnersError};
use super::example::Example;
use super::fact::{Condition, Fact, Predicate};
use super::line::line_at;
use super::owner::KnownOwner;
use super::pattern::{Compile, Pattern};
use super::rule::Rule;
use super::set::Owners;
use super::subject::Subject;
use super::table::{FactTable, OwnerTable, RuleTable, RulesFile};
use super::template::Template;
use super::ways;
use super::what::What;

/// The format of the file.
const FORMAT: u32 = 1;

/// The file of rules that is embedded.
const EMBEDDED: &str = include_str!("../../owners.toml");

/// Its name in messages.
const EMBEDDED_NAME: &str = "engine/owners.toml";

/// The label by which a compose project is known.
const PROJECT: &str = "com.docker.compose.project";

/// How far owners that a configuration adds are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The file belongs to the user who runs this.
    Own,
    /// Somebody else may have written it, like the file of a project: it may say what is kept, and nothing
    /// else.
    Stranger,
}

impl Owners {
    /// The owners that are built in.
    ///
    /// # Errors
    /// If the embedded file has a fault, which a test prevents.
    pub fn embedded() -> Result<Self, OwnersError> {
        Ok(Self::read_file(EMBEDDED_NAME, EMBEDDED, Compile::Later)?.0)
    }

    /// The owners that are built in, and the examples that go with them.
    ///
    /// # Errors
    /// If the embedded file has a fault, which a test prevents.
    pub fn embedded_with_examples() -> Result<(Self, Vec<Example>), OwnersError> {
        Self::read(EMBEDDED_NAME, EMBEDDED)
    }

    /// Reads a file of rules.
    ///
    /// # Errors
    /// With the line, for the first fault.
    pub fn read(name: &str, text: &str) -> Result<(Self, Vec<Example>), OwnersError> {
        Self::read_file(name, text, Compile::Now)
    }

    fn read_file(
        name: &str,
        text: &str,
        when: Compile,
    ) -> Result<(Self, Vec<Example>), OwnersError> {
        let file: RulesFile = toml::from_str(text).map_err(|error| OwnersError {
            location: match error.span() {
                Some(span) => format!("{name}:{}", line_at(text, span.start)),
                None => name.to_owned(),
            },
            message: error.message().trim().to_owned(),
        })?;
        if file.format != FORMAT {
            return Err(OwnersError {
                location: name.to_owned(),
                message: format!("the format {} is unknown; there is {FORMAT}", file.format),
            });
        }
        let add = || {
            for (owner, table) in &file.owner {
                says_where_it_was_read(table).map_err(|it| it.within(owner))?;
            }
            let none = Self {
                stands_for: file.stands_for.clone(),
                ..Self::default()
            };
            none.adding(&file.owner, Trust::Own, when)
        };
        let mut owners = add().map_err(|complaint| complaint.in_file(name, text, "owner"))?;
        for owner in &mut owners.known {
            owner.configured = false;
        }
        Ok((owners, file.example))
    }

    /// Adds the owners of a configuration. A name that is known gets further rules.
    ///
    /// # Errors
    /// With its location, for the first fault.
    pub fn with(
        self,
        tables: &BTreeMap<String, OwnerTable>,
        trust: Trust,
    ) -> Result<Self, Complaint> {
        self.adding(tables, trust, Compile::Now)
    }

    fn adding(
        mut self,
        tables: &BTreeMap<String, OwnerTable>,
        trust: Trust,
        when: Compile,
    ) -> Result<Self, Complaint> {
        for (name, table) in tables {
            self.add(name, table, trust, when)
                .map_err(|complaint| complaint.within(name))?;
        }
        // Last, since a rule may ask for an owner that comes after it.
        let names: BTreeSet<Arc<str>> = self.known.iter().map(|known| known.name.clone()).collect();
        for known in &self.known {
            let mut named = known.rules.iter().flat_map(Rule::owners_named);
            if let Some(unknown) = named.find(|name| !names.contains(*name)) {
                return Err(
                    Complaint::new(format!("there is no owner `{unknown}`")).within(&known.name)
                );
            }
        }
        Ok(self)
    }

    /// Makes a rule one about the kinds of backend that simulate those that it is about.
    fn with_those_who_stand_for(&self, mut rule: Rule) -> Rule {
        for (simulated, of) in &self.stands_for {
            if rule.providers.iter().any(|provider| of.contains(provider)) {
                rule.providers.push(simulated.clone());
            }
        }
        rule
    }

    fn add(
        &mut self,
        name: &str,
        table: &OwnerTable,
        trust: Trust,
        when: Compile,
    ) -> Result<(), Complaint> {
        check_word(name, "name of an owner")?;
        let index = self.known.binary_search_by(|known| (*known.name).cmp(name));
        let what = match (table.what, index) {
            (Some(what), _) => what,
            (None, Ok(index)) => self.known[index].what,
            (None, Err(_)) => {
                return Err(Complaint::new(format!(
                    "no owner `{name}` is known, so it needs `what`: \"benchmark\", \"product\" or \"kept\""
                )));
            }
        };
        if trust == Trust::Stranger {
            let is_kept = |index: usize| self.known[index].what == What::Kept;
            let was_kept = index.is_ok_and(is_kept) || index.is_err();
            let loosens = table.enabled.is_some() || table.yields.is_some() || table.sure;
            if what != What::Kept || !was_kept || loosens {
                return Err(Complaint::new(
                    "somebody else may have written this file, so it can say what is kept, and nothing else of owners",
                ));
            }
        }
        if table.yields.is_some() && what != What::Kept {
            return Err(Complaint::new("`yields` is for what is kept").within("yields"));
        }
        let mut rules = Vec::new();
        for (number, rule) in table.rule.iter().enumerate() {
            let rule = read_rule(rule, when).map_err(|it| it.within(number).within("rule"))?;
            rules.push(self.with_those_who_stand_for(rule));
        }
        rules.extend(short_rules(name, table)?);
        let mut owner = match index {
            Ok(index) => self.known[index].clone(),
            Err(_) if rules.is_empty() => return Err(Complaint::new("it has no rule")),
            Err(_) => KnownOwner {
                name: name.into(),
                what,
                about: None,
                hint: None,
                read: None,
                yields: false,
                configured: false,
                rules: Vec::new(),
            },
        };
        owner.what = what;
        owner.about = table.about.clone().or(owner.about);
        owner.hint = table.hint.as_deref().map(Arc::from).or(owner.hint);
        owner.read = table.read.clone().or(owner.read);
        owner.yields = table.yields.unwrap_or(owner.yields) && what == What::Kept;
        owner.configured = true;
        let before = owner.rules.len();
        owner.rules.append(&mut rules);
        if table.enabled == Some(false) {
            owner.rules.clear();
        }
        for (number, rule) in owner.rules.iter().enumerate() {
            let at = |complaint: Complaint| match number.checked_sub(before) {
                Some(number) if number < table.rule.len() => {
                    complaint.within(number).within("rule")
                }
                _ => complaint,
            };
            let mut others = owner.rules[..number].iter();
            if others.any(|other| other.id == rule.id) {
                let message = format!("the rule `{}` is there twice", rule.id);
                return Err(at(Complaint::new(message)));
            }
            if what == What::Benchmark && !table.sure {
                ways::check(rule).map_err(|message| {
                    at(Complaint::new(format!("rule `{}`: {message}", rule.id)))
                })?;
            }
        }
        match index {
            Ok(index) => self.known[index] = owner,
            Err(index) => self.known.insert(index, owner),
        }
        Ok(())
    }
}

/// Checks that a built-in owner says where its facts come from.
fn says_where_it_was_read(table: &OwnerTable) -> Result<(), Complaint> {
    let is_said = |read: &Option<String>| read.as_ref().is_some_and(|read| !read.is_empty());
    if is_said(&table.read) {
        return Ok(());
    }
    match table.rule.iter().position(|rule| !is_said(&rule.read)) {
        Some(number) => Err(Complaint::new("nothing says where its facts were `read`")
            .within(number)
            .within("rule")),
        None => Ok(()),
    }
}

/// The rules that the short forms stand for. What is named there is known to its author, so each fact
/// counts as rare.
fn short_rules(name: &str, table: &OwnerTable) -> Result<Vec<Rule>, Complaint> {
    let like = |key: &str, text: &str, subject: Subject| {
        let pattern = Pattern::new(text, Compile::Now)
            .map_err(|message| Complaint::new(message).within(key))?;
        Ok(Condition::One(Fact {
            subject,
            predicate: Predicate::Like(pattern),
            rare: true,
        }))
    };
    let mut all = Vec::new();
    for (number, label) in table.labels.iter().enumerate() {
        let (key, predicate) = match label.split_once('=') {
            Some((key, value)) => (key, Predicate::Is(value.to_owned())),
            None => (&**label, Predicate::There),
        };
        if key.is_empty() {
            let complaint = Complaint::new("a label is KEY or KEY=VALUE");
            return Err(complaint.within(number).within("labels"));
        }
        all.push(Condition::One(Fact {
            subject: Subject::Label(key.to_owned()),
            predicate,
            rare: true,
        }));
    }
    let mut rules = Vec::new();
    if let Some(project) = &table.project {
        let project = like("project", project, Subject::Label(PROJECT.to_owned()))?;
        // Compose says nothing more about these: other members of the project have to be proven.
        let unit = Condition::One(Fact {
            subject: Subject::UnitOf(name.to_owned()),
            predicate: Predicate::There,
            rare: true,
        });
        rules.push(Rule {
            kinds: vec!["network".to_owned(), "volume".to_owned()],
            ..short_rule("configured-unit", vec![project.clone(), unit])?
        });
        all.push(project);
    }
    if let Some(image) = &table.image {
        all.push(like("image", image, Subject::Attr("image".to_owned()))?);
    }
    if let Some(text) = &table.name {
        all.push(like("name", text, Subject::Name)?);
    }
    if !all.is_empty() {
        rules.insert(0, short_rule("configured", all)?);
    }
    Ok(rules)
}

fn short_rule(id: &str, all: Vec<Condition>) -> Result<Rule, Complaint> {
    let project = format!("{{label:{PROJECT}}}");
    let has_project = all.iter().flat_map(Condition::facts);
    let has_project = has_project
        .map(|fact| &fact.subject)
        .any(|subject| *subject == Subject::Label(PROJECT.to_owned()));
    let unit = has_project.then(|| Template::new(&project));
    Ok(Rule {
        id: id.to_owned(),
        providers: Vec::new(),
        kinds: Vec::new(),
        classes: Vec::new(),
        unit: unit.transpose().map_err(Complaint::new)?,
        read: None,
        all,
        none: Vec::new(),
    })
}

fn read_rule(table: &RuleTable, when: Compile) -> Result<Rule, Complaint> {
    check_word(&table.id, "id of a rule").map_err(|it| it.within("id"))?;
    for (key, words) in [("provider", &table.provider), ("kind", &table.kind)] {
        for word in words {
            check_word(word, key).map_err(|it| it.within(key))?;
        }
    }
    for class in &table.class {
        if let Err(error) = class.parse::<Class>() {
            return Err(Complaint::new(error.to_string()).within("class"));
        }
    }
    if !table.kind.is_empty() && !table.class.is_empty() {
        return Err(Complaint::new("a rule is about kinds or classes, not both").within("class"));
    }
    if table.all.is_empty() {
        return Err(Complaint::new("a rule needs a fact in `all`"));
    }
    let conditions = |key: &str, tables: &[FactTable]| {
        let read = tables.iter().enumerate().map(|(number, fact)| {
            read_condition(fact, when).map_err(|it| it.within(number).within(key))
        });
        read.collect::<Result<Vec<_>, _>>()
    };
    let (all, none) = (
        conditions("all", &table.all)?,
        conditions("none", &table.none)?,
    );
    for (number, condition) in none.iter().enumerate() {
        let mut facts = condition.facts().iter();
        if facts.any(|fact| fact.subject.owner().is_some()) {
            // What is not proven may be proven a moment later.
            let complaint = Complaint::new("`none` is about the resource itself");
            return Err(complaint.within(number).within("none"));
        }
    }
    let unit = table.unit.as_deref().map(Template::new).transpose();
    Ok(Rule {
        id: table.id.clone(),
        providers: table.provider.clone(),
        kinds: table.kind.clone(),
        classes: table.class.clone(),
        unit: unit.map_err(|message| Complaint::new(message).within("unit"))?,
        read: table.read.clone(),
        all,
        none,
    })
}

fn read_condition(table: &FactTable, when: Compile) -> Result<Condition, Complaint> {
    if table.any.is_empty() {
        return Ok(Condition::One(read_fact(table, when)?));
    }
    let said = subjects(table);
    if !said.is_empty() || table.is.is_some() || table.like.is_some() || table.rare {
        return Err(Complaint::new(
            "`any` stands alone: each of its facts has its own subject",
        ));
    }
    let facts = table.any.iter().enumerate().map(|(number, fact)| {
        let read = match fact.any.is_empty() {
            true => read_fact(fact, when),
            false => Err(Complaint::new("`any` cannot stand in `any`")),
        };
        read.map_err(|it| it.within(number).within("any"))
    });
    Ok(Condition::Any(facts.collect::<Result<_, _>>()?))
}

fn subjects(table: &FactTable) -> Vec<Subject> {
    let FactTable {
        label,
        attr,
        name,
        names,
        uses,
        unit_of,
        users_of,
        account_has,
        is: _,
        like: _,
        rare: _,
        any: _,
    } = table;
    let named = [
        label.clone().map(Subject::Label),
        attr.clone().map(Subject::Attr),
        name.then_some(Subject::Name),
        names.then_some(Subject::Names),
        uses.clone().map(Subject::Uses),
        unit_of.clone().map(Subject::UnitOf),
        users_of.clone().map(Subject::UsersOf),
        account_has.clone().map(Subject::AccountHas),
    ];
    named.into_iter().flatten().collect()
}

fn read_fact(table: &FactTable, when: Compile) -> Result<Fact, Complaint> {
    let said = subjects(table);
    let [subject] = &said[..] else {
        let message = "a fact has one subject: label, attr, name, names, uses, unit-of, users-of or account-has";
        return Err(Complaint::new(message));
    };
    if let Subject::Label(key) | Subject::Attr(key) | Subject::Uses(key) = subject
        && key.is_empty()
    {
        return Err(Complaint::new("the subject of a fact is empty"));
    }
    let predicate = match (&table.is, &table.like) {
        (None, None) => Predicate::There,
        (Some(text), None) => Predicate::Is(text.clone()),
        (None, Some(text)) => Predicate::Like(
            Pattern::new(text, when).map_err(|message| Complaint::new(message).within("like"))?,
        ),
        (Some(_), Some(_)) => return Err(Complaint::new("a fact has either `is` or `like`")),
    };
    let is_there = matches!(predicate, Predicate::There);
    if subject.owner().is_some() && !is_there {
        return Err(Complaint::new(
            "what is proven of others has neither `is` nor `like`",
        ));
    }
    if is_there && matches!(subject, Subject::Name | Subject::Names) {
        return Err(Complaint::new(
            "everything has a name, so this needs `is` or `like`",
        ));
    }
    Ok(Fact {
        subject: subject.clone(),
        predicate,
        rare: table.rare,
    })
}

/// Checks that a text is small letters, digits and single hyphens, and begins with a letter.
fn check_word(text: &str, whose: &str) -> Result<(), Complaint> {
    let is_part = |part: &str| {
        let mut bytes = part.bytes();
        !part.is_empty() && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let begins = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase());
    if begins && text.len() <= 40 && text.split('-').all(is_part) {
        return Ok(());
    }
    Err(Complaint::new(format!(
        "`{text}` is not a {whose}: small letters, digits and single hyphens, 40 at most"
    )))
}
