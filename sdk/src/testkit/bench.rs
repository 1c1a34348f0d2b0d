//! What a behaviour gets, and how it becomes a trial.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep, timeout};

use crate::backend::{Backend, ListRequest};
use crate::error::{Error, ErrorKind, Result as BackendResult};
use crate::identity::{Identity, ResourceId};
use crate::kind::Kind;
use crate::kind_info::KindInfo;
use crate::resource::{Resource, State};
use crate::testkit::case::{Case, CaseEnd};
use crate::testkit::fixture::{Fixture, Made, Wanted};

/// Longer than anything that works takes.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(300);

/// Why a behaviour did not finish. Failed assertions panic instead.
#[derive(Debug)]
pub(super) enum Halt {
    /// The provider has nothing that the sentence is about.
    NotApplicable(String),
    /// The fixture cannot make what it takes.
    Ignored(String),
    Failed(String),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Failed(format!("the backend answered {}: {error}", error.kind))
    }
}

impl Halt {
    /// The sentence says nothing about this provider.
    pub(super) fn not_applicable(why: &str) -> Self {
        Halt::NotApplicable(why.to_owned())
    }
}

pub(super) type Tested = Result<(), Halt>;
type Running = Pin<Box<dyn Future<Output = Tested> + Send>>;

/// A sentence of the contract, and what tests it.
pub(super) struct Behaviour {
    name: &'static str,
    applies: Applies,
    test: Box<dyn Fn(Bench, Kind) -> Running + Send + Sync>,
}

/// For which kinds of resource a behaviour is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Applies {
    /// Once, with any kind.
    Once,
    EachKind,
    /// Containers and sandboxes.
    WhatRuns,
    /// What runs, if the backend can stop it.
    WhatStops,
    /// Sandboxes, if the backend can archive them.
    WhatIsArchived,
    /// What a watch reports.
    WhatIsWatched,
    /// What runs, if the backend reads its counters.
    WhatIsSampled,
    /// What the backend can relabel.
    WhatIsRelabelled,
    /// What it cannot.
    WhatIsNotRelabelled,
    /// What a whole listing proves to be gone.
    WhatAbsenceProves,
}

/// Names a function of this module as a behaviour; the function's name is the sentence.
macro_rules! behaviour {
    ($applies:ident $test:ident) => {
        $crate::testkit::bench::Behaviour::new(
            stringify!($test),
            $crate::testkit::bench::Applies::$applies,
            $test,
        )
    };
}
pub(super) use behaviour;

impl Behaviour {
    pub(super) fn new<T: Future<Output = Tested> + Send + 'static>(
        name: &'static str,
        applies: Applies,
        test: fn(Bench, Kind) -> T,
    ) -> Self {
        Self {
            name,
            applies,
            test: Box::new(move |bench, kind| Box::pin(test(bench, kind))),
        }
    }

    pub(super) fn cases<F: Fixture>(self, kit: &Arc<Kit<F>>) -> Vec<Case> {
        let capabilities = kit.fixture.backend().capabilities();
        let test = Arc::new(self.test);
        let mut kinds = capabilities.kinds;
        match self.applies {
            Applies::Once => kinds.truncate(1),
            Applies::EachKind => {}
            Applies::WhatRuns => kinds.retain(|info| info.runs),
            Applies::WhatStops => kinds.retain(|info| info.can.stop),
            Applies::WhatIsArchived => kinds.retain(|info| info.can.archive),
            Applies::WhatIsWatched => kinds.retain(|info| info.can.watch),
            Applies::WhatIsSampled => kinds.retain(|info| info.can.sample),
            Applies::WhatIsRelabelled => kinds.retain(|info| info.can.relabel),
            Applies::WhatIsNotRelabelled => kinds.retain(|info| !info.can.relabel),
            Applies::WhatAbsenceProves => kinds.retain(|info| info.absence_proves),
        }
        kinds
            .into_iter()
            .map(|info| {
                let kind = info.kind;
                let (kit, test) = (kit.clone(), test.clone());
                Case {
                    name: self.name,
                    kind: (self.applies != Applies::Once).then_some(kind),
                    run: Box::new(move || kit.run(|bench| test(bench, kind))),
                }
            })
            .collect()
    }
}

/// What all trials share.
pub(super) struct Kit<F> {
    fixture: Arc<F>,
    runtime: Runtime,
    turn: Mutex<()>,
}

