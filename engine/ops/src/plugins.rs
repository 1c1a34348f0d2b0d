//! Loading the plugins that the configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tbengine_plugin_host::trust::ANY;
use tbengine_plugin_host::{Code, Plugin, PluginOptions, PluginSpec, Plugins, Timeouts};
use tbengine_sdk::host::closest;

use crate::backends;
use crate::background::in_background;
use crate::config::Config;
use crate::config::file::PluginTable;
use crate::error::Error;
use crate::world::World;

/// The plugins that work, if one of these backends is not of a kind that is built in. Code is not run for nothing.
///
/// # Errors
/// If one of them is refused.
pub async fn needed(
    config: &Config,
    options: &PluginOptions,
    names: &[String],
) -> Result<Plugins, Error> {
    if names.iter().all(|name| backends::is_built_in(config, name)) {
        return Ok(Plugins::default());
    }
    working(config, options).await
}

/// The plugins that are configured and work, and what is wrong with the others.
///
/// # Errors
/// If one of them is refused.
pub async fn working(config: &Config, options: &PluginOptions) -> Result<Plugins, Error> {
    let (specs, options) = (specs(config), options.clone());
    in_background(move || Ok(Plugins::load_working(&specs, &options)?)).await
}

/// All plugins that are configured.
pub fn all(config: &Config, options: &PluginOptions) -> Result<Plugins, Error> {
    Ok(Plugins::load(&specs(config), options)?)
}

/// What the configuration says about plugins, in alphabetical order.
pub fn specs(config: &Config) -> Vec<PluginSpec> {
    let tables = config.file.plugins.iter();
    tables.map(|(name, table)| spec(name, table)).collect()
}

fn spec(name: &str, table: &PluginTable) -> PluginSpec {
    let code = match (&table.path, &table.program) {
        (None, Some(program)) => Code::Program {
            path: program.clone(),
            arguments: table.args.clone(),
            pins: table.args_sha256.clone(),
        },
        (path, _) => Code::Library(path.clone().unwrap_or_default()),
    };
    PluginSpec {
        name: name.to_owned(),
        code,
        sha256: table.sha256.clone(),
        variables: table.env.clone(),
    }
}

/// What plugins are loaded with; the operator's directory of plugins comes before all others.
pub fn options(world: &World, directory: Option<&Path>) -> PluginOptions {
    let data = world.directory("XDG_DATA_HOME", ".local/share");
    PluginOptions {
        places: directory
            .map(Path::to_owned)
            .into_iter()
            .chain(data.map(|data| data.join("plugins")))
            .chain([PathBuf::from("/usr/lib/tbengine/plugins")])
            .collect(),
        environment: world.environment.clone(),
        timeouts: Timeouts::default(),
        loader: None,
    }
}

/// Loads one plugin: one that is configured, by its name, or one that the operator points at, by its path.
pub fn one(config: &Config, options: &PluginOptions, plugin: &str) -> Result<Arc<Plugin>, Error> {
    if let Some(table) = config.file.plugins.get(plugin) {
        return Ok(Arc::new(Plugin::load(&spec(plugin, table), options)?));
    }
    let path = Path::new(plugin);
    if !plugin.contains('/') && !path.exists() {
        let names = config.file.plugins.keys().map(String::as_str);
        let error = Error::config(format!("no plugin named `{plugin}`"));
        return Err(match closest(plugin, names) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error.hint("use a table of [plugins], or a path like ./libmycloud.so"),
        });
    }
    let absolute = std::path::absolute(path).map_err(|source| Error::Start {
        what: "find the working directory",
        source,
    })?;
    let library = ["so", "dylib", "dll"].map(Some);
    let code = if library.contains(&path.extension().and_then(|extension| extension.to_str())) {
        Code::Library(absolute)
    } else {
        Code::Program {
            path: absolute,
            arguments: Vec::new(),
            pins: Default::default(),
        }
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let spec = PluginSpec {
        name: name.into_owned(),
        code,
        // The user who types the path means this file.
        sha256: Some(ANY.to_owned()),
        variables: Vec::new(),
    };
    Ok(Arc::new(Plugin::load(&spec, options)?))
}
