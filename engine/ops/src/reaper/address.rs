//! Where the clients of a reaper connect.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket file.
    Unix(PathBuf),
    /// An address of this host, and a port; 0 is one that is free.
    Tcp(SocketAddr),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            return match path.is_absolute() && path.file_name().is_some() {
                true => Ok(Self::Unix(path)),
                false => Err(format!(
                    "`{text}` is not an absolute path; write unix:///PATH"
                )),
            };
        }
        let address = text.strip_prefix("tcp://").map(SocketAddr::from_str);
        match address {
            Some(Ok(address)) => Ok(Self::Tcp(address)),
            Some(Err(_)) => Err(format!(
                "`{text}` is not an IP address with a port, like tcp://127.0.0.1:8080"
            )),
            None => Err(format!(
                "`{text}` is neither unix:///PATH nor tcp://ADDRESS:PORT"
            )),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_shown() {
        for text in [
            "unix:///run/tbengine.sock",
            "tcp://127.0.0.1:8080",
            "tcp://[::1]:0",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_invalid_address_is_an_error() {
        for text in [
            "",
            "8080",
            "127.0.0.1:8080",
            "unix://",
            "unix:///",
            "unix://relative.sock",
            "tcp://:8080",
            "tcp://127.0.0.1",
            "tcp://localhost:8080",
            "tcp://127.0.0.1:99999",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
