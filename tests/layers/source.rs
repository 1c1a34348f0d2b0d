//! Which module of a crate uses which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::files;
use crate::tokens::{Token, tokens};

/// A module or another item, by the names that lead to it from the root of its crate.
pub(crate) type Names = Vec<String>;

/// The code of a crate, by its modules; one that is inside a file counts as that file.
pub(crate) struct Source {
    modules: BTreeMap<Names, Vec<Token>>,
    /// What modules hand on, by where it can be had: what it is.
    handed_on: BTreeMap<Names, Names>,
}

/// That a module uses another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    pub(crate) from: Names,
    pub(crate) to: Names,
    /// The line in the file of `from`.
    pub(crate) line: usize,
}

impl Source {
    /// Reads what lies in a folder.
    pub(crate) fn read(src: &Path) -> Self {
        let files = files(src, ".rs").into_iter();
        Self::new(files.map(|file| {
            let names = file.strip_prefix(src).unwrap().with_extension("");
            let names = names.iter().map(|name| name.to_string_lossy().into_owned());
            (names.collect(), fs::read_to_string(&file).unwrap())
        }))
    }

    /// Source code by the names of its files.
    pub(crate) fn new(files: impl Iterator<Item = (Names, String)>) -> Self {
        let mut modules = BTreeMap::new();
        for (mut names, code) in files {
            if let Some("mod" | "lib" | "main") = names.last().map(String::as_str) {
                names.pop();
            }
            modules.insert(names, tokens(&code));
        }
        let mut source = Self {
            modules,
            handed_on: BTreeMap::new(),
        };
        source.leave_out_tests();
        source.read_what_is_handed_on();
        source
    }

    /// A file is built only where something says `mod` to it, and for tests that was left out.
    fn leave_out_tests(&mut self) {
        let declared: BTreeSet<Names> = self
            .modules
            .iter()
            .flat_map(|(module, tokens)| {
                let pairs = tokens.windows(2).filter(|pair| pair[0].text == "mod");
                pairs.map(|pair| below(module, &pair[1].text))
            })
            .collect();
        let is_built = |module: &Names| (1..=module.len()).all(|n| declared.contains(&module[..n]));
        self.modules.retain(|module, _| is_built(module));
    }

    fn read_what_is_handed_on(&mut self) {
        let mut handed_on = BTreeMap::new();
        for (module, tokens) in &self.modules {
            for (at, token) in tokens.iter().enumerate() {
                let is_public = at > 0 && matches!(tokens[at - 1].text.as_str(), "pub" | ")");
                if token.text == "use" && is_public {
                    for path in paths(tokens, at + 1) {
                        if let Some(names) = self.absolute(module, &path.names) {
                            handed_on.insert(below(module, &path.called), names);
                        }
                    }
                }
            }
        }
        self.handed_on = handed_on;
    }

    /// What a path that is written in a module leads to, if that lies in this crate.
    fn absolute(&self, module: &Names, path: &[String]) -> Option<Names> {
        let mut at = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => parent(module),
            child if self.modules.contains_key(&below(module, child)) => below(module, child),
            _ => return None,
        };
        for name in &path[1..] {
            match name.as_str() {
                "super" => at = parent(&at),
                "self" => {}
                name => at.push(name.to_owned()),
            }
        }
        Some(at)
    }

    /// Every use of a module by another: in a `use`, or where a path begins at the root or further up.
    pub(crate) fn uses(&self) -> BTreeSet<Use> {
        let mut uses = BTreeSet::new();
        for (module, tokens) in &self.modules {
            for (at, token) in tokens.iter().enumerate() {
                let begins = matches!(token.text.as_str(), "crate" | "super" | "self")
                    && tokens.get(at + 1).is_some_and(|next| next.text == "::")
                    && (at == 0 || tokens[at - 1].text != "::");
                if !begins {
                    continue;
                }
                for path in paths(tokens, at) {
                    let Some(names) = self.absolute(module, &path.names) else {
                        continue;
                    };
                    for to in self.modules_of(names) {
                        uses.insert(Use {
                            from: module.clone(),
                            to,
                            line: path.line,
                        });
                    }
                }
            }
        }
        uses
    }

    /// The module where something can be had, and those where it comes from if that hands it on.
    fn modules_of(&self, mut names: Names) -> BTreeSet<Names> {
        let mut found = BTreeSet::new();
        loop {
            let lengths = (0..=names.len()).rev();
            let length = lengths
                .into_iter()
                .find(|n| self.modules.contains_key(&names[..*n]));
            let module = names[..length.unwrap_or_default()].to_vec();
            let next = names
                .get(module.len())
                .and_then(|name| self.handed_on.get(&below(&module, name)));
            let next = next.map(|origin| [origin.as_slice(), &names[module.len() + 1..]].concat());
            match next {
                Some(next) if found.insert(module.clone()) => names = next,
                _ => {
                    found.insert(module);
                    return found;
                }
            }
        }
    }
}

/// A path of a `use` or of an expression.
#[derive(Debug)]
struct Written {
    names: Names,
    /// What it is called where it is used.
    called: String,
    line: usize,
}

/// The paths that begin here; with braces they are several.
fn paths(tokens: &[Token], at: usize) -> Vec<Written> {
    let mut found = Vec::new();
    read_paths(tokens, at, &[], &mut found);
    found
}

/// Reads the paths that begin here below another, and says where they end.
fn read_paths(
    tokens: &[Token],
    mut at: usize,
    above: &[String],
    found: &mut Vec<Written>,
) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let is_name = |text: &str| text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let (mut names, line) = (above.to_vec(), tokens.get(at).map_or(0, |token| token.line));
    loop {
        if text(at) == "{" {
            at += 1;
            while !matches!(text(at), "}" | "") {
                at = read_paths(tokens, at, &names, found);
                at += usize::from(text(at) == ",");
            }
            return at + 1;
        }
        if !is_name(text(at)) {
            // `*`, or `<` of an expression.
            at += usize::from(text(at) == "*");
            break;
        }
        names.push(text(at).to_owned());
        at += 1;
        if text(at) != "::" {
            break;
        }
        at += 1;
    }
    let mut called = names
        .iter()
        .rfind(|name| *name != "self")
        .cloned()
        .unwrap_or_default();
    if text(at) == "as" && !above.is_empty() || text(at) == "as" && text(at + 2) == ";" {
        called = text(at + 1).to_owned();
        at += 2;
    }
    // Whatever it is that is not understood, there is an end.
    if !matches!(text(at), "," | "}" | ";") && !above.is_empty() {
        at += 1;
    }
    found.push(Written {
        names,
        called,
        line,
    });
    at
}

fn below(module: &[String], name: &str) -> Names {
    [module, &[name.to_owned()]].concat()
}

fn parent(module: &[String]) -> Names {
    module[..module.len().saturating_sub(1)].to_vec()
}