impl<F: Fixture> Kit<F> {
    pub(super) fn new(fixture: impl FnOnce() -> F) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a tokio runtime starts");
        let fixture = {
            let _within = runtime.enter();
            Arc::new(fixture())
        };
        Self {
            fixture,
            runtime,
            turn: Mutex::new(()),
        }
    }

    fn run(&self, test: impl FnOnce(Bench) -> Running) -> CaseEnd {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let bench = Bench {
            backend: self.fixture.backend(),
            fixture: self.fixture.clone(),
        };
        self.runtime.block_on(async {
            // A task of its own, so that the fixture cleans up after a broken assertion as well.
            let ended = timeout(TRIAL_TIMEOUT, tokio::spawn(test(bench))).await;
            let cleaned = self.fixture.clean_up().await;
            match ended {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(Halt::NotApplicable(reason)))) => return CaseEnd::NotApplicable(reason),
                Ok(Ok(Err(Halt::Ignored(reason)))) => return CaseEnd::Ignored(reason),
                Ok(Ok(Err(Halt::Failed(message)))) => return CaseEnd::Failed(message),
                Ok(Err(panic)) => return CaseEnd::Failed(panic_message(panic)),
                Err(_) => return CaseEnd::Failed(format!("no end after {TRIAL_TIMEOUT:?}")),
            }
            match cleaned {
                Ok(()) => CaseEnd::Held,
                Err(left) => CaseEnd::Failed(format!("the fixture could not clean up: {left}")),
            }
        })
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    let panic = match error.try_into_panic() {
        Ok(panic) => panic,
        Err(error) => return error.to_string(),
    };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

/// What a behaviour gets.
#[derive(Clone)]
pub(super) struct Bench {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) fixture: Arc<dyn Fixture>,
}

impl Bench {
    /// Makes a resource and answers how the backend under test lists it.
    pub(super) async fn make(&self, mut wanted: Wanted) -> Result<Resource, Halt> {
        // A fixture's own kind that runs has to have ended before it is simple to delete.
        if wanted.state == State::Present && self.info(wanted.kind).runs {
            wanted.state = State::Stopped;
        }
        match self.fixture.make(&wanted).await {
            Err(message) => Err(Halt::Failed(format!("the fixture failed: {message}"))),
            Ok(Made::NotApplicable(reason)) => Err(Halt::NotApplicable(reason)),
            Ok(Made::CannotMake) => Err(Halt::Ignored(format!(
                "the fixture cannot make a {} that is {}{}",
                wanted.kind,
                wanted.state,
                if wanted.uses.is_empty() {
                    ""
                } else {
                    " and uses that"
                },
            ))),
            Ok(Made::Yes(identity)) => {
                let listed = self.all(identity.kind).await?;
                listed
                    .into_iter()
                    .find(|resource| resource.identity.native == identity.native)
                    .ok_or_else(|| {
                        Halt::Failed(format!("{} was made and is not listed", identity.id()))
                    })
            }
        }
    }

    /// Every resource of a kind that is the suite's business.
    pub(super) async fn all(&self, kind: Kind) -> Result<Vec<Resource>, Halt> {
        let mut all = self.pages(kind, 100).await?;
        all.retain(|resource| self.fixture.is_ours(resource));
        Ok(all)
    }

    /// Everything that pages of this size show, others' resources included.
    pub(super) async fn pages(&self, kind: Kind, page_size: usize) -> Result<Vec<Resource>, Halt> {
        self.pages_of(ListRequest {
            page_size,
            ..ListRequest::first(kind)
        })
        .await
    }

