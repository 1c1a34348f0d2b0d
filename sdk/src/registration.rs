//! How the engine finds and opens a backend.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::backend::Backend;
use crate::creations::Guarding;
use crate::error::{Error, ErrorKind, Result};
use crate::time::Timestamp;

/// What a backend is opened with. Nothing else reaches it: it reads neither the environment nor
/// the clock by itself, so that tests can say what both hold.
#[derive(Clone, Debug)]
pub struct OpenRequest {
    /// The configured name; goes into every [`Identity`](crate::Identity).
    pub name: Arc<str>,
    /// The backend's own table of the configuration, without `kind`.
    pub config: serde_json::Value,
    /// The process environment.
    pub environment: Arc<BTreeMap<String, String>>,
    /// The time at which it is opened.
    pub now: Timestamp,
}

impl OpenRequest {
    /// A variable of the environment, unless it is unset or empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Reads the configuration table into the backend's own type.
    ///
    /// # Errors
    /// `Invalid` if the table does not fit; the message names the key.
    pub fn config<C: DeserializeOwned>(&self) -> Result<C> {
        let wrong = |reason: String| {
            Error::new(
                ErrorKind::Invalid,
                format!("invalid configuration of backend `{}`: {reason}", self.name),
            )
        };
        let table = match &self.config {
            serde_json::Value::Null => serde_json::Map::new(),
            serde_json::Value::Object(table) => table.clone(),
            // A list would be read as the fields of a table in their order.
            _ => return Err(wrong("it is not a table".to_owned())),
        };
        serde_json::from_value(serde_json::Value::Object(table))
            .map_err(|error| wrong(error.to_string()))
    }
}

/// A kind of backend that is linked into this program or library.
pub struct Registration {
    /// The kind, as `kind = "…"` in the configuration names it.
    pub kind: &'static str,
    /// One line on what it reaches, for `doctor` and lists.
    pub about: &'static str,
    /// The package that registers it.
    pub package: &'static str,
    /// The version of that package.
    pub version: &'static str,
    /// Makes a backend. Does no I/O.
    pub open: fn(OpenRequest) -> Result<Box<dyn Backend>>,
    /// How what a guarded command creates there gets the label of its run, where it can get it by itself.
    /// Only of kinds that are linked in.
    pub guard: Option<Guarding>,
    /// The variables of the environment each of which configures it where nothing else does: a credential, an address.
    pub variables: &'static [&'static str],
}

inventory::collect!(Registration);

impl Registration {
    /// Every kind that is linked in, in alphabetical order whatever the linker did.
    pub fn all() -> Vec<&'static Registration> {
        let mut all: Vec<_> = inventory::iter::<Registration>.into_iter().collect();
        all.sort_by_key(|registration| registration.kind);
        all
    }
}

/// Registers a kind of backend: `backend!("docker", "Docker Engine", Docker::open);`
///
/// The function takes an [`OpenRequest`] and answers `Result<impl Backend>`. The same line serves a crate
/// that is linked into tbengine and one that is built as a dynamic library (`crate-type = ["cdylib"]`,
/// feature `cdylib` of this crate).
///
/// A kind that can see to it that what a guarded command creates there gets the label of its run says how, by
/// a [`Guarding`]: `backend!("docker", "Docker Engine", Docker::open, guard = GUARDING);`
///
/// A kind that the environment alone can configure names the variables that do, last:
/// `backend!("daytona", "Daytona sandboxes", Daytona::open, variables = ["DAYTONA_API_KEY"]);`
#[macro_export]
macro_rules! backend {
    ($kind:literal, $about:literal, $open:path) => {
        $crate::backend!(@register $kind, $about, $open, ::std::option::Option::None, &[]);
    };
    ($kind:literal, $about:literal, $open:path, variables = $variables:expr) => {
        $crate::backend!(@register $kind, $about, $open, ::std::option::Option::None, &$variables);
    };
    ($kind:literal, $about:literal, $open:path, guard = $guard:expr) => {
        $crate::backend!(@register $kind, $about, $open, ::std::option::Option::Some($guard), &[]);
    };
    ($kind:literal, $about:literal, $open:path, guard = $guard:expr, variables = $variables:expr) => {
        $crate::backend!(
            @register $kind, $about, $open, ::std::option::Option::Some($guard), &$variables
        );
    };
    (@register $kind:literal, $about:literal, $open:path, $guard:expr, $variables:expr) => {
        $crate::__private::inventory::submit! {
            $crate::Registration {
                kind: $kind,
                about: $about,
                package: ::std::env!("CARGO_PKG_NAME"),
                version: ::std::env!("CARGO_PKG_VERSION"),
                open: |request| {
                    let backend = $open(request)?;
                    Ok(::std::boxed::Box::new(backend))
                },
                guard: $guard,
                variables: $variables,
            }
        }
    };
}
