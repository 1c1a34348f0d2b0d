//! Loading a library, once and forever, and exchanging tables with it.

#![expect(unsafe_code, reason = "this is the host's side of the C interface")]

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tbengine_sdk::abi::{self, Entry, PluginV2};
use tbengine_sdk::wire::Descriptor;

use super::elsewhere::Elsewhere;
use super::host_table::{HostTable, host_table};
use crate::descriptor::descriptor;
use crate::error::PluginError;
use crate::trust::Vetted;

/// A library that is loaded.
#[derive(Debug)]
pub(crate) struct Library {
    pub(super) table: &'static PluginV2,
    pub(super) entry: Entry,
    pub(super) host_table: &'static HostTable,
    sha256: String,
    pub(crate) descriptor: Descriptor,
}

/// What is loaded in this process, by device and number of the file.
static LOADED: Mutex<Vec<((u64, u64), &'static Library)>> = Mutex::new(Vec::new());

/// Loads a library that may be run. The same file is loaded once, however often it is asked for.
pub(crate) fn load(
    name: &str,
    vetted: Vetted,
    elsewhere: Option<&Elsewhere>,
) -> std::result::Result<&'static Library, PluginError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = file_key(&vetted);
    if let Some((_, library)) = loaded.iter().find(|(known, _)| *known == key) {
        if library.sha256 == vetted.sha256 {
            return Ok(library);
        }
        return Err(PluginError::Changed {
            name: name.to_owned(),
            path: vetted.path,
        });
    }
    let library: &'static Library = Box::leak(Box::new(load_first(name, vetted, elsewhere)?));
    loaded.push((key, library));
    Ok(library)
}

#[cfg(unix)]
fn file_key(vetted: &Vetted) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    vetted
        .file
        .metadata()
        .map_or((0, 0), |metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_key(vetted: &Vetted) -> (u64, u64) {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    vetted.path.hash(&mut hasher);
    (0, hasher.finish())
}

fn load_first(
    name: &str,
    vetted: Vetted,
    elsewhere: Option<&Elsewhere>,
) -> std::result::Result<Library, PluginError> {
    let Vetted {
        path, file, sha256, ..
    } = vetted;
    let loadable = loadable(&path, &file);
    if let Some(elsewhere) = elsewhere {
        elsewhere
            .load(&loadable)
            .map_err(|reason| PluginError::Load {
                name: name.to_owned(),
                path: path.clone(),
                reason,
            })?;
    }
    // The number of the descriptor names the library to the loader, which takes a name that it knows for
    // the same library without a look. So the number must never be used again, whatever comes of this.
    std::mem::forget(file);
    Library::load_file(name, &path, &loadable, sha256)
}

impl Library {
    /// Loads a file that may be run, and exchanges tables with it.
    pub(super) fn load_file(
        name: &str,
        path: &Path,
        loadable: &Path,
        sha256: String,
    ) -> std::result::Result<Self, PluginError> {
        let entry = find_entry(name, path, loadable)?;
        // SAFETY: the header gives the symbol these duties. Calling it is trusting the plugin, which the checks
        // before were for.
        unsafe { exchange(name, path, entry, sha256) }
    }
}

/// A library whose code is linked into this program.
///
/// # Safety
/// `entry`, and the table that it returns, behave as the header demands.
pub(crate) unsafe fn linked(
    name: &str,
    entry: Entry,
) -> std::result::Result<&'static Library, PluginError> {
    // SAFETY: the caller vouches for it.
    let library = unsafe { exchange(name, Path::new(""), entry, String::new()) }?;
    Ok(Box::leak(Box::new(library)))
}

/// A path that leads to the very file that was looked at, even if another one has taken its place.
#[cfg(target_os = "linux")]
fn loadable(_: &Path, file: &std::fs::File) -> PathBuf {
    use std::os::fd::AsRawFd;
    // By the number of the process, since another one loads it first.
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()
}

