//! The policy, the safeguards and the retries: what the configuration file can set as well.
//!
//! The flags of settings come from the table of [settings](tbengine_ops::config::settings); those beside them, which
//! no file can set, are declared here.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgGroup, ArgMatches, Args, Command, FromArgMatches, Id};

use super::values;
use tbengine_ops::config::settings::heading::{GLOBAL, POLICY, RETRIES, SAFEGUARDS};
use tbengine_ops::config::settings::table::{Flag, Row};
use tbengine_ops::config::settings::{Layer, Setting, Source, rows_below};

/// Which policy decides, and with which parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyArgs {
    /// The settings that were given.
    pub(crate) given: Box<Layer>,
    /// The parameters of the policy that were given.
    pub(crate) params: BTreeMap<String, Setting<String>>,
}

/// The parameters of the policy.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Policy")]
#[group(skip)]
struct ParamArgs {
    /// A parameter of the policy; `policy inspect` lists them. In the variable, separated by `;`
    #[arg(
        long,
        value_name = "KEY=VALUE",
        env = "TBENGINE_SET",
        value_delimiter = ';'
    )]
    #[arg(value_parser = values::pair)]
    set: Vec<(String, String)>,
    /// Kill running resources immediately instead of stopping them first (the policy's parameter `force`)
    #[arg(long, env = "TBENGINE_FORCE", value_parser = values::boolish())]
    force: bool,
}

impl Args for PolicyArgs {
    fn group_id() -> Option<Id> {
        Some("PolicyArgs".into())
    }

