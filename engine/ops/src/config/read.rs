//! From text to [`File`], with errors that point at the line and suggest what was meant.

use std::path::Path;

use tbengine_engine::owners::line::{line_at, line_of};
use tbengine_oci::Reference;
use tbengine_sdk::host::closest;

use super::file::File;
use super::settings::contradiction;
use crate::error::Error;

/// Reads what the file says.
///
/// # Errors
/// With the line, and for an unknown key with the one that was meant.
pub fn file(path: &Path, text: &str) -> Result<File, Error> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_at(text, span.start));
        let location = match line {
            Some(line) => format!("{}:{line}", path.display()),
            None => path.display().to_string(),
        };
        explained(&location, error.message())
    })?;
    let complain = |keys: &[&str], message: &str| {
        let location = match line_of(text, keys) {
            Some(line) => format!("{}:{line}", path.display()),
            None => path.display().to_string(),
        };
        Err(Error::config(format!("{location}: {message}")))
    };
    if let Some(message) = contradiction(&file.settings) {
        return complain(&["retry"], message);
    }
    for (row, value) in file.settings.said() {
        if let Some(message) = row.complaint(&value) {
            return complain(&row.keys(), &message);
        }
    }
    for (name, policy) in &file.policies {
        let origins = [
            policy.path.is_some(),
            policy.builtin.is_some(),
            policy.oci.is_some(),
        ];
        if origins.iter().filter(|is_given| **is_given).count() != 1 {
            let message = format!("policy `{name}` needs one of `path`, `builtin` and `oci`");
            return complain(&["policies", name], &message);
        }
        match policy.oci.as_deref().map(str::parse::<Reference>) {
            Some(Err(error)) => return complain(&["policies", name, "oci"], &error.to_string()),
            Some(Ok(reference)) if reference.digest.is_none() => {
                let message = format!(
                    "`{reference}` has no digest; `tbengine policy pull {reference}` prints the reference with its digest"
                );
                return complain(&["policies", name, "oci"], &message);
            }
            _ => {}
        }
    }
    for (name, plugin) in &file.plugins {
        let complaint = if plugin.path.is_some() == plugin.program.is_some() {
            "needs either `path` or `program`"
        } else if plugin.path.is_some() && !plugin.args.is_empty() {
            "is a library; only a program has `args`"
        } else if plugin.args.is_empty() && !plugin.args_sha256.is_empty() {
            "has no `args` that `args-sha256` could be about"
        } else {
            continue;
        };
        let message = format!("plugin `{name}` {complaint}");
        return complain(&["plugins", name], &message);
    }
    for name in file.backends.keys() {
        if name.is_empty() || name.contains(['/', ',']) || name.chars().any(char::is_whitespace) {
            let message = format!(
                "invalid backend name `{name}`: it is empty, or contains a blank, a comma or a slash"
            );
            return complain(&["backends", name], &message);
        }
    }
    Ok(file)
}

/// An error with its location; if serde met an unknown key, in plain words and with a suggestion.
pub fn explained(location: &str, message: &str) -> Error {
    let message = message.trim();
    let Some((key, known)) = unknown_key(message) else {
        return Error::config(format!("{location}: {message}"));
    };
    let error = Error::config(format!("{location}: unknown key `{key}`"));
    match closest(key, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None if known.is_empty() => error,
        None => error.hint(format!("known here: {}", known.join(", "))),
    }
}

