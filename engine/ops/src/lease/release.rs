//! Ends a lease that its holder does not want any more.

use tbengine_engine::apply::Control;
use tbengine_store::StoreError;

use super::{Passes, SweepEnd, end, leases};
use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;

/// What became of a lease that was released.
#[derive(Debug)]
pub enum Release {
    /// What was made under it was swept.
    Swept(SweepEnd),
    /// It has ended before.
    EndedBefore,
    /// Its record or its baseline cannot be read, and the record was set aside. Nothing was deleted, since nobody knows what was made under it.
    SetAside {
        /// Why it cannot be read.
        why: StoreError,
        /// Where it lies now.
        aside: String,
    },
}

/// Ends a lease and deletes nothing, for what cannot be swept any more, like in a backend that is gone. Whether there was
/// anything to end.
///
/// # Errors
/// If there is no such lease, someone else holds or sweeps it, or its end cannot be recorded.
pub async fn abandon(context: &Context, settings: &Settings, id: &str) -> Result<bool, Error> {
    let store = leases(context, settings)?;
    let Some(mut held) = store.release(id).await? else {
        return Ok(false);
    };
    held.end(context.world.refresh().now).await?;
    Ok(true)
}

/// Ends a lease, and deletes what was made under it.
///
/// # Errors
/// If there is no such lease, someone else sweeps it, or it cannot be swept at all.
pub async fn release(
    context: &Context,
    settings: &Settings,
    id: &str,
    control: &Control,
) -> Result<Release, Error> {
    let store = leases(context, settings)?;
    if let Err(why @ (StoreError::LeaseIo { .. } | StoreError::Format { .. })) =
        store.lease(id).await
    {
        let aside = store.set_aside(id).await?;
        return Ok(Release::SetAside { why, aside });
    }
    let Some(mut held) = store.release(id).await? else {
        return Ok(Release::EndedBefore);
    };
    if let Err(why) = held.baseline().await {
        drop(held);
        let aside = store.set_aside(id).await?;
        return Ok(Release::SetAside { why, aside });
    }
    let ended = end(context, settings, &mut *held, Passes::default(), control).await?;
    Ok(Release::Swept(ended))
}
