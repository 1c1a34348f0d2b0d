//! A real daemon as the provider of a story.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tbengine_sdk::{Identity, Kind};

use super::api::{Answer, Api};
use super::clock::Clock;
use super::command::DockerCommand;
use super::compose::{Compose, difference};
use super::faults::Crowded;
use super::guarded::Guarded;
use super::program::{Program, faketime};
use super::proxy::Proxy;
use crate::act::{Act, Nature};
use crate::counts::Counts;
use crate::draft::Draft;
use crate::provider::Provider;

/// The image of what names none.
pub(super) const BASE: &str = "busybox:latest";

/// Ends when it is started first, and runs on when it is started again.
const ENDS: &str = "if [ -e /tmp/again ]; then exec sleep 100000; fi; echo >/tmp/again";

/// A real daemon as the provider of a story. Users speak to it directly; only tbengine goes through the proxy.
pub struct Docker {
    /// The daemon itself.
    pub api: Api,
    /// What tbengine finds in its place.
    pub proxy: Proxy,
    /// The time.
    pub clock: Clock,
    /// What was skipped and refused.
    pub counts: Rc<RefCell<Counts>>,
    /// What the volumes hold: a line that their owner wrote.
    pub contents: BTreeMap<String, String>,
    /// The names that images were given.
    pub tags: BTreeMap<String, BTreeSet<String>>,
    /// The program, as jobs and the operator call it.
    pub program: Program,
    /// The program of another user.
    pub another: Program,
    /// How trials with a service are brought up, where there is that.
    pub compose: Option<Compose>,
    /// How images with a name are built, where there is that.
    pub docker: Option<DockerCommand>,
    /// In what something is not as the drafts say.
    pub difference: Option<String>,
    names: BTreeMap<String, String>,
    /// Where the daemon keeps its data.
    data: PathBuf,
    /// The file system of the base image, as an archive.
    root: Rc<[u8]>,
    leases: BTreeMap<u32, Guarded>,
    made: u32,
}

impl Docker {
    /// A daemon with nothing but the base image in it.
    pub fn new(
        api: Api,
        proxy: Proxy,
        clock: Clock,
        (program, another): (Program, Program),
        data: PathBuf,
        root: Rc<[u8]>,
    ) -> Self {
        Self {
            api,
            proxy,
            clock,
            counts: Rc::default(),
            contents: BTreeMap::new(),
            tags: BTreeMap::new(),
            program,
            another,
            compose: None,
            docker: None,
            difference: None,
            names: BTreeMap::new(),
            data,
            root,
            leases: BTreeMap::new(),
            made: 0,
        }
    }

    /// Where the file of a volume is that its owner wrote.
    pub fn content(&self, volume: &str) -> PathBuf {
        self.data
            .join("volumes")
            .join(volume)
            .join("_data/revision")
    }

    fn note(&self, what: impl Into<String>) {
        self.counts.borrow_mut().note(what);
    }

    /// Sends a request. `None` if the daemon refuses it, which is counted.
    fn ask(&self, api: &Api, what: &str, method: &str, path: &str, body: &Value) -> Option<Answer> {
        match api.send(method, path, body) {
            Ok(answer) if answer.is_good() => Some(answer),
            Ok(answer) => {
                self.note(format!("refused by docker: {what} ({})", answer.status));
                None
            }
            Err(error) => {
                self.note(format!("refused by docker: {what} ({})", error.kind()));
                None
            }
        }
    }

    fn make_container(&self, api: &Api, draft: &Draft) -> Option<String> {
        let of = |kind: Kind| {
            let mut used = draft.uses.iter();
            used.find(move |one| one.kind == kind)
                .map(|one| one.native.clone())
        };
        let command = match draft.runs {
            true => json!(["sleep", "100000"]),
            false => json!(["sh", "-c", ENDS]),
        };
        // An image goes by its name with those who start containers from it.
        let image = of(Kind::IMAGE).map(|id| {
            let tags = self.tags.get(&id);
            tags.and_then(|tags| tags.first().cloned()).unwrap_or(id)
        });
        let volume = of(Kind::VOLUME).map(|name| format!("{name}:/data"));
        let policy = draft.attribute("restart-policy").unwrap_or("no");
        let labels: BTreeMap<_, _> = draft.labels.iter().cloned().collect();
        let body = json!({
            "Image": image.as_deref().unwrap_or(BASE),
            "Cmd": command,
            // The first process of a container ignores SIGTERM.
            "StopSignal": "SIGKILL",
            "Labels": labels,
            "HostConfig": {
                "NetworkMode": of(Kind::NETWORK).unwrap_or_else(|| "none".into()),
                "Binds": volume.into_iter().collect::<Vec<_>>(),
                "RestartPolicy": {"Name": policy},
            },
        });
        let path = format!("/containers/create?name={}", draft.name);
        let created = self.ask(api, "docker create", "POST", &path, &body)?;
        let id = created.json()["Id"].as_str()?.to_owned();
        let path = format!("/containers/{id}/start");
        if self
            .ask(api, "docker start", "POST", &path, &Value::Null)
            .is_none()
        {
            let path = format!("/containers/{id}?force=1");
            self.ask(api, "docker rm", "DELETE", &path, &Value::Null);
            return None;
        }
        if !draft.runs {
            let path = format!("/containers/{id}/wait");
            self.ask(api, "docker wait", "POST", &path, &Value::Null);
        }
        Some(id)
    }

