//! A command that is about to run under a lease.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A command that is about to run under a lease.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct AttachRequest {
    /// The id of the lease, which is the value of [`RUN_ID_LABEL`](crate::owner::RUN_ID_LABEL).
    pub run: String,
    /// A directory of the lease's own with mode 0700, for sockets. It exists, and is removed by the caller.
    pub directory: PathBuf,
    /// The command's environment, as far as it concerns this backend.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

impl fmt::Debug for AttachRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment holds secrets.
        f.debug_struct("AttachRequest")
            .field("run", &self.run)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}
