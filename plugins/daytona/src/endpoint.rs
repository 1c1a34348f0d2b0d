//! Which addresses the credential may be sent to. Whoever chooses the address gets the credential, so
//! what could be a trap is refused: plain text beyond this machine, and the addresses at which clouds
//! hand out secrets, also where a name leads there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tbengine_sdk::Result;

use crate::error::invalid;

/// The base address of the API.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    base: Url,
    shown: String,
}

impl Endpoint {
    /// Reads an address and checks that the credential may be sent there.
    ///
    /// # Errors
    /// `Invalid`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
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
    pub(crate) fn is_plain(&self) -> bool {
        self.base.scheme() == "http"
    }

    /// The address, for people.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The address of a request.
    pub(crate) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    pub(crate) fn resolver(&self) -> GuardedResolver {
        GuardedResolver {
            only_loopback: self.is_plain(),
        }
    }
}

/// Looks names up and refuses those that lead to a forbidden address. The addresses that were looked at
/// are those that are connected to, so that no second answer of a name server can get in between.
pub(crate) struct GuardedResolver {
    only_loopback: bool,
}

/// A name that leads where the credential must not go.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ForbiddenAddress(String);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let only_loopback = self.only_loopback;
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let found = admitted(host, found, only_loopback)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn admitted(
    host: &str,
    found: Vec<SocketAddr>,
    only_loopback: bool,
) -> Result<Vec<SocketAddr>, ForbiddenAddress> {
    if found.iter().any(|address| is_forbidden(address.ip())) {
        return Err(ForbiddenAddress(forbidden(host)));
    }
    if only_loopback && !found.iter().all(|address| is_loopback(&address.ip())) {
        return Err(ForbiddenAddress(format!(
            "plain http is allowed for this machine only, not for {host}"
        )));
    }
    Ok(found)
}

fn forbidden(host: &str) -> String {
    format!("{host} is a link-local or metadata address")
}

/// The address that a host of a URL is, if it is not a name.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

fn is_loopback(address: &IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Link-local addresses, those at which clouds hand out secrets, and those that are no host's.
fn is_forbidden(address: IpAddr) -> bool {
    /// Metadata services outside of the link-local ranges: Alibaba's, Oracle's.
    const METADATA_V4: [Ipv4Addr; 2] = [
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(192, 0, 0, 192),
    ];
    /// Amazon's and Google's.
    const METADATA_V6: [Ipv6Addr; 2] = [
        Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254),
        Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254),
    ];
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_link_local()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_broadcast()
                || METADATA_V4.contains(&address)
        }
        IpAddr::V6(address) => {
            let segments = address.segments();
            // What is behind a NAT64 gateway counts as what it is there.
            if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
                let [.., a, b, c, d] = address.octets();
                return is_forbidden(Ipv4Addr::new(a, b, c, d).into());
            }
            address.is_unicast_link_local()
                || address.is_unspecified()
                || address.is_multicast()
                || METADATA_V6.contains(&address)
        }
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::ErrorKind;

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
    fn a_name_that_leads_to_a_forbidden_address_is_refused() {
        let addresses = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        let metadata = addresses(&["1.2.3.4:0", "169.254.169.254:0"]);
        assert!(admitted("x", metadata, false).is_err());
        let elsewhere = addresses(&["127.0.0.1:0", "1.2.3.4:0"]);
        assert!(admitted("localhost", elsewhere.clone(), true).is_err());
        assert_eq!(admitted("x", elsewhere.clone(), false).unwrap(), elsewhere);
        let here = addresses(&["127.0.0.1:0", "[::1]:0"]);
        assert_eq!(admitted("localhost", here.clone(), true).unwrap(), here);
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
