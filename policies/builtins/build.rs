//! Compiles the policies to components, with nothing but the toolchain in use.
//!
//! The bytes depend on the sources and the toolchain only, so that a digest names a policy: neither
//! this build's flags and profile nor the paths get into them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Has no operating system, and so imports nothing.
const BARE: &str = "wasm32-unknown-unknown";
/// Imports WASI 0.2.
const WASI: &str = "wasm32-wasip2";

const BUILTINS: &[&str] = &["default", "aggressive", "harbor", "terminal-bench"];

fn main() {
    let policies = PathBuf::from(var("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a parent")
        .to_path_buf();
    let root = policies.parent().expect("a parent").to_path_buf();
    for source in [
        "policies/Cargo.toml",
        "policies/Cargo.lock",
        "policies/rules",
        "sdk/policy",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    for name in BUILTINS {
        println!("cargo::rerun-if-changed={}", policies.join(name).display());
    }
    build(&root, BARE, BUILTINS);
    if env::var_os("CARGO_FEATURE_TESTING").is_some() {
        println!(
            "cargo::rerun-if-changed={}",
            policies.join("testing").display()
        );
        build(&root, BARE, &["hostile", "wishes", "vetoing"]);
        build(&root, WASI, &["worldly"]);
    }
}

/// Builds policies as components, into `OUT_DIR`.
fn build(root: &Path, target: &str, names: &[&str]) {
    need_target(target);
    let out = PathBuf::from(var("OUT_DIR"));
    // Beside the directories of all builds of this script, of which clippy has one of its own: what is compiled
    // for one of them is there for the others.
    let builds = out.ancestors().nth(2).expect("a directory of builds");
    let built = builds.join("tbengine-policies");
    let mut cargo = Command::new(var("CARGO"));
    for name in env::vars_os()
        .map(|(name, _)| name)
        .filter(leaks_into_guests)
    {
        cargo.env_remove(name);
    }
    // The unit separator lets paths hold blanks.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(root, target).join("\x1f"));
    cargo.args(["build", "--release", "--locked", "--target", target]);
    cargo
        .arg("--manifest-path")
        .arg(root.join("policies/Cargo.toml"));
    // The outer cargo holds the lock of its own target directory.
    cargo.arg("--target-dir").arg(&built);
    for name in names {
        cargo.args(["--package", &format!("tbengine-policy-{name}")]);
    }
    let status = cargo.status().expect("cargo can be started");
    assert!(status.success(), "building the policies failed; see above");
    for name in names {
        // The compiler writes `_` for what a name of a package has as `-`.
        let file = format!("{}.wasm", name.replace('-', "_"));
        let wasm = built.join(target).join("release").join(file);
        fs::copy(&wasm, out.join(format!("{name}.wasm")))
            .unwrap_or_else(|error| panic!("{}: {error}", wasm.display()));
    }
}

fn flags(root: &Path, target: &str) -> Vec<String> {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .expect("a home directory");
    let mut flags = vec![
        format!("--remap-path-prefix={}=", root.display()),
        format!("--remap-path-prefix={}=cargo", cargo_home.display()),
    ];
    if target == BARE {
        // Links a component, as the WASI target does by itself; comes with the toolchain.
        let tools = PathBuf::from(rustc(&["--print", "sysroot"]))
            .join("lib/rustlib")
            .join(var("HOST"))
            .join("bin");
        flags.extend([
            format!("-Clinker={}", tools.join("wasm-component-ld").display()),
            "-Clinker-flavor=wasm-ld".to_owned(),
            format!(
                "-Clink-arg=--wasm-ld-path={}",
                tools.join("gcc-ld/wasm-ld").display()
            ),
        ]);
    }
    flags
}

/// Whether a variable of this build would change how the policies are built.
fn leaks_into_guests(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    let whole = [
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_INCREMENTAL",
        "TARGET",
        "OUT_DIR",
    ];
    let parts = [
        "CARGO_PROFILE_",
        "CARGO_FEATURE_",
        "CARGO_CFG_",
        "CARGO_BUILD_",
        "CARGO_TARGET_",
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CLIPPY_",
    ];
    whole.contains(&&*name)
        || name.ends_with("FLAGS")
        || name.starts_with("RUSTC_") // wrappers
        || parts.iter().any(|part| name.starts_with(part))
}

/// Makes sure that the toolchain in use can compile for WebAssembly.
fn need_target(target: &str) {
    let installed =
        || Path::new(&rustc(&["--print", "target-libdir", "--target", target])).is_dir();
    if installed() {
        return;
    }
    // Rustup adds the targets that rust-toolchain.toml lists only when it installs the toolchain itself.
    let toolchain = env::var("RUSTUP_TOOLCHAIN").ok();
    let mut args = vec!["target", "add", target];
    if let Some(toolchain) = &toolchain {
        args.extend(["--toolchain", toolchain]);
    }
    let added = Command::new("rustup")
        .args(&args)
        .status()
        .is_ok_and(|status| status.success());
    assert!(
        added && installed(),
        "the policies are compiled for {target}, which is not installed; run `rustup {}`",
        args.join(" ")
    );
}

fn rustc(args: &[&str]) -> String {
    let output = Command::new(var("RUSTC"))
        .args(args)
        .output()
        .expect("rustc can be started");
    String::from_utf8(output.stdout)
        .expect("a path in UTF-8")
        .trim()
        .to_owned()
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