    fn make_image(&mut self, draft: &Draft) -> Option<String> {
        // A label keeps two of them from being the same image.
        self.made += 1;
        if let (Some(name), Some(docker)) = (draft.attribute("tags"), &self.docker) {
            let home = self.program.home();
            let built = docker.build(self.program.host(), home, name, self.made);
            match built {
                Ok(id) => {
                    self.note("built by BuildKit");
                    self.tags.insert(id.clone(), BTreeSet::from([whole(name)]));
                    return Some(id);
                }
                Err(why) => self.note(format!("refused by BuildKit: {why}")),
            }
            return None;
        }
        let label = format!("LABEL%20made%3D{}", self.made);
        let name = draft.attribute("tags");
        let named = match name.map(|name| name.split_once(':').unwrap_or((name, "latest"))) {
            Some((repository, tag)) => format!("&repo={repository}&tag={tag}"),
            None => String::new(),
        };
        let path =
            format!("/images/create?fromSrc=-&changes=ENV%20PATH%3D/bin&changes={label}{named}");
        let sent = self
            .api
            .send_bytes("POST", &path, "application/x-tar", &self.root);
        let answer = sent.ok().filter(Answer::is_good)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let from = text.rfind("sha256:")?;
        let id: String = text[from..]
            .chars()
            .take_while(|sign| *sign == ':' || sign.is_ascii_alphanumeric())
            .collect();
        let names = name.map(whole);
        self.tags.insert(id.clone(), names.into_iter().collect());
        Some(id)
    }

    fn make_by(&mut self, api: &Api, draft: Draft) -> Option<Identity> {
        let labels: BTreeMap<_, _> = draft.labels.iter().cloned().collect();
        let native = match draft.kind {
            Kind::CONTAINER => self.make_container(api, &draft)?,
            Kind::NETWORK => {
                let body = json!({"Name": draft.name, "Labels": labels, "CheckDuplicate": true});
                let made = self.ask(
                    api,
                    "docker network create",
                    "POST",
                    "/networks/create",
                    &body,
                )?;
                made.json()["Id"].as_str()?.to_owned()
            }
            Kind::VOLUME => {
                let body = json!({"Name": draft.name, "Labels": labels});
                self.ask(
                    api,
                    "docker volume create",
                    "POST",
                    "/volumes/create",
                    &body,
                )?;
                self.write_into(&draft.name)?;
                draft.name.clone()
            }
            _ => self.make_image(&draft)?,
        };
        Some(self.identity(draft.kind, native, draft.name))
    }

    /// Writes a line into a volume that no other has.
    fn write_into(&mut self, volume: &str) -> Option<()> {
        self.made += 1;
        let content = format!("{volume} of {}", self.made);
        std::fs::write(self.content(volume), &content).ok()?;
        self.contents.insert(volume.to_owned(), content);
        Some(())
    }

    fn identity(&mut self, kind: Kind, native: String, name: String) -> Identity {
        self.names.insert(native.clone(), name);
        Identity {
            backend: "docker".into(),
            account: "real".into(),
            kind,
            native,
            created: None,
        }
    }
}

/// The name of an image with its tag.
fn whole(name: &str) -> String {
    match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    }
}

impl Provider for Docker {
    fn now(&self) -> u64 {
        self.clock.now()
    }

    fn make(&mut self, draft: Draft) -> Option<Identity> {
        let api = self.api.clone();
        self.make_by(&api, draft)
    }

    fn compose(&mut self, image: &Identity, drafts: &[Draft]) -> Option<Vec<Identity>> {
        let compose = self.compose.clone()?;
        let name = self.tags.get(&image.native)?.first()?.clone();
        let home = self.program.home().to_owned();
        if let Err(why) = compose.up(self.program.host(), &home, &name, drafts) {
            let why = why.lines().last().unwrap_or_default();
            self.note(format!("refused by compose: {why}"));
            return None;
        }
        self.note("brought up by compose");
        let mut made = Vec::new();
        for draft in drafts {
            let (path, id) = match draft.kind {
                Kind::CONTAINER => (format!("/containers/{}/json", draft.name), "Id"),
                Kind::NETWORK => (format!("/networks/{}", draft.name), "Id"),
                _ => (format!("/volumes/{}", draft.name), "Name"),
            };
            let read = self.api.read(&path).ok()?;
            let labels = match draft.kind {
                Kind::CONTAINER => &read["Config"]["Labels"],
                _ => &read["Labels"],
            };
            self.difference = self.difference.take().or(difference(draft, &home, labels));
            if draft.kind == Kind::VOLUME {
                self.write_into(&draft.name)?;
            }
            let native = read[id].as_str()?.to_owned();
            made.push(self.identity(draft.kind, native, draft.name.clone()));
        }
        Some(made)
    }