    /// Everything that a listing shows from this page on, others' resources included.
    pub(super) async fn pages_of(&self, mut request: ListRequest) -> Result<Vec<Resource>, Halt> {
        let mut all = Vec::new();
        for _ in 0..100_000 {
            let page = self.backend.list(request.clone()).await?;
            all.extend(page.resources);
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => return Ok(all),
            }
        }
        Err(Halt::Failed("100000 pages and no last one".to_owned()))
    }

    /// The whole provider, as listings of every kind show it. What is being removed may be gone the next time.
    pub(super) async fn everything(&self) -> Result<BTreeMap<ResourceId, Resource>, Halt> {
        let mut everything = BTreeMap::new();
        for kind in self.backend.capabilities().words() {
            let mut resources = self.all(kind).await?;
            resources.retain(|resource| resource.state != State::Removing);
            everything.extend(
                resources
                    .into_iter()
                    .map(|resource| (resource.identity.id(), resource)),
            );
        }
        Ok(everything)
    }

    /// Waits until a resource is as expected, and answers how it is then.
    pub(super) async fn until(
        &self,
        target: &Identity,
        what: &str,
        expected: impl Fn(Option<&Resource>) -> bool,
    ) -> Result<Option<Resource>, Halt> {
        let deadline = Instant::now() + self.fixture.patience();
        loop {
            let found = self.backend.get(target).await?;
            if expected(found.as_ref()) {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                let state = found.map_or("gone".to_owned(), |found| found.state.to_string());
                return Err(Halt::Failed(format!(
                    "{} is {state}, and not {what}",
                    target.id()
                )));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the backend declares of a kind.
    pub(super) fn info(&self, kind: Kind) -> KindInfo {
        let declared = self.backend.capabilities().kind(kind).cloned();
        declared.expect("trials are about declared kinds")
    }

    /// The native ids that pages of this size show, without others' resources and what is being removed.
    pub(super) async fn natives(&self, kind: Kind, page_size: usize) -> Result<Vec<String>, Halt> {
        let mut all = self.pages(kind, page_size).await?;
        all.retain(|resource| self.fixture.is_ours(resource) && resource.state != State::Removing);
        Ok(all
            .into_iter()
            .map(|resource| resource.identity.native)
            .collect())
    }

    /// Asserts that nothing is found under an identity that names nothing. Refusing to ask for what
    /// cannot be an id is as good.
    pub(super) async fn assert_not_found(&self, target: &Identity) -> Tested {
        match self.backend.get(target).await {
            Ok(None) => Ok(()),
            Err(error) if error.kind == ErrorKind::Invalid => Ok(()),
            Err(error) => Err(error.into()),
            Ok(Some(found)) => Err(Halt::Failed(format!(
                "`{}` is not an id, and found {}",
                target.native,
                found.identity.id()
            ))),
        }
    }

    /// Asserts that no secret of the fixture can be read in a value.
    #[track_caller]
    pub(super) fn assert_no_secret(&self, value: &impl std::fmt::Debug) {
        let shown = format!("{value:?}");
        for secret in self.fixture.secrets() {
            assert!(!shown.contains(&secret), "a secret is shown");
        }
    }

    /// Waits until a resource does not run any more, or is gone.
    pub(super) async fn until_ended(&self, target: &Identity) -> Tested {
        let ended = |found: Option<&Resource>| found.is_none_or(|found| !found.state.is_running());
        self.until(target, "ended", ended).await.map(drop)
    }

    /// Waits until a resource is in cold storage, and answers how it is then.
    pub(super) async fn until_archived(&self, target: &Identity) -> Result<Option<Resource>, Halt> {
        let archived =
            |found: Option<&Resource>| found.is_some_and(|found| found.state == State::Archived);
        self.until(target, "archived", archived).await
    }

    /// Waits until a resource is gone.
    pub(super) async fn until_gone(&self, target: &Identity) -> Tested {
        self.until(target, "gone", |found| found.is_none())
            .await
            .map(drop)
    }
}

/// An identity that differs from another in the native id only.
pub(super) fn with_native(identity: &Identity, native: &str) -> Identity {
    Identity {
        native: native.to_owned(),
        ..identity.clone()
    }
}

/// Asserts that a call failed with a kind.
#[track_caller]
pub(super) fn assert_fails<T>(answer: BackendResult<T>, kind: ErrorKind) {
    match answer {
        Err(error) if error.kind == kind => {}
        Err(error) => {
            let got = error.kind;
            panic!("expected an error of kind {kind}, and it was one of kind {got}: {error}")
        }
        Ok(_) => panic!("expected an error of kind {kind}, and it succeeded"),
    }
}

/// An identity like another one's that no resource has: the same length and form, other digits.
pub(super) fn missing(like: &Identity) -> Identity {
    let native = like.native.chars().map(|digit| match digit {
        '0'..='8' | 'a'..='e' | 'g'..='y' => char::from_u32(digit as u32 + 1).unwrap_or(digit),
        '9' => '0',
        'f' => 'a',
        'z' => 'g',
        other => other,
    });
    // The prefix of a digest is not a digit and has to stay.
    let native = match like.native.split_once(':') {
        Some((prefix, digest)) => {
            let rotated: String = native
                .skip(prefix.chars().count() + 1)
                .take(digest.len())
                .collect();
            format!("{prefix}:{rotated}")
        }
        None => native.collect(),
    };
    with_native(like, &native)
}
