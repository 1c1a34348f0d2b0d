//! The `Backend` that the engine calls, and the handle that tests hold.
//!
//! - `call`: a call on its way to the provider
//! - `shared`: what the clones of one backend share
//! - `script`: faults that a test scripts
//! - `oracle`: what really happened

mod call;
mod oracle;
mod script;
mod shared;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tbengine_sdk::{
    Account, Act, AttachRequest, Attached, Backend, Bind, Capabilities, Changes, Class,
    DeleteOptions, Disk, FindRequest, Identity, Kind, ListRequest, Method, ObserveRequest,
    Observed, OpenRequest, Page, Resource, Result, Right, Sample, State, StopOptions, Taken,
    Timestamp, Unreadable, WatchRequest,
};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::attachments::RUN_VARIABLE;
use crate::chaos::{Chaos, GHOST, RateLimit};
use crate::config::MemoryConfig;
use crate::entry::{self, Entry, Reaction};
use crate::external_change::ExternalChange;
use crate::faults::{self, Fault, FaultRates, Operation};
use crate::kinds::BUILD_CACHE;
use crate::make::{Make, resource};
use crate::provider::{Provider, in_progress};
use crate::record::Met;
use crate::seed;
use call::Call;
pub use oracle::Oracle;
pub use script::Script;
use script::Scripted;
use shared::Shared;

/// A simulated provider. Clones share one state: give one to the engine and keep one.
#[derive(Clone, Debug)]
pub struct Memory {
    shared: Arc<Mutex<Shared>>,
}

impl Memory {
    /// Opens what the configuration describes.
    ///
    /// # Errors
    /// `Invalid` if the configuration does not fit.
    pub fn open(request: OpenRequest) -> Result<Self> {
        let config: MemoryConfig = request.config()?;
        let memory = Self::with_account(
            &request.name,
            &format!("memory-{}", config.seed),
            request.now,
        );
        memory.locked(|shared| {
            shared.latency = config.latency;
            shared.server = config.server.as_deref().map(Into::into);
            shared.rates = config.faults;
            shared.provider.skew_ms = config.skew_ms;
            shared.random = fastrand::Rng::with_seed(config.seed);
            shared.provider.record.on = false;
            let entries = seed::inventory(
                &config,
                &shared.provider.account,
                config.since.unwrap_or(request.now),
            );
            shared.provider.fill(entries);
        });
        let mut parent: Option<Identity> = None;
        for number in 0..config.build_cache {
            let mut record = resource(BUILD_CACHE, &format!("step-{number}"));
            if let Some(parent) = &parent {
                record = record.uses(parent);
            }
            parent = Some(memory.insert(record));
        }
        Ok(memory)
    }

    /// An empty provider under this name. Call it within the runtime whose time it shall follow.
    pub fn new(name: &str, now: Timestamp) -> Self {
        Self::with_account(name, &format!("account-of-{name}"), now)
    }

