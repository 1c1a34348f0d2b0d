//! What a registry wants to see before it answers, as its header `WWW-Authenticate` says.

use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;

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
    /// Reads one header: the first challenge in it that can be met.
    pub(crate) fn read(header: &str) -> Option<Self> {
        ChallengeParser::new(header)
            .map_while(Result::ok)
            .find_map(|challenge| Self::of(&challenge))
    }

    fn of(challenge: &ChallengeRef<'_>) -> Option<Self> {
        if challenge.scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !challenge.scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let param = |name: &str| {
            let mut params = challenge.params.iter();
            let found = params.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
            Some(found.1.to_unescaped())
        };
        Some(Self::Bearer {
            realm: param("realm")?,
            service: param("service"),
        })
    }
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

        // A header with anything but these is not even read.
        #[test]
        fn what_is_quoted_comes_out_as_it_was(realm in "[ -~]{0,40}", scope in "[ -~]{0,20}") {
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
