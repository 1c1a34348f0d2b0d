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
use crate::args::global::Format;
use crate::args::plugin::PluginCommand;
use crate::exit::{Code, Error};
use crate::output::csv;
use crate::output::span::{Tone, plain, toned};
use crate::output::table::Table;
use crate::plugins;

/// Runs a command on plugins.
pub(crate) fn run(app: &mut App, command: PluginCommand) -> Result<Code, Error> {
    match command {
        PluginCommand::List => list(app),
        PluginCommand::Inspect { plugin } => inspect(app, &plugin),
        PluginCommand::Check { plugin, only } => check::run(app, &plugin, only.as_deref()),
        PluginCommand::CheckInside { plugin, from } => check::inside(app, &plugin, from),
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
    for spec in plugins::specs(&app.config) {
        match Plugin::load(&spec, &app.plugin_options()) {
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
        plugins::all(&app.config, &app.plugin_options())?;
    }
    let cells = |row: Row| {
        [
            row.kind,
            row.plugin,
            row.version,
            row.way,
            row.path,
            row.about,
        ]
    };
    let out = &mut app.out;
    match app.global.output {
        Format::Json => out.json(&rows),
        Format::Jsonl => rows.iter().for_each(|row| out.json_line(row)),
        Format::Csv => csv::write(
            out,
            ["kind", "plugin", "version", "way", "path", "about"],
            rows.into_iter().map(cells),
        ),
        Format::Table => {
            let mut table = Table::new(&["KIND", "PLUGIN", "VERSION", "WAY", "PATH", "ABOUT"]);
            for row in rows {
                table.row(cells(row).map(plain));
            }
            table.write(out);
        }
    }
    Ok(code)
}

#[derive(Debug, Serialize)]
struct Inspected<'a> {
    #[serde(flatten)]
    descriptor: &'a Descriptor,
    path: String,
    sha256: &'a str,
    way: &'a str,
}

fn inspect(app: &mut App, name: &str) -> Result<Code, Error> {
    let plugin = plugins::one(&app.config, &app.plugin_options(), name)?;
    let descriptor = &plugin.descriptor;
    let inspected = Inspected {
        descriptor,
        path: plugin.path.display().to_string(),
        sha256: &plugin.sha256,
        way: plugin.way,
    };
    let out = &mut app.out;
    match app.global.output {
        Format::Json => out.json(&inspected),
        Format::Jsonl => out.json_line(&inspected),
        Format::Csv => csv::write(
            out,
            ["kind", "about", "fixture"],
            descriptor.kinds.iter().map(|kind| {
                [
                    kind.kind.clone(),
                    kind.about.clone(),
                    kind.fixture.to_string(),
                ]
            }),
        ),
        Format::Table => {
            let title = format!("{} {}", descriptor.name, descriptor.version);
            out.line(&[toned(Tone::Strong, title)]);
            out.text(&format!("path      {}", inspected.path));
            out.text(&format!("sha256    {}", plugin.sha256));
            out.text(&format!("way       {}", plugin.way));
            out.text(&format!("protocol  {}", descriptor.protocol));
            out.text(&format!("sdk       {}", descriptor.sdk));
            for kind in &descriptor.kinds {
                out.text(&format!("kind      {}: {}", kind.kind, kind.about));
            }
            out.text("");
            out.text("To use it, once you trust it:");
            let key = if plugin.way == "program" {
                "program"
            } else {
                "path"
            };
            out.text(&format!("  [plugins.{}]", plugin.name));
            out.text(&format!("  {key} = {:?}", inspected.path));
            out.text(&format!("  sha256 = \"{}\"", plugin.sha256));
            for kind in &descriptor.kinds {
                out.text(&format!("  [backends.{}]", kind.kind));
                out.text(&format!("  kind = \"{}\"", kind.kind));
            }
        }
    }
    Ok(Code::Done)
}