    fn with_account(name: &str, account: &str, now: Timestamp) -> Self {
        let account = entry::Account {
            backend: name.into(),
            id: account.into(),
        };
        let mut provider = Provider::new(account, now);
        provider.record.on = true;
        let shared = Shared {
            provider,
            latency: Duration::ZERO,
            server: None,
            scripts: Vec::new(),
            rates: FaultRates::default(),
            random: fastrand::Rng::with_seed(1),
            outages: Vec::new(),
            chaos: None,
            limit: None,
            workers: None,
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    /// Puts a resource there, in place of one with the same native id.
    pub fn insert(&self, make: Make) -> Identity {
        self.provider(|provider| {
            let entry = make.build(&provider.account, provider.calendar());
            provider.insert(entry)
        })
    }

    /// Puts a resource there as it is. It ends at once when asked to.
    pub fn insert_resource(&self, resource: Resource) -> Identity {
        let entry = Entry {
            resource,
            reaction: Reaction::default(),
        };
        self.provider(|provider| provider.insert(entry))
    }

    /// The identity of the resource of this name.
    ///
    /// # Panics
    /// If no resource or more than one has this name.
    pub fn named(&self, name: &str) -> Identity {
        let found: Vec<_> = self.provider(|provider| {
            let named = provider.all().filter(|resource| resource.name == name);
            named.map(|resource| resource.identity.clone()).collect()
        });
        match <[Identity; 1]>::try_from(found) {
            Ok([identity]) => identity,
            Err(found) => panic!("{} resources are named `{name}`, not one", found.len()),
        }
    }

    /// The time by the provider's calendar.
    pub fn now(&self) -> Timestamp {
        self.provider(|provider| provider.calendar())
    }

    /// What knows the truth.
    pub fn oracle(&self) -> Oracle {
        Oracle::new(self.clone())
    }

    /// Begins to script a fault: for which calls, and what happens to them.
    pub fn script(&self, operation: Operation) -> Script<'_> {
        Script::new(self, operation)
    }

    pub(crate) fn add_script(&self, scripted: Scripted) {
        self.locked(|shared| shared.scripts.push(scripted));
    }

    /// Lets calls fail by chance. Equal seeds and equal orders of calls give equal faults.
    pub fn fault_rates(&self, rates: FaultRates, seed: u64) {
        self.locked(|shared| {
            shared.rates = rates;
            shared.random = fastrand::Rng::with_seed(seed);
        });
    }

    /// Gives the provider a bad day. [`Chaos::default`] ends it.
    pub fn chaos(&self, chaos: Chaos, seed: u64) {
        self.locked(|shared| {
            shared.provider.ghosts = chaos.ghosts;
            shared.chaos = Some((chaos, fastrand::Rng::with_seed(seed)));
        });
    }

    /// Refuses what is more than so many requests per second, after a burst of so many.
    pub fn rate_limit(&self, per_second: u32, burst: u32) {
        self.locked(|shared| {
            shared.limit = Some(RateLimit::new(per_second, burst, Instant::now()));
        });
    }

    /// Lets the provider work on so many deletions at once, each for so long; the others queue up.
    pub fn workers(&self, count: usize, each: Duration) {
        self.locked(|shared| shared.workers = Some((Arc::new(Semaphore::new(count)), each)));
    }

    /// Forgets scripts, rates, outages and everything else that goes wrong.
    pub fn heal(&self) {
        self.locked(|shared| {
            shared.scripts.clear();
            shared.rates = FaultRates::default();
            shared.outages.clear();
            shared.chaos = None;
            shared.limit = None;
            shared.provider.ghosts = Duration::ZERO;
        });
    }

    /// Makes the provider unreachable for a span of time since it was opened.
    pub fn outage(&self, span: Range<Duration>) {
        self.locked(|shared| shared.outages.push(span));
    }

    /// Makes every call take this long: half until the effect, half until the answer.
    pub fn latency(&self, latency: Duration) {
        self.locked(|shared| shared.latency = latency);
    }

    /// Makes every deletion go on for this long after it was accepted.
    pub fn deletion_takes(&self, duration: Duration) {
        self.provider(|provider| provider.deletion_takes = duration);
    }

    /// Lets only so many deletions go on at once; the others wait.
    pub fn removes_at_once(&self, count: usize) {
        self.provider(|provider| provider.removal_places = vec![None; count]);
    }

    /// Makes every archiving go on for this long after it was accepted.
    pub fn archiving_takes(&self, duration: Duration) {
        self.provider(|provider| provider.archiving_takes = duration);
    }

    /// Lets only these kinds be listed.
    pub fn kinds(&self, kinds: &[Kind]) {
        self.provider(|provider| {
            provider.kinds.retain(|info| kinds.contains(&info.kind));
        });
    }

    /// Whether `stop` works.
    pub fn can_stop(&self, can: bool) {
        self.provider(|provider| {
            for info in &mut provider.kinds {
                info.can.stop = can && info.runs;
            }
        });
    }

    /// Whether `archive` works.
    pub fn can_archive(&self, can: bool) {
        self.provider(|provider| {
            for info in &mut provider.kinds {
                info.can.archive = can && info.kind == Kind::SANDBOX;
            }
        });
    }

    /// Lets a whole listing of these kinds prove what it does not show to be gone.
    pub fn absence_proves(&self, kinds: &[Kind]) {
        self.provider(|provider| {
            for info in &mut provider.kinds {
                info.absence_proves = kinds.contains(&info.kind);
            }
        });
    }

    /// Lets a fact of a kind bind the steps on it.
    pub fn binds(&self, kind: Kind, bind: Bind) {
        self.provider(|provider| {
            let mut kinds = provider.kinds.iter_mut();
            if let Some(info) = kinds.find(|info| info.kind == kind) {
                info.binds = vec![bind];
            }
        });
    }

    /// Lets a kind be of another class.
    pub fn class(&self, kind: Kind, class: Class) {
        self.provider(|provider| {
            let mut kinds = provider.kinds.iter_mut();
            if let Some(info) = kinds.find(|info| info.kind == kind) {
                info.class = class;
            }
        });
    }

    /// Lets the provider take the deletion of a resource, hide it and do no more.
    pub fn surrenders(&self, target: &Identity) {
        self.provider(|provider| provider.surrendering.insert(target.clone()));
    }

    /// Takes from the credentials what they may do to a kind.
    pub fn forbid(&self, operation: tbengine_sdk::Operation, kind: Kind) {
        self.provider(|provider| {
            provider.forbidden.insert((operation, kind));
        });
    }

    /// Lets every listing of a kind show something that cannot be read.
    pub fn shows_unreadable(&self, kind: Kind, unreadable: Unreadable) {
        self.provider(|provider| {
            let shown = provider.unreadable.entry(kind).or_default();
            shown.push(unreadable);
        });
    }

    /// Lets `check` answer another account, as after a change of what is at an address.
    pub fn answers_as(&self, account: &str) {
        self.provider(|provider| provider.pretended_account = Some(account.to_owned()));
    }

    /// Sets the provider's clock apart from its calendar by so many milliseconds.
    pub fn skew_ms(&self, ahead: i64) {
        self.provider(|provider| provider.skew_ms = ahead);
    }

    /// Puts a resource there as a command does whose creations are reported.
    ///
    /// # Errors
    /// `NotFound` if there is no such attachment.
    pub fn insert_through(&self, attachment: &str, make: Make) -> Result<Identity> {
        let identity = self.insert(make);
        self.provider(|provider| provider.attachments.note(attachment, identity.clone()))?;
        Ok(identity)
    }

    /// Makes an external change at once.
    pub fn change(&self, change: ExternalChange) {
        self.provider(|provider| provider.change_externally(change));
    }

    /// Makes an external change when the provider has been open this long.
    pub fn change_at(&self, since_opened: Duration, change: ExternalChange) {
        self.provider(|provider| provider.change_at(since_opened, change));
    }

    /// Takes a call to the provider and back, through everything that may go wrong.
    async fn call<T>(
        &self,
        call: Call<'_>,
        effect: impl FnOnce(&mut Provider) -> Result<T> + Send,
    ) -> Result<T> {
        let (number, faults, latency) = self.locked(|shared| {
            let faults = shared.meet(&call);
            (
                shared.record(&call, !faults.is_empty()),
                faults,
                shared.latency,
            )
        });
        travel(latency / 2).await;
        if call.operation == Operation::Delete
            && let Some((workers, each)) = self.locked(|shared| shared.workers.clone())
        {
            let _one = workers.acquire().await;
            travel(each).await;
        }
        let answer = self.serve(&call, number, faults, effect).await;
        travel(latency / 2).await;
        self.locked(|shared| {
            if let Some(request) = number.and_then(|at| shared.provider.record.requests.get_mut(at))
            {
                request.answer = Some(answer.as_ref().map(|_| ()).map_err(|error| error.kind));
            }
        });
        answer
    }

    async fn serve<T>(
        &self,
        call: &Call<'_>,
        number: Option<usize>,
        faults: Vec<Fault>,
        effect: impl FnOnce(&mut Provider) -> Result<T> + Send,
    ) -> Result<T> {
        if let Some(refusal) = self.locked(Shared::refusal) {
            return Err(refusal);
        }
        let mut effect = Some(effect);
        let mut pretends = false;
        for fault in faults {
            match fault {
                Fault::Answer(error) => return Err(error),
                Fault::RequestLost => return Err(faults::connection_lost()),
                Fault::ReplyLost => {
                    // The caller never learns what it was.
                    if let Some(effect) = effect.take() {
                        drop(self.take_effect(number, pretends, effect));
                    }
                    return Err(faults::connection_lost());
                }
                Fault::InProgressThenGone(wait) => {
                    if let Some(target) = call.target {
                        self.provider(|provider| {
                            provider.change_externally(ExternalChange::SetState(
                                target.clone(),
                                State::Removing,
                            ));
                            provider.change_in(wait, ExternalChange::Delete(target.clone()));
                        });
                    }
                    return Err(in_progress());
                }
                Fault::Hang(wait) => travel(wait).await,
                Fault::LateEffect(wait) => {
                    if let (Operation::Delete, Some(target)) = (call.operation, call.target) {
                        self.provider(|provider| {
                            provider.delete_in(wait, target.clone(), call.force);
                        });
                    }
                    travel(NO_ANSWER).await;
                }
                Fault::ConfirmedWithoutEffect => pretends = true,
                Fault::Panic => panic!("a scripted panic in the memory backend"),
                Fault::Meanwhile(change) => self.change(change),
            }
        }
        match effect {
            Some(effect) => self.take_effect(number, pretends, effect),
            None => Err(faults::connection_lost()),
        }
    }

    /// Polls until there is news or the time has passed.
    async fn wait_for<T>(
        &self,
        until: Instant,
        news: &Notify,
        mut look: impl FnMut(&mut Provider) -> Result<(T, bool)> + Send,
    ) -> Result<T> {
        loop {
            // Made before the look, so that nothing happens between the two unseen.
            let notified = news.notified();
            let (seen, is_news) = self.provider(&mut look)?;
            if is_news || Instant::now() >= until {
                return Ok(seen);
            }
            // What happens by itself happens only when somebody looks.
            let due = self.provider(|provider| provider.next_event());
            let wake = due.map_or(until, |due| due.min(until));
            tokio::select! {
                () = notified => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn take_effect<T>(
        &self,
        number: Option<usize>,
        pretends: bool,
        effect: impl FnOnce(&mut Provider) -> Result<T>,
    ) -> Result<T> {
        self.locked(|shared| {
            let served = shared.provider.since_opened();
            if let Some(request) = number.and_then(|at| shared.provider.record.requests.get_mut(at))
            {
                request.served = Some(served);
            }
            shared.provider.pretends = pretends;
            let answer = effect(&mut shared.provider);
            shared.provider.pretends = false;
            answer
        })
    }

    fn locked<T>(&self, with: impl FnOnce(&mut Shared) -> T) -> T {
        // A scripted panic happens outside the lock, so a poisoned state is still whole.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.provider.catch_up(Instant::now());
        with(&mut shared)
    }

    pub(crate) fn provider<T>(&self, with: impl FnOnce(&mut Provider) -> T) -> T {
        self.locked(|shared| with(&mut shared.provider))
    }
}

#[async_trait]
impl Backend for Memory {
    fn capabilities(&self) -> Capabilities {
        self.provider(|provider| {
            let mut kinds = provider.kinds.clone();
            // Where a deletion takes its time, it ends what runs by itself.
            for info in &mut kinds {
                info.can.end_by_delete = !provider.deletion_takes.is_zero();
            }
            Capabilities {
                kinds,
                methods: METHODS.to_vec(),
                concurrency: 16,
            }
        })
    }

    async fn check(&self) -> Result<Account> {
        let server = self.locked(|shared| shared.server.clone());
        self.call(Call::about(Operation::Check), |provider| {
            let pretended = provider.pretended_account.as_deref().map(Arc::from);
            let id = pretended.unwrap_or_else(|| provider.account.id.clone());
            let clock = provider.calendar().as_unix_ms() + provider.skew_ms;
            Ok(Account {
                server,
                now: Some(Timestamp::from_unix_ms(clock)),
                ..Account::new(id, "a simulated provider in memory")
            })
        })
        .await
    }

    async fn list(&self, request: ListRequest) -> Result<Page> {
        let kind = Some(request.kind);
        let call = Call {
            operation: Operation::List,
            kind,
            target: None,
            force: false,
        };
        let listed = self.call(call, |provider| {
            provider.permit(tbengine_sdk::Operation::List, request.kind)?;
            provider.list(&request)
        });
        let mut page = listed.await?;
        self.locked(|shared| shared.miss(&mut page));
        Ok(page)
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>> {
        self.call(Call::on(Operation::Get, target, false), |provider| {
            provider.permit(tbengine_sdk::Operation::Get, target.kind)?;
            let read = provider.read(target.kind, &target.native).cloned();
            if read.is_some() && provider.find(target.kind, &target.native).is_none() {
                provider.record.meet(Met::Chaos, GHOST);
            }
            Ok(read)
        })
        .await
    }

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<Taken> {
        self.call(
            Call::on(Operation::Stop, target, options.force),
            |provider| {
                provider.permit(tbengine_sdk::Operation::Stop, target.kind)?;
                provider.stop(target, options.force)
            },
        )
        .await
        .map(|()| Taken::Accepted)
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken> {
        self.call(
            Call::on(Operation::Delete, target, options.force),
            |provider| {
                provider.permit(tbengine_sdk::Operation::Delete, target.kind)?;
                if provider.surrender(target) {
                    let message = "the provider hides it".into();
                    return Ok(Taken::Surrendered { message });
                }
                provider.delete(target, options.force, options.alone)?;
                Ok(match provider.deletion_takes.is_zero() {
                    true => Taken::Done,
                    false => Taken::Accepted,
                })
            },
        )
        .await
    }

    async fn archive(&self, target: &Identity) -> Result<Taken> {
        self.call(Call::on(Operation::Archive, target, false), |provider| {
            provider.permit(tbengine_sdk::Operation::Archive, target.kind)?;
            provider.archive(target)
        })
        .await
        .map(|()| Taken::Accepted)
    }

    async fn rights(&self, acts: Vec<Act>) -> Result<Vec<Right>> {
        self.call(Call::about(Operation::Rights), |provider| {
            let rights = acts.into_iter().map(|act| {
                let refusal = provider.permit(act.operation, act.kind).err();
                Right {
                    act,
                    allowed: refusal.is_none(),
                    hint: match refusal {
                        Some(_) => "use another key".into(),
                        None => String::new(),
                    },
                    reason: refusal.map(|refusal| refusal.message).unwrap_or_default(),
                }
            });
            Ok(rights.collect())
        })
        .await
    }

    async fn disks(&self) -> Result<Vec<Disk>> {
        self.call(Call::about(Operation::Disks), |provider| {
            Ok(vec![provider.disk()])
        })
        .await
    }

    async fn watch(&self, request: WatchRequest) -> Result<Changes> {
        let until = Instant::now() + request.wait;
        let WatchRequest { kinds, since, .. } = request;
        let call = Call::about(Operation::Watch);
        let (changes, news) = self
            .call(call, |provider| {
                let changes = provider.changes.since(since.as_deref(), &kinds)?;
                Ok((changes, provider.changes.news()))
            })
            .await?;
        if since.is_none() {
            return Ok(changes);
        }
        self.wait_for(until, &news, |provider| {
            let changes = provider.changes.since(since.as_deref(), &kinds)?;
            let is_news = changes.lost || !changes.changes.is_empty();
            Ok((changes, is_news))
        })
        .await
    }

    async fn sample(&self, targets: Vec<Identity>) -> Result<Vec<Sample>> {
        self.call(Call::about(Operation::Sample), |provider| {
            let samples = targets.iter().filter_map(|target| provider.sample(target));
            Ok(samples.collect())
        })
        .await
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Resource>> {
        self.call(Call::about(Operation::Find), |provider| {
            Ok(provider.find_named(&request))
        })
        .await
    }

    async fn relabel(
        &self,
        target: &Identity,
        labels: BTreeMap<String, Option<String>>,
    ) -> Result<()> {
        self.call(Call::on(Operation::Relabel, target, false), |provider| {
            provider.permit(tbengine_sdk::Operation::Relabel, target.kind)?;
            provider.relabel(target, &labels)
        })
        .await
    }

    async fn attach(&self, request: AttachRequest) -> Result<Attached> {
        self.call(Call::about(Operation::Attach), |provider| {
            Ok(Attached {
                attachment: provider.attachments.begin(),
                environment: BTreeMap::from([(RUN_VARIABLE.to_owned(), Some(request.run))]),
                gaps: Vec::new(),
            })
        })
        .await
    }

    async fn observed(&self, request: ObserveRequest) -> Result<Observed> {
        let until = Instant::now() + request.wait;
        let look = |provider: &mut Provider| {
            let since = request.since.as_deref();
            provider.attachments.since(&request.attachment, since)
        };
        let call = Call::about(Operation::Observed);
        let news = self
            .call(call, |provider| {
                look(provider)?;
                Ok(provider.attachments.news())
            })
            .await?;
        self.wait_for(until, &news, |provider| {
            let observed = look(provider)?;
            let is_news = !observed.made.is_empty();
            Ok((observed, is_news))
        })
        .await
    }

    async fn detach(&self, attachment: &str) -> Result<()> {
        self.call(Call::about(Operation::Detach), |provider| {
            provider.attachments.end(attachment);
            Ok(())
        })
        .await
    }
}

/// Every optional method.
const METHODS: [Method; 7] = [
    Method::Rights,
    Method::Disks,
    Method::Watch,
    Method::Sample,
    Method::Find,
    Method::Relabel,
    Method::Attach,
];

/// Longer than anybody waits.
const NO_ANSWER: Duration = Duration::from_secs(86_400);

async fn travel(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
