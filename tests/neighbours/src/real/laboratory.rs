//! A daemon on which stories are played.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};
use tbengine_dockerd::Dockerd;

use super::api::Api;
use super::clock::Clock;
use super::command::DockerCommand;
use super::compose::Compose;
use super::docker::{BASE, Docker};
use super::drive::{Options, Play};
use super::program::Program;
use super::proxy::Proxy;
use crate::counts::Counts;
use crate::story::Story;

/// A daemon on which stories are played, one after the other. It is empty before each of them.
pub struct Laboratory {
    /// Set from outside to end a story early, with all that it started.
    pub interrupted: Arc<AtomicBool>,
    daemon: Dockerd,
    api: Api,
    program: PathBuf,
    cache: PathBuf,
    compose: Option<Compose>,
    /// The file system of the base image.
    root: Rc<[u8]>,
}

impl Laboratory {
    /// Starts a daemon. The program at a path is the operator, and keeps compiled policies in a directory. Trials with a
    /// service are brought up by compose, where that is given.
    ///
    /// # Errors
    /// If that cannot be done here, in words.
    pub fn start(program: &Path, cache: &Path, compose: Option<Compose>) -> Result<Self, String> {
        if !program.is_file() {
            return Err(format!(
                "there is no {}: `cargo build --release --bin tbengine` builds it",
                program.display()
            ));
        }
        let daemon = Dockerd::start().map_err(|error| error.to_string())?;
        let api = Api::new(daemon.socket());
        let laboratory = Self {
            interrupted: Arc::default(),
            root: root(&api)?,
            api,
            daemon,
            program: program.to_owned(),
            cache: cache.to_owned(),
            compose,
        };
        Ok(laboratory)
    }

    /// Plays a story. What occurred is known even if an invariant was broken.
    ///
    /// # Errors
    /// Which invariant was broken, by its name, and how.
    pub fn play(&self, story: &Story, options: Options) -> (Counts, Result<(), String>) {
        match self.begin(options) {
            Ok(mut play) => {
                let played = play.play(story);
                (play.counts(), played)
            }
            Err(why) => (Counts::default(), Err(format!("no story: {why}"))),
        }
    }

    fn begin(&self, options: Options) -> Result<Play, String> {
        self.empty()?;
        let host = self.daemon.host();
        let program = Program::new(&self.program, &self.cache, host);
        let program = program.map_err(|error| error.to_string())?;
        let another = program.of_another().map_err(|error| error.to_string())?;
        let socket = program.home().join("proxy.sock");
        let proxy = Proxy::start(&self.daemon.socket(), &socket);
        let mut docker = Docker::new(
            self.api.clone(),
            proxy.map_err(|error| error.to_string())?,
            Clock::start(options.hour),
            (program, another),
            self.daemon.data_root(),
            self.root.clone(),
        );
        docker.compose = self.compose.clone();
        docker.docker = Some(DockerCommand::new("/usr/bin/docker"));
        Ok(Play::new(docker, options, self.interrupted.clone()))
    }

    /// Removes everything but the base image.
    fn empty(&self) -> Result<(), String> {
        let rows = |path: &str, key: &str| -> Result<Vec<Value>, String> {
            let mut listed = self.api.read(path)?;
            let rows = match key {
                "" => listed,
                key => listed[key].take(),
            };
            Ok(rows.as_array().cloned().unwrap_or_default())
        };
        let delete = |path: String| {
            let sent = self.api.send("DELETE", &path, &Value::Null);
            sent.map(drop).map_err(|error| error.to_string())
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for one in rows("/containers/json?all=1", "")? {
            delete(format!("/containers/{}?force=1&v=1", text(&one["Id"])))?;
        }
        for one in rows("/networks", "")? {
            if !matches!(one["Name"].as_str(), Some("bridge" | "host" | "none")) {
                delete(format!("/networks/{}", text(&one["Id"])))?;
            }
        }
        for one in rows("/volumes", "Volumes")? {
            delete(format!("/volumes/{}", text(&one["Name"])))?;
        }
        for one in rows("/images/json", "")? {
            let tags = one["RepoTags"].as_array().cloned().unwrap_or_default();
            if !tags.iter().any(|tag| tag == BASE) {
                delete(format!("/images/{}?force=1", text(&one["Id"])))?;
            }
        }
        Ok(())
    }
}

/// The file system of the base image, as an archive.
fn root(api: &Api) -> Result<Rc<[u8]>, String> {
    let words = |error: std::io::Error| error.to_string();
    let made = api
        .send(
            "POST",
            "/containers/create",
            &json!({"Image": BASE, "Cmd": ["true"]}),
        )
        .map_err(words)?;
    let id = made.json()["Id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/containers/{id}/export");
    let exported = api.send("GET", &path, &Value::Null).map_err(words)?;
    let path = format!("/containers/{id}");
    api.send("DELETE", &path, &Value::Null).map_err(words)?;
    match exported.is_good() {
        true => Ok(exported.body.into()),
        false => Err("the base image cannot be exported".into()),
    }
}
