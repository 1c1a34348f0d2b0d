//! What looks like a secret. Better one word too many than one too few.

/// What stands in the place of a secret.
const STRIPPED: &str = "[stripped]";

/// Words in a key that say that the value is a secret.
const KEYS: [&str; 18] = [
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "key",
    "passphrase",
    "passwd",
    "password",
    "private",
    "pwd",
    "secret",
    "secrets",
    "session",
    "signature",
    "token",
];

/// How the secrets of known providers begin.
const PREFIXES: [&str; 14] = [
    "-----BEGIN",
    "AKIA",
    "ASIA",
    "AIza",
    "dtn_",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "hf_",
    "sk-",
    "xox",
];

/// The value of a label or an attribute, or a word in its place.
pub(super) fn strip_pair(key: &str, value: &str) -> String {
    let names_a_secret = words(key).any(|word| KEYS.contains(&word.as_str()));
    if names_a_secret && !value.is_empty() {
        STRIPPED.to_owned()
    } else {
        strip_text(value)
    }
}

/// A text without the words in it that look like secrets.
pub(super) fn strip_text(text: &str) -> String {
    if !text.split_whitespace().any(is_secret) {
        return text.to_owned();
    }
    text.split(' ')
        .map(|word| if is_secret(word) { STRIPPED } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The words of a key, also of one like `apiToken`.
fn words(key: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in key.chars() {
        if !letter.is_alphanumeric() || letter.is_uppercase() && before.is_lowercase() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_alphanumeric(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.into_iter()
}

fn is_secret(word: &str) -> bool {
    let word = word.trim_matches(|c: char| "\"'`,;()".contains(c));
    PREFIXES
        .iter()
        .any(|prefix| word.starts_with(prefix) && word.len() > prefix.len() + 8)
        || has_password(word)
        || has_secret_parameter(word)
        || is_random(word)
}

/// `scheme://user:password@host`.
fn has_password(word: &str) -> bool {
    word.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .is_some_and(|(user, _)| user.contains(':'))
    })
}

/// `password=...`, also in the middle of a URL or a command line.
fn has_secret_parameter(word: &str) -> bool {
    word.split(['?', '&', ';', ',']).any(|part| {
        part.split_once('=').is_some_and(|(name, value)| {
            !value.is_empty() && words(name).any(|word| KEYS.contains(&word.as_str()))
        })
    })
}

/// Long, and of letters of both cases and digits: no name, and no digest in hex.
fn is_random(word: &str) -> bool {
    word.len() >= 32
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b))
        && word.bytes().any(|b| b.is_ascii_lowercase())
        && word.bytes().any(|b| b.is_ascii_uppercase())
        && word.bytes().filter(u8::is_ascii_digit).count() >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_stripped() {
        for (key, value) in [
            ("api-key", "x"),
            ("com.acme.dbPassword", "x"),
            ("AUTH_TOKEN", "x"),
            ("note", "ghp_abcdefghijklmnop"),
            ("note", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
            ("url", "postgres://me:pw@db/x"),
            ("cmd", "run --x db?password=hunter2"),
            ("note", "aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3"),
        ] {
            let kept = strip_pair(key, value);
            assert!(kept.contains(STRIPPED), "{key}={value}: {kept}");
            assert!(!kept.contains("hunter2"), "{kept}");
        }
    }

    #[test]
    fn what_policies_read_stays() {
        for (key, value) in [
            ("com.docker.compose.project", "fix-git__aBcDeFg__env"),
            (
                "com.docker.compose.config-hash",
                "4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e",
            ),
            ("image", "registry.example/team/image@sha256:4f1c2d3e"),
            ("author", "me"),
            ("keep", "true"),
            ("url", "https://host/path?x=1"),
            ("tbengine.keep-until", "2026-01-31T12:00:00Z"),
            ("password", ""),
        ] {
            assert_eq!(strip_pair(key, value), value, "{key}");
        }
    }
}