/// The key and the known keys of serde's ``unknown field `a`, expected one of `b`, `c` ``.
pub fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let (_, rest) = message.split_once("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((key, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> String {
        let error = file(Path::new("tbengine.toml"), text).unwrap_err();
        let Error::Config { message, hints } = error else {
            panic!("{error}");
        };
        std::iter::once(message)
            .chain(hints)
            .collect::<Vec<_>>()
            .join(" | ")
    }

    #[test]
    fn unknown_keys_have_a_line_and_a_suggestion() {
        assert_eq!(
            fails("\n[safeguards]\nmin-ag = \"5m\"\n"),
            "tbengine.toml:3: unknown key `min-ag` | did you mean `min-age`?"
        );
        assert_eq!(
            fails("[safeguard]\n"),
            "tbengine.toml:1: unknown key `safeguard` | did you mean `safeguards`?"
        );
        assert!(fails("[policies.a.limits]\nmemroy = 1\n").contains("did you mean `memory`?"));
    }

    #[test]
    fn negative_empty_and_zero_values_are_errors() {
        for (text, says) in [
            ("[safeguards]\nmin-age = \"-5m\"", "negative"),
            ("[safeguards]\nmin-age = \"\"", "invalid duration"),
            ("[safeguards]\nmin-age = 5", "string"),
            ("[safeguards]\nmax-delete = -1", "-1"),
            ("[safeguards]\nmax-delete = \"120%\"", "120%"),
            ("[safeguards]\nmax-unknown-running = -1", "-1"),
            ("[retry]\nattempts = 0", "between 1 and 50"),
            ("[retry]\nfactor = 0.5", "at least 1"),
            ("[retry]\nconcurrency = 0", "between 1 and 1024"),
            ("[retry]\nattempts = 3\nretries = 2", "either"),
            ("[policies.a]\n", "needs one of `path`, `builtin` and `oci`"),
            (
                "[policies.a]\nbuiltin = \"default\"\noci = \"oci://ghcr.io/a\"",
                "needs one of",
            ),
            (
                "[policies.a]\noci = \"oci://ghcr.io/A\"",
                "tbengine.toml:2: a repository name",
            ),
            (
                "[policies.a]\noci = \"oci://ghcr.io/a:1\"",
                "tbengine.toml:2: `oci://ghcr.io/a:1` has no digest",
            ),
            (
                "[plugins.a]\nsha256 = \"any\"",
                "either `path` or `program`",
            ),
            (
                "[plugins.a]\npath = \"a.so\"\nprogram = \"b\"",
                "either `path` or `program`",
            ),
            (
                "[plugins.a]\npath = \"a.so\"\nargs = [\"x\"]",
                "only a program has `args`",
            ),
            ("[backends.a]\nhost = \"x\"", "kind"),
            (
                "[backends.\"a/b\"]\nkind = \"docker\"",
                "invalid backend name",
            ),
        ] {
            assert!(fails(text).contains(says), "{text}: {}", fails(text));
        }
    }

    #[test]
    fn everything_there_is_can_be_said() {
        let file = file(
            Path::new("x"),
            r#"
            policy = "ours"
            [backends.local]
            kind = "docker"
            host = "unix:///run/docker.sock"
            [plugins.mine]
            program = "/opt/mine.py"
            args = ["--quiet"]
            sha256 = "any"
            env = ["MINE_KEY"]
            [policies.ours]
            builtin = "default"
            params = { dead-older-than = "12h", force = true, keep-newest = 2, states = ["exited", "dead"] }
            [policies.ours.limits]
            memory = "64MiB"
            [owners.evals]
            what = "benchmark"
            about = "our evaluations"
            hint = "evals clean"
            read = "our wiki"
            labels = ["team=evals"]
            project = 'eval-.*'
            [[owners.evals.rule]]
            id = "box"
            provider = ["docker"]
            class = ["compute"]
            unit = "{label:eval}"
            all = [{ any = [{ label = "eval" }, { attr = "image", like = 'evals/.*' }] }, { name = true, is = "x", rare = true }]
            none = [{ label = "keep" }]
            [safeguards]
            min-age = "5m"
            max-delete = 50
            max-unknown-running = 0
            max-plan-age = "2h"
            stop-timeout = "30s"
            [retry]
            retries = 3
            delay = "2s"
            factor = 2
            concurrency = 4
            outage-deadline = "1h"
            [state]
            dir = "/var/lib/tbengine"
            "#,
        )
        .unwrap();
        assert_eq!(
            file.backends["local"].settings["host"],
            "unix:///run/docker.sock"
        );
        let params = &file.policies["ours"].params;
        assert_eq!(params["states"].to_string(), "exited,dead");
        assert_eq!(
            (
                params["force"].to_string(),
                params["keep-newest"].to_string()
            ),
            ("true".into(), "2".into())
        );
        assert_eq!(file.policies["ours"].limits.memory, 64 << 20);
    }
}
