//! Backends that this program was built without. Their kinds are registered all the same, so that naming one is
//! answered by what is missing.

use tbengine_memory::Memory;
use tbengine_sdk::{Error, ErrorKind, OpenRequest, Result};

#[cfg(not(feature = "docker"))]
tbengine_sdk::backend!("docker", "not in this build", docker);
#[cfg(not(feature = "daytona"))]
tbengine_sdk::backend!("daytona", "not in this build", daytona);

#[cfg(not(feature = "docker"))]
fn docker(_: OpenRequest) -> Result<Memory> {
    without("docker")
}

#[cfg(not(feature = "daytona"))]
fn daytona(_: OpenRequest) -> Result<Memory> {
    without("daytona")
}

/// Refuses to open a backend; what it would be is of no interest.
fn without(feature: &str) -> Result<Memory> {
    let message = format!("this tbengine was built without {feature}");
    let hint = format!("build it with `--features {feature}`");
    Err(Error::new(ErrorKind::Invalid, message).with_hint(hint))
}
