//! Where names lead, unless that is where a key must not go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Looks names up and refuses those that lead to a forbidden address. The addresses that were looked at
/// are those that are connected to, so that no second answer of a name server can get in between.
pub(super) struct Resolver {
    pub(super) only_loopback: bool,
}

/// A name that leads where a key must not go.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ForbiddenAddress(String);

/// A name that leads nowhere, or cannot be looked up now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct LookupError(String);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let only_loopback = self.only_loopback;
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await;
            let found = found.map_err(|error| LookupError(error.to_string()))?;
            let found: Vec<SocketAddr> = found.collect();
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

pub(super) fn forbidden(host: &str) -> String {
    format!("{host} is a link-local or metadata address")
}

pub(super) fn is_loopback(address: &IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Link-local addresses, those at which clouds hand out secrets, and those that belong to no host.
pub(super) fn is_forbidden(address: IpAddr) -> bool {
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
    use super::*;

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
}
