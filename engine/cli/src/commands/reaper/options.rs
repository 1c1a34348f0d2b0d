//! What is in force: flags and `TBENGINE_*` first, then the variables that Ryuk reads, then defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tbengine_sdk::Kind;

use crate::args::reaper::ReaperArgs;
use crate::args::values::Span;
use crate::exit::Error;
use tbengine_ops::lease::Passes;
use tbengine_ops::reaper::{Address, ReaperRequest};
use tbengine_ops::world::World;

/// Ryuk's port.
const PORT: u16 = 8080;
/// Ryuk's patience.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
const RECONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(600);
/// The levels of `-v` that Ryuk's one switch for a louder log stands for.
const VERBOSE: u8 = 2;

/// What is asked of the reaper.
pub(super) fn request(args: &ReaperArgs, world: &World) -> Result<ReaperRequest, Error> {
    let span = |flag: Option<Span>, name, default| match (flag, world.variable(name)) {
        (Some(Span(span)), _) => Ok(span),
        (None, Some(text)) => text
            .parse()
            .map(|Span(span)| span)
            .map_err(|why| Error::config(format!("{name}: {why}"))),
        (None, None) => Ok(default),
    };
    let connection_timeout = span(
        args.connection_timeout,
        "RYUK_CONNECTION_TIMEOUT",
        CONNECTION_TIMEOUT,
    )?;
    if connection_timeout.is_zero() {
        return Err(Error::config("nobody could connect within 0s")
            .hint("set --connection-timeout to the time that the first client needs"));
    }
    Ok(ReaperRequest {
        listen: match args.listen.is_empty() {
            true => vec![default_address(world)?],
            false => args.listen.clone(),
        },
        backends: args.backends.backend.clone(),
        connection_timeout,
        reconnection_timeout: span(
            args.reconnection_timeout,
            "RYUK_RECONNECTION_TIMEOUT",
            RECONNECTION_TIMEOUT,
        )?,
        shutdown_timeout: span(
            args.shutdown_timeout,
            "RYUK_SHUTDOWN_TIMEOUT",
            SHUTDOWN_TIMEOUT,
        )?,
        passes: Passes::again_after(args.settle_time.after.0),
        keep: args.keep && !args.once,
        kinds: match args.no_images {
            true => ALL_BUT_IMAGES.to_vec(),
            false => Vec::new(),
        },
    })
}

/// What a client of Ryuk makes, but for images.
const ALL_BUT_IMAGES: [Kind; 3] = [Kind::CONTAINER, Kind::NETWORK, Kind::VOLUME];

/// Ryuk's port, for this host alone, wherever that is: only an address that was written lets others connect, who may
/// then delete what they name.
fn default_address(world: &World) -> Result<Address, Error> {
    let port = match world.variable("RYUK_PORT") {
        None => PORT,
        Some(text) => text
            .parse()
            .map_err(|_| Error::config(format!("RYUK_PORT: `{text}` is not a port")))?,
    };
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Ok(Address::Tcp(SocketAddr::new(ip, port)))
}

/// How loud the log is to be, with what Ryuk's variable says.
pub(crate) fn verbosity(given: u8, world: &World) -> u8 {
    let wants = world.variable("RYUK_VERBOSE").is_some_and(is_true);
    if wants { given.max(VERBOSE) } else { given }
}

/// As Go reads a switch.
fn is_true(text: &str) -> bool {
    ["1", "t", "T", "true", "TRUE", "True"].contains(&text)
}

#[cfg(test)]
mod tests {

    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn options(flags: &[&str], variables: &[(&str, &str)]) -> Result<ReaperRequest, Error> {
        let cli = Cli::try_parse_from([&["tbengine", "reaper"], flags].concat()).unwrap();
        let Command::Reaper(args) = cli.command else {
            panic!("{:?}", cli.command)
        };
        let pairs = variables.iter();
        let environment = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let world = World::capture().with_environment(environment.collect());
        request(&args, &world)
    }

    #[test]
    fn ryuks_variables_are_obeyed_where_no_flag_says_otherwise() {
        let ryuk = [
            ("RYUK_PORT", "9000"),
            ("RYUK_CONNECTION_TIMEOUT", "1m30s"),
            ("RYUK_RECONNECTION_TIMEOUT", "20s"),
            ("RYUK_SHUTDOWN_TIMEOUT", "1h0m0s"),
        ];
        let seen = options(&["--reconnection-timeout", "1s"], &ryuk).unwrap();
        assert_eq!(seen.listen, ["tcp://127.0.0.1:9000".parse().unwrap()]);
        assert_eq!(seen.connection_timeout, Duration::from_secs(90));
        assert_eq!(seen.reconnection_timeout, Duration::from_secs(1));
        assert_eq!(seen.shutdown_timeout, Duration::from_secs(3600));
        let seen = options(&["--listen", "tcp://127.0.0.1:0"], &ryuk).unwrap();
        assert_eq!(seen.listen, ["tcp://127.0.0.1:0".parse().unwrap()]);
    }

    #[test]
    fn only_this_host_can_connect_unless_an_address_is_written() {
        let seen = options(&[], &[]).unwrap();
        assert_eq!(seen.listen, ["tcp://127.0.0.1:8080".parse().unwrap()]);
    }

    #[test]
    fn without_images_is_with_everything_else() {
        assert!(options(&[], &[]).unwrap().kinds.is_empty());
        let kinds = options(&["--no-images"], &[]).unwrap().kinds;
        assert!(kinds.contains(&Kind::VOLUME) && !kinds.contains(&Kind::IMAGE));
    }

    #[test]
    fn once_outranks_keep() {
        assert!(options(&["--keep"], &[]).unwrap().keep);
        assert!(!options(&["--keep", "--once"], &[]).unwrap().keep);
    }

    #[test]
    fn ryuks_louder_log_is_louder_than_none() {
        let world = |value: &str| {
            let variable = ("RYUK_VERBOSE".to_owned(), value.to_owned());
            World::capture().with_environment([variable].into())
        };
        assert_eq!(verbosity(0, &world("true")), VERBOSE);
        assert_eq!(verbosity(3, &world("1")), 3);
        assert_eq!(verbosity(1, &world("false")), 1);
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for variable in [
            ("RYUK_PORT", "http"),
            ("RYUK_PORT", "70000"),
            ("RYUK_CONNECTION_TIMEOUT", "soon"),
            ("RYUK_CONNECTION_TIMEOUT", "0s"),
        ] {
            assert!(options(&[], &[variable]).is_err(), "{variable:?}");
        }
        assert!(options(&["--connection-timeout", "0s"], &[]).is_err());
    }
}
