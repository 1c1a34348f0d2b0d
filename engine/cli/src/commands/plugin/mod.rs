//! `tbengine plugin`: look at plugins, try them, or begin one.
//!
//! - [`check`]: the conformance kit
//! - [`new`]: the templates

mod check;
mod new;

use serde::Serialize;
use tbengine_plugin_host::Plugin;
use tbengine_sdk::Registration;
use tbengine_sdk::wire::Descriptor;

use crate::app::App;
use crate::args::plugin::PluginCommand;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::{Tone, plain, toned};
use crate::output::table::Table;
use crate::output::view::{Lines, View};
use tbengine_ops::plugins;

/// Runs a command on plugins.
pub(crate) fn run(app: &mut App, command: PluginCommand) -> Result<Code, Error> {
    match command {
        PluginCommand::List => list(app),
        PluginCommand::Inspect { plugin } => inspect(app, &plugin),
        PluginCommand::Check { plugin, only } => check::run(app, &plugin, only.as_deref()),
        PluginCommand::CheckInside { plugin, from } => check::inside(app, &plugin, from),
        PluginCommand::LoadInside { file } => {
            tbengine_plugin_host::load_inside(&file);
            Ok(Code::Done)
        }
        PluginCommand::New {
            language,
            name,
            folder,
            sdk,
        } => new::run(app, language, &name, folder, sdk),
    }
}

#[derive(Debug, Serialize)]
struct Row {
    kind: String,
    plugin: String,
    version: String,
    way: String,
    path: String,
    about: String,
}

fn list(app: &mut App) -> Result<Code, Error> {
    let mut rows: Vec<Row> = Registration::all()
        .iter()
        .map(|built_in| Row {
            kind: built_in.kind.to_owned(),
            plugin: built_in.package.to_owned(),
            version: built_in.version.to_owned(),
            way: "built in".to_owned(),
            path: String::new(),
            about: built_in.about.to_owned(),
        })
        .collect();
    // One by one, so that a broken one does not hide the others; then together, for two of one kind.
    let mut code = Code::Done;
    for spec in plugins::specs(&app.context.config) {
        match Plugin::load(&spec, &app.context.plugins) {
            Ok(plugin) => rows.extend(plugin.descriptor.kinds.iter().map(|kind| Row {
                kind: kind.kind.clone(),
                plugin: plugin.name.clone(),
                version: plugin.descriptor.version.clone(),
                way: plugin.way.to_owned(),
                path: plugin.path.display().to_string(),
                about: kind.about.clone(),
            })),
            Err(error) => {
                let error = Error::from(error);
                app.console.error(&error.to_string(), &error.hints());
                code = error.code();
            }
        }
    }
    if code == Code::Done {
        plugins::all(&app.context.config, &app.context.plugins)?;
    }
    app.out.show(app.global.output, &Kinds(rows));
    Ok(code)
}

/// The kinds of backend that there are.
struct Kinds(Vec<Row>);

impl Row {
    fn cells(&self) -> [&str; 6] {
        [
            &self.kind,
            &self.plugin,
            &self.version,
            &self.way,
            &self.path,
            &self.about,
        ]
    }
}

impl View for Kinds {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.0);
    }

    fn columns(&self) -> &'static [&'static str] {
        &["kind", "plugin", "version", "way", "path", "about"]
    }

    fn rows(&self, rows: &mut Rows) {
        for row in &self.0 {
            rows.row(row.cells());
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let mut table = Table::new(&["KIND", "PLUGIN", "VERSION", "WAY", "PATH", "ABOUT"]);
        for row in &self.0 {
            table.row(row.cells().map(plain));
        }
        page.table(&table);
    }
}

#[derive(Debug, Serialize)]
struct Inspected<'a> {
    #[serde(flatten)]
    descriptor: &'a Descriptor,
    path: String,
    sha256: &'a str,
    way: &'a str,
    /// The arguments that the configuration gives it.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    args: &'a [String],
    /// The variables of the environment that it gets.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    env: &'a [String],
    /// What it is called in the configuration.
    #[serde(skip)]
    name: &'a str,
}

fn inspect(app: &mut App, name: &str) -> Result<Code, Error> {
    let plugin = plugins::one(&app.context.config, &app.context.plugins, name)?;
    let table = app.context.config.file.plugins.get(name);
    let inspected = Inspected {
        args: table.map_or(&[], |table| &table.args),
        env: table.map_or(&[], |table| &table.env),
        descriptor: &plugin.descriptor,
        path: plugin.path.display().to_string(),
        sha256: &plugin.sha256,
        way: plugin.way,
        name: &plugin.name,
    };
    app.out.show(app.global.output, &inspected);
    Ok(Code::Done)
}

impl View for Inspected<'_> {
    fn document(&self) -> impl Serialize {
        self
    }

    fn columns(&self) -> &'static [&'static str] {
        &["kind", "about", "fixture"]
    }

    fn rows(&self, rows: &mut Rows) {
        for kind in &self.descriptor.kinds {
            rows.row([&kind.kind, &kind.about, &kind.fixture.to_string()]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let descriptor = self.descriptor;
        let title = format!("{} {}", descriptor.name, descriptor.version);
        page.line(&[toned(Tone::Strong, title)]);
        page.text(&format!("path      {}", self.path));
        page.text(&format!("sha256    {}", self.sha256));
        page.text(&format!("way       {}", self.way));
        if !self.args.is_empty() {
            page.text(&format!("args      {}", self.args.join(" ")));
        }
        if !self.env.is_empty() {
            page.text(&format!("env       {}", self.env.join(", ")));
        }
        page.text(&format!("protocol  {}", descriptor.protocol));
        page.text(&format!("sdk       {}", descriptor.sdk));
        for kind in &descriptor.kinds {
            page.text(&format!("kind      {}: {}", kind.kind, kind.about));
        }
        page.text("");
        page.text("To use it, if you trust it:");
        let key = if self.way == "program" {
            "program"
        } else {
            "path"
        };
        page.text(&format!("  [plugins.{}]", self.name));
        page.text(&format!("  {key} = {:?}", self.path));
        page.text(&format!("  sha256 = \"{}\"", self.sha256));
        for (key, words) in [("args", self.args), ("env", self.env)] {
            if !words.is_empty() {
                page.text(&format!("  {key} = {words:?}"));
            }
        }
        for kind in &descriptor.kinds {
            page.text(&format!("  [backends.{}]", kind.kind));
            page.text(&format!("  kind = \"{}\"", kind.kind));
        }
    }
}