    fn name_of(&self, identity: &Identity) -> Option<String> {
        self.names.get(&identity.native).cloned()
    }

    fn end(&mut self, identity: &Identity) -> bool {
        let path = format!("/containers/{}/stop?t=0", identity.native);
        let ended = self.ask(&self.api, "docker stop", "POST", &path, &Value::Null);
        ended.is_some()
    }

    fn start(&mut self, identity: &Identity) -> bool {
        let path = format!("/containers/{}/start", identity.native);
        let started = self.ask(&self.api, "docker start", "POST", &path, &Value::Null);
        started.is_some()
    }

    fn remove(&mut self, identity: &Identity) -> bool {
        let native = &identity.native;
        let (what, path) = match identity.kind {
            Kind::CONTAINER => ("docker rm", format!("/containers/{native}?force=1")),
            Kind::NETWORK => ("docker network rm", format!("/networks/{native}")),
            Kind::VOLUME => ("docker volume rm", format!("/volumes/{native}")),
            _ => ("docker rmi", format!("/images/{native}")),
        };
        let removed = self.ask(&self.api, what, "DELETE", &path, &Value::Null);
        removed.is_some()
    }

    fn tag(&mut self, identity: &Identity, name: String) -> bool {
        let id = &identity.native;
        let (repository, tag) = name.split_once(':').unwrap_or((&name, "latest"));
        let path = format!("/images/{id}/tag?repo={repository}&tag={tag}");
        let tagged = self.ask(&self.api, "docker tag", "POST", &path, &Value::Null);
        if tagged.is_some() {
            self.tags.entry(id.clone()).or_default().insert(name);
            return true;
        }
        false
    }

    fn obscure(&mut self, _: &Identity) -> bool {
        self.note("skipped: nature odd");
        false
    }

    fn damage(&mut self, identity: &Identity) -> bool {
        // Its layer is gone, as after a clean-up of the data by hand: the daemon lists it, and cannot read it.
        let mounts = self.data.join("image/overlay2/layerdb/mounts");
        let mount = std::fs::read_to_string(mounts.join(&identity.native).join("mount-id"));
        let layer = mount.map(|mount| self.data.join("overlay2").join(mount));
        match layer.and_then(std::fs::remove_dir_all) {
            Ok(()) => true,
            Err(why) => {
                self.note(format!("skipped: nature damages ({})", why.kind()));
                false
            }
        }
    }

    fn hang(&mut self, identity: &Identity) {
        self.proxy.faults().hangs.insert(identity.native.clone());
    }

    fn acquire(&mut self, job: u32) -> Option<u32> {
        self.made += 1;
        match Guarded::start(&self.program, &format!("job-{job}-{}", self.made)) {
            Ok(guarded) => {
                self.leases.insert(self.made, guarded);
                Some(self.made)
            }
            Err(why) => {
                self.note(format!("refused by guard: {why}"));
                None
            }
        }
    }

    fn make_under(&mut self, lease: u32, draft: Draft) -> Option<Identity> {
        let api = self.leases.get(&lease)?.api.clone();
        self.make_by(&api, draft)
    }

    fn expire(&mut self, lease: u32) {
        // Killed with its reaper: only the next run cleans up.
        self.leases.remove(&lease);
    }

    fn nature(&mut self, act: &Nature) {
        let mut faults = self.proxy.faults();
        match act {
            Nature::Chaos { seed, percent } => {
                let share = f64::from(*percent) / 100.0;
                faults.chaos = Some((share, fastrand::Rng::with_seed(*seed)));
            }
            // A run takes half a second here and minutes there.
            Nature::Slow { latency } => faults.latency = Duration::from_millis(latency / 10),
            Nature::Outage { lasts } => {
                faults.outage = Some(Instant::now() + Duration::from_millis(lasts / 100));
            }
            Nature::ListingFails { kind, times } => match kind.parse() {
                Ok(kind) => faults.listings.push((kind, *times)),
                Err(_) => drop(faults),
            },
            Nature::Odd { .. } | Nature::Damages { .. } | Nature::Hangs { .. } => {}
            Nature::Crowded { per_second } => faults.crowded = Some(Crowded::new(*per_second)),
            Nature::Lingers { .. } => {
                drop(faults);
                let act = Act::Nature(act.clone());
                self.note(format!("skipped: {}", act.name()));
            }
            Nature::Clock { ahead } => {
                drop(faults);
                if faketime().is_none() {
                    self.note("skipped: nature clock");
                    return;
                }
                let real = self.clock.really(ahead.unsigned_abs());
                for program in [&mut self.program, &mut self.another] {
                    program.set_clock(real, *ahead > 0);
                }
            }
            Nature::Heals => {
                *faults = Default::default();
                drop(faults);
                for program in [&mut self.program, &mut self.another] {
                    program.reset_clock();
                }
            }
        }
    }
}