#[cfg(not(target_os = "linux"))]
fn loadable(path: &Path, _: &std::fs::File) -> PathBuf {
    path.to_owned()
}

/// Loads the file and looks for the one symbol. The library stays whatever comes of it.
fn find_entry(name: &str, path: &Path, loadable: &Path) -> std::result::Result<Entry, PluginError> {
    let library = open_library(loadable).map_err(|error| PluginError::Load {
        name: name.to_owned(),
        path: path.to_owned(),
        reason: loaders_reason(&error),
    })?;
    let library = ManuallyDrop::new(library);
    // SAFETY: the header gives the symbol this type.
    if let Ok(entry) = unsafe { library.get::<Entry>(abi::ENTRY.as_bytes()) } {
        return Ok(*entry);
    }
    // A library of a later version says at least that.
    let later = (2..10).find(|version| {
        let symbol = format!("tbengine_plugin_v{version}");
        // SAFETY: the symbol is looked for and never used.
        unsafe { library.get::<*const c_void>(symbol.as_bytes()) }.is_ok()
    });
    let (name, path) = (name.to_owned(), path.to_owned());
    Err(match later {
        Some(version) => PluginError::Version {
            name,
            path,
            plugin: format!("version {version} of the C interface"),
        },
        None => PluginError::NotAPlugin { name, path },
    })
}

/// What the loader itself says, which names the missing library or symbol.
fn loaders_reason(error: &libloading::Error) -> String {
    let error: &dyn std::error::Error = error;
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Lets the two sides exchange their tables.
///
/// # Safety
/// `entry`, and the table that it returns, behave as the header demands.
unsafe fn exchange(
    name: &str,
    path: &Path,
    entry: Entry,
    sha256: String,
) -> std::result::Result<Library, PluginError> {
    let failed = |reason: String| PluginError::Load {
        name: name.to_owned(),
        path: path.to_owned(),
        reason,
    };
    let host_table = host_table(name, path)?;
    // SAFETY: the caller vouches for the function, and the host's table is valid until the process ends.
    let table = unsafe { entry(&raw const host_table.table) };
    if table.is_null() {
        return Err(PluginError::RefusedHost {
            name: name.to_owned(),
            path: path.to_owned(),
        });
    }
    if !table.is_aligned() {
        return Err(failed("its table is not aligned".into()));
    }
    // SAFETY: a table has at least its size.
    let size = unsafe { (&raw const (*table).size).read() };
    if size < size_of::<PluginV2>() {
        return Err(failed(format!(
            "its table has {size} bytes, and version 2 of the interface has {}: it was built with an unfinished header",
            size_of::<PluginV2>()
        )));
    }
    // SAFETY: the size covers the whole table, which is valid until the process ends and never changed.
    let table = unsafe { &*table };
    if table.open.is_none()
        || table.call.is_none()
        || table.cancel.is_none()
        || table.close.is_none()
    {
        return Err(failed("its table lacks a function".into()));
    }
    // SAFETY: the descriptor is static, as the header demands, and its length was given with it.
    let bytes = unsafe { table.descriptor.read() };
    Ok(Library {
        table,
        entry,
        host_table,
        sha256,
        descriptor: descriptor(name, path, bytes)?,
    })
}

#[cfg(unix)]
fn open_library(
    path: &Path,
) -> std::result::Result<libloading::os::unix::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const RTLD_NODELETE: std::ffi::c_int = 0x1000;
    #[cfg(target_vendor = "apple")]
    const RTLD_NODELETE: std::ffi::c_int = 0x80;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    const RTLD_NODELETE: std::ffi::c_int = 0;
    // SAFETY: loading runs the constructors of the library; whether it may was decided before.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) }
}

#[cfg(not(unix))]
fn open_library(path: &Path) -> std::result::Result<libloading::Library, libloading::Error> {
    // SAFETY: loading runs the constructors of the library; whether it may was decided before.
    unsafe { libloading::Library::new(path) }
}
