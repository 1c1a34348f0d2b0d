//! The modules of a crate make no circles.

use std::collections::{BTreeMap, BTreeSet};

use crate::crates::CRATES;
use crate::root;
use crate::source::{Source, Use};

/// Modules right below the root of a crate, each with those that it uses, and where.
type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<Use>>>;

/// wit-bindgen wrote the greater part of it, and its modules use each other as they like.
const GENERATED: &str = "sdk/policy";

#[test]
fn modules_make_no_circles() {
    let mut wrong = Vec::new();
    for (folder, _) in CRATES.iter().filter(|(folder, _)| *folder != GENERATED) {
        let uses = Source::read(&root().join(folder).join("src")).uses();
        let arrows = between_top_modules(uses);
        wrong.extend(circle(&arrows).map(|circle| described(folder, &arrows, &circle)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Which top module uses which. What the root of the crate uses or is used for does not count, nor what goes on
/// inside of a top module: those are one idea each.
fn between_top_modules(uses: BTreeSet<Use>) -> Arrows {
    let mut arrows = Arrows::new();
    for one in uses {
        if let (Some(from), Some(to)) = (one.from.first(), one.to.first())
            && from != to
        {
            let used = arrows.entry(from.clone()).or_default();
            used.entry(to.clone()).or_default().insert(one);
        }
    }
    arrows
}

/// Some circle, its first module again at the end.
fn circle(arrows: &Arrows) -> Option<Vec<String>> {
    fn follow(
        at: &str,
        arrows: &Arrows,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = way.iter().position(|one| one == at) {
            return Some([&way[start..], &[at.to_owned()]].concat());
        }
        if done.contains(at) {
            return None;
        }
        way.push(at.to_owned());
        for next in arrows.get(at).into_iter().flat_map(BTreeMap::keys) {
            if let Some(found) = follow(next, arrows, way, done) {
                return Some(found);
            }
        }
        way.pop();
        done.insert(at.to_owned());
        None
    }
    let mut done = BTreeSet::new();
    arrows
        .keys()
        .find_map(|at| follow(at, arrows, &mut Vec::new(), &mut done))
}

/// A circle, with the lines that make it.
fn described(folder: &str, arrows: &Arrows, circle: &[String]) -> String {
    let mut lines = vec![format!("{folder}: {}", circle.join(" -> "))];
    for pair in circle.windows(2) {
        for Use { from, to, line } in &arrows[&pair[0]][&pair[1]] {
            let (from, to) = (from.join("::"), to.join("::"));
            lines.push(format!("    {from}, line {line}: uses {to}"));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod trials {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Option<String> {
        let files = files.iter().map(|(name, code)| {
            let names = name.split('/').map(str::to_owned);
            (names.collect(), (*code).to_owned())
        });
        let found = circle(&between_top_modules(Source::new(files).uses()));
        found.map(|circle| circle.join(" "))
    }

    #[test]
    fn a_circle_is_found_however_it_is_written() {
        let root = ("lib", "mod a; mod b; mod c; pub use c::C;");
        let b = ("b", "use crate::{c::{X, Y}, other};");
        let ways = [
            "use crate::a::A;",
            "use crate::{a::A};",
            "use super::a;",
            "fn f() { crate::a::f() }",
            "fn f(_: &impl crate::a::A) {}",
            "fn f() -> Vec<super::a::A> {}",
            "#[cfg(unix)] use crate::{x, a as y};",
        ];
        for way in ways {
            let circles = found(&[root, ("a", "use crate::b::B;"), b, ("c/mod", way)]);
            assert_eq!(circles.as_deref(), Some("a b c a"), "{way}");
        }
        // What is handed on counts where it comes from.
        let circles = found(&[
            root,
            ("a", "use crate::b::B;"),
            ("b", "use crate::C;"),
            ("c", "use crate::a::A;"),
        ]);
        assert_eq!(circles.as_deref(), Some("a b c a"));
    }

    #[test]
    fn what_makes_no_circle_is_not_taken_for_one() {
        let root = ("lib", "mod a; mod b; use a::A; use b::B;");
        for b in [
            "",
            "use crate::A2;",
            "// use crate::a::A;",
            "const X: &str = \"crate::a::A\";",
            "#[cfg(test)] mod tests { use crate::a::A; }",
            "#[cfg(test)] mod tests;",
            "#[cfg(test)] use crate::{a::A, x};",
            "use other::a::A;",
        ] {
            let circles = found(&[
                root,
                ("a", "use crate::b::B;"),
                ("b", b),
                ("b/tests", "use crate::a::A;"),
            ]);
            assert!(circles.is_none(), "{b}: {circles:?}");
        }
    }
}
