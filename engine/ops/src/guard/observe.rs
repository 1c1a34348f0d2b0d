//! What the command creates gets the label of its run, by whatever the kinds of the lease's backends have for
//! that.

use tbengine_engine::terms::Own;
use tbengine_sdk::{Creations, GuardOptions, Guarding, Kind, Registration, Timestamp};
use tbengine_store::{HeldLease, Observed};

use crate::context::Context;
use crate::front::{Front, Notice};
use crate::world;

/// What sees to the labels.
#[derive(Default)]
pub(super) struct Labels {
    kinds: Vec<(&'static str, Box<dyn Creations>)>,
}

impl Labels {
    /// Starts what the kinds of the lease's backends have. Without labels the command runs as well; then only
    /// less can be proven, so that is reported.
    pub(super) async fn start(
        context: &Context,
        held: &dyn HeldLease,
        front: &mut dyn Front,
    ) -> Self {
        let mut labels = Self::default();
        for registration in Registration::all() {
            let Some(guarding) = registration.guard else {
                continue;
            };
            if kinds(context, held).all(|kind| kind != registration.kind) {
                continue;
            }
            match start(context, held, guarding).await {
                Ok(creations) => labels.kinds.push((registration.kind, creations)),
                Err(why) => front.notice(Notice::NotLabelled {
                    product: guarding.product,
                    why: &why,
                }),
            }
        }
        labels
    }

    /// What to change in the environment of the command.
    pub(super) fn environment(&self, context: &Context) -> Vec<(String, Option<String>)> {
        let changes = self.kinds.iter();
        let mut changes: Vec<_> = changes.flat_map(|(_, one)| one.environment()).collect();
        if changes.is_empty() {
            return changes;
        }
        let before = changes.iter().map(|(name, _)| {
            let value = context.world.environment.get(name).cloned();
            (name.clone(), value)
        });
        let before = world::outside(&before.collect());
        changes.push((world::OUTSIDE_VARIABLE.to_owned(), Some(before)));
        changes
    }

    /// Whether nothing that can be proven to be the run's own may still be on its way: everything is seen, and
    /// nobody asked for anything.
    pub(super) fn are_all_that_can_come(&self, held: &dyn HeldLease) -> bool {
        let terms = &held.lease().terms;
        // A kind by another name may lead elsewhere than what the command reaches.
        let [only] = &terms.backends[..] else {
            return false;
        };
        let mut kinds = self.kinds.iter();
        let is_unused = kinds.any(|(kind, one)| kind == only && one.is_unused());
        is_unused && terms.own == Own::Proven && terms.job_dirs.is_empty()
    }
}

async fn start(
    context: &Context,
    held: &dyn HeldLease,
    guarding: Guarding,
) -> Result<Box<dyn Creations>, String> {
    let book = || held.observations().map_err(|error| error.to_string());
    let (observations, relied_on) = (book()?, book()?);
    let observer = Box::new(
        move |kind: Kind, native: &str, created: Option<Timestamp>| {
            let native = native.to_owned();
            let observed = Observed {
                kind,
                native,
                created,
            };
            if let Err(error) = observations.note(&observed) {
                tracing::warn!(%error, "cannot record what was created");
            }
        },
    );
    let options = GuardOptions {
        run: held.lease().id.clone(),
        environment: context.world.environment.clone(),
        // Beside the lease, where a sweep removes it.
        socket: held.scratch().socket(),
        observer,
        image_observer: Box::new(move |image: &str| {
            if let Err(error) = relied_on.rely_on(image) {
                tracing::warn!(%error, "cannot record which image is used");
            }
        }),
        label_images: !held.lease().terms.kept_kinds.contains(&Kind::IMAGE),
    };
    let starting = (guarding.start)(options);
    starting.await.map_err(|error| error.to_string())
}

/// The kinds of the lease's backends.
fn kinds<'a>(context: &'a Context, held: &'a dyn HeldLease) -> impl Iterator<Item = &'a str> {
    let names = held.lease().terms.backends.iter();
    names.map(|name| {
        let table = context.config.file.backends.get(name);
        table.map_or(name.as_str(), |table| table.kind.as_str())
    })
}