    fn augment_args(command: Command) -> Command {
        let command = command.next_help_heading(POLICY);
        let mut flags = flags(POLICY);
        // The policy, its parameters, and then the rest.
        let command = command.args(flags.next());
        let command = ParamArgs::augment_args(command).args(flags);
        let mut rows = rows_below(POLICY).map(|(row, _)| row.field);
        let members: Vec<_> = rows.next().into_iter().chain(["set", "force"]).collect();
        command.group(group("PolicyArgs", members.into_iter().chain(rows)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PolicyArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let ParamArgs { set, force } = ParamArgs::from_arg_matches(matches)?;
        let source = source(matches, "set").unwrap_or(Source::Default);
        let set = set.into_iter();
        let mut params: BTreeMap<String, Setting<String>> = set
            .map(|(key, value)| (key, Setting { value, source }))
            .collect();
        if force {
            let force = Setting {
                value: "true".to_owned(),
                source: self::source(matches, "force").unwrap_or(Source::Default),
            };
            params.insert("force".into(), force);
        }
        Ok(Self {
            given: given(matches, POLICY)?,
            params,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The rules after the policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct SafeguardArgs {
    /// The settings that were given.
    pub(crate) given: Box<Layer>,
    /// The resources to release from quarantine.
    pub(crate) release: Vec<String>,
}

/// The resources that are released from quarantine.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Safeguards")]
#[group(skip)]
struct ReleaseArgs {
    /// Release this resource from quarantine: BACKEND/KIND/ID, its id, or 8 or more characters of that
    #[arg(
        long,
        value_name = "ID",
        env = "TBENGINE_RELEASE",
        value_delimiter = ','
    )]
    #[arg(value_parser = values::not_empty)]
    release: Vec<String>,
}

impl Args for SafeguardArgs {
    fn group_id() -> Option<Id> {
        Some("SafeguardArgs".into())
    }

    fn augment_args(command: Command) -> Command {
        let command = command
            .next_help_heading(SAFEGUARDS)
            .args(flags(SAFEGUARDS));
        let command = ReleaseArgs::augment_args(command);
        let members = rows_below(SAFEGUARDS).map(|(row, _)| row.field);
        command.group(group("SafeguardArgs", members.chain(["release"])))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SafeguardArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            given: given(matches, SAFEGUARDS)?,
            release: ReleaseArgs::from_arg_matches(matches)?.release,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Types whose flags are all in the table of settings.
macro_rules! setting_args {
    ($($(#[doc = $doc:literal])* $type:ident: |$matches:ident| $given:expr, |$command:ident| $augmented:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $type {
            /// The settings that were given.
            pub(crate) given: Box<Layer>,
        }

        impl Args for $type {
            fn augment_args($command: Command) -> Command {
                $augmented
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }

        impl FromArgMatches for $type {
            fn from_arg_matches($matches: &ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self { given: $given? })
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    )*};
}

setting_args! {
    /// When a step is retried, and how much is done at once.
    RetryArgs: |matches| given(matches, RETRIES),
        |command| command.next_help_heading(RETRIES).args(flags(RETRIES));
    /// What every command can set.
    EveryArgs: |matches| given(matches, GLOBAL),
        |command| command.args(flags(GLOBAL).map(|arg| arg.global(true)));
    /// How old a plan may be, for a command that makes none.
    PlanAgeArgs: |matches| given_by(matches, max_plan_age()),
        |command| command.args(max_plan_age().map(|(row, flag)| {
            let help = row.with_default("Maximum age of a plan to be resumed [default: {default}]");
            arg(row, flag).help(help).help_heading(None::<&str>)
        }));
}

fn max_plan_age() -> impl Iterator<Item = (&'static Row, &'static Flag)> {
    rows_below(SAFEGUARDS).filter(|(row, _)| row.field == "max_plan_age")
}

/// The flags of the rows below a heading.
fn flags(heading: &'static str) -> impl Iterator<Item = Arg> {
    let mut rows: Vec<_> = rows_below(heading).collect();
    rows.sort_by_key(|(_, flag)| !flag.comes_first);
    rows.into_iter().map(|(row, flag)| arg(row, flag))
}

/// The flag of a row.
fn arg(row: &'static Row, flag: &'static Flag) -> Arg {
    let arg = Arg::new(row.field)
        .long(flag.name)
        .env(flag.variable)
        .value_name(flag.value_name)
        .help(row.with_default(flag.help))
        .help_heading(flag.heading)
        .allow_hyphen_values(row.may_begin_with_hyphen);
    let arg = match flag.alias {
        Some(alias) => arg.alias(alias),
        None => arg,
    };
    if row.is_path {
        return arg.value_parser(clap::value_parser!(PathBuf));
    }
    arg.value_parser(move |text: &str| {
        (row.check)(OsStr::new(text), row.limits).map(|()| text.to_owned())
    })
}

fn group(name: &'static str, members: impl Iterator<Item = &'static str>) -> ArgGroup {
    ArgGroup::new(name).multiple(true).args(members)
}

/// What flags and variables say of the rows below a heading.
fn given(matches: &ArgMatches, heading: &'static str) -> Result<Box<Layer>, clap::Error> {
    given_by(matches, rows_below(heading))
}

fn given_by(
    matches: &ArgMatches,
    rows: impl Iterator<Item = (&'static Row, &'static Flag)>,
) -> Result<Box<Layer>, clap::Error> {
    let mut layer = Box::<Layer>::default();
    for (row, flag) in rows {
        let Some(source) = source(matches, row.field) else {
            continue;
        };
        let text: Option<OsString> = if row.is_path {
            matches.get_one::<PathBuf>(row.field).map(Into::into)
        } else {
            matches.get_one::<String>(row.field).map(Into::into)
        };
        if let Some(text) = text {
            layer.take(row, &text, source).map_err(|error| {
                let message = format!("--{}: {error}\n", flag.name);
                clap::Error::raw(ErrorKind::ValueValidation, message)
            })?;
        }
    }
    Ok(layer)
}

/// Whether a flag or its variable was given.
fn source(matches: &ArgMatches, id: &str) -> Option<Source> {
    match matches.value_source(id)? {
        ValueSource::EnvVariable => Some(Source::Variable),
        ValueSource::CommandLine => Some(Source::Flag),
        _ => None,
    }
}
