//! What a registry wants to see before it answers, as its header `WWW-Authenticate` says.

/// What a registry wants to see.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token, which is to be had elsewhere.
    Bearer {
        /// The URL that gives tokens.
        realm: String,
        /// What that one knows the registry by.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads one header.
    pub(crate) fn read(header: &str) -> Option<Self> {
        let header = header.trim();
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        for (name, value) in params(rest) {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer {
            realm: realm?,
            service,
        })
    }
}

/// The pairs of `a="b, c", d=e`. What cannot be read ends them.
fn params(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([',', ' ', '\t']).to_owned();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => match unquoted(quoted) {
                Some(read) => read,
                None => break,
            },
            None => {
                let (value, after) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), after)
            }
        };
        found.push((name, value));
        rest = after;
    }
    found
}

/// A text up to its closing quote, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_registries_are_read() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
            })
        };
        for (header, challenge) in [
            ("Basic realm=\"Registry\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",\
                 scope=\"repository:a/b:pull,push\"",
                bearer("https://auth.docker.io/token", Some("registry.docker.io")),
            ),
            (
                "BEARER Scope=\"x,y\", Service=z , Realm=\"https://a/\\\"b\"",
                bearer("https://a/\"b", Some("z")),
            ),
            ("Bearer service=\"x\"", None),
            ("Bearer realm=\"never closed", None),
            ("Bearer realm=\"ends with \\", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::read(header), challenge, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_or_refused(header in "([Bb]earer |[Bb]asic )?[a-z=,\"\\\\ é]{0,40}") {
            Challenge::read(&header);
        }

        #[test]
        fn what_is_quoted_comes_out_as_it_was(realm in ".{0,40}", scope in ".{0,20}") {
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!(
                "Bearer scope=\"{}\",realm=\"{}\"",
                quoted(&scope),
                quoted(&realm)
            );
            let read = Challenge::read(&header);
            proptest::prop_assert_eq!(read, Some(Challenge::Bearer { realm, service: None }));
        }
    }
}
