//! Which addresses a key may be sent to. The party that chooses the address gets the key, so what could be a trap is
//! refused: plain text beyond this machine, and the addresses at which clouds hand out secrets, also where a name
//! leads there.

use std::net::IpAddr;

use reqwest::Url;

use super::resolver::{Resolver, forbidden, is_forbidden, is_loopback};
use crate::error::{Error, ErrorKind, Result};

/// The base address of an API, to which a key may be sent.
///
/// ```
/// use tbengine_sdk::http::Endpoint;
///
/// assert!(Endpoint::parse("https://api.example.com/v1").is_ok());
/// assert!(Endpoint::parse("http://127.0.0.1:3000").is_ok());
/// assert!(Endpoint::parse("http://api.example.com/v1").is_err());
/// assert!(Endpoint::parse("https://169.254.169.254").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    base: Url,
    shown: String,
}

impl Endpoint {
    /// Reads an address and checks that a key may be sent there.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        // What does not parse is not repeated: it may hold a password.
        let base: Url = text
            .trim()
            .parse()
            .map_err(|error| invalid(format!("the api url is not a URL: {error}")))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(invalid(
                "the api url must not contain a user name or password",
            ));
        }
        let shown = base.as_str().trim_end_matches('/').to_owned();
        if base.query().is_some() || base.fragment().is_some() {
            return Err(invalid(format!(
                "the api url {shown} has a query or a fragment"
            )));
        }
        let Some(host) = base.host_str() else {
            return Err(invalid(format!("the api url {shown} has no host")));
        };
        let address = literal(host);
        if let Some(address) = address
            && is_forbidden(address)
        {
            return Err(invalid(forbidden(host)));
        }
        let is_local = host == "localhost" || address.is_some_and(|address| is_loopback(&address));
        match base.scheme() {
            "https" => {}
            "http" if is_local => {}
            "http" => {
                return Err(invalid(format!(
                    "the api url {shown} would send the credential in plain text"
                ))
                .with_hint(
                    "use https; plain http is allowed for 127.0.0.1, ::1 and localhost only",
                ));
            }
            other => {
                return Err(invalid(format!(
                    "the api url {shown} has the scheme {other}; use https or http"
                )));
            }
        }
        Ok(Self { base, shown })
    }

    /// Whether it is plain http on this machine.
    pub fn is_plain(&self) -> bool {
        self.base.scheme() == "http"
    }

    /// The address, for people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The address of a request. Its parts are escaped, so none can leave its place.
    pub fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    pub(super) fn resolver(&self) -> Resolver {
        Resolver {
            only_loopback: self.is_plain(),
        }
    }
}

/// The address that a host of a URL is, if it is not a name.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_this_machine() {
        for (text, shown) in [
            ("https://app.daytona.io/api", "https://app.daytona.io/api"),
            ("https://app.daytona.io/api/", "https://app.daytona.io/api"),
            ("https://10.0.0.7:8443", "https://10.0.0.7:8443"),
            ("http://127.0.0.1:3000/api", "http://127.0.0.1:3000/api"),
            ("http://127.8.9.1", "http://127.8.9.1"),
            ("http://[::1]:3000/api", "http://[::1]:3000/api"),
            ("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]"),
            ("http://LOCALHOST/api", "http://localhost/api"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().shown(), shown);
        }
    }

    #[test]
    fn what_could_be_a_trap_is_refused() {
        for text in [
            "",
            "app.daytona.io",
            "ftp://app.daytona.io",
            "file:///etc/passwd",
            "http://app.daytona.io/api",
            "http://10.0.0.7/api",
            "http://localhost.example/api",
            "http://0.0.0.0:3000",
            "https://user:canary@app.daytona.io",
            "https://app.daytona.io/api?x=canary",
            "https://169.254.169.254/api",
            // The same in the ways that URLs allow.
            "https://0xa9.254.169.254/",
            "https://2852039166/",
            "https://[::ffff:169.254.169.254]/",
            "https://[64:ff9b::169.254.169.254]/",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://100.100.100.200/",
            "https://224.0.0.1/",
            "https://[ff02::1]/",
        ] {
            let error = Endpoint::parse(text).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{text}");
            assert!(!error.message.contains("user:canary"), "{error}");
        }
    }

    #[test]
    fn parts_of_a_path_cannot_leave_it() {
        let endpoint = Endpoint::parse("https://x.example/api/").unwrap();
        let url = endpoint.url(&["sandbox", "a/../b?c"], &[("labels", "{\"a\":\"b\"}")]);
        assert_eq!(
            url.as_str(),
            "https://x.example/api/sandbox/a%2F..%2Fb%3Fc?labels=%7B%22a%22%3A%22b%22%7D"
        );
        assert_eq!(
            endpoint.url(&["volumes"], &[]).as_str(),
            "https://x.example/api/volumes"
        );
    }
}
