//! Compiles the policies to components, with nothing but the toolchain in use.
//!
//! The bytes depend on the sources and the toolchain only, so that a digest names a policy: neither
//! this build's flags and profile nor the paths get into them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "wasm32-unknown-unknown";
const BUILTINS: &[&str] = &["default", "aggressive"];
const TESTING: &[&str] = &["hostile"];

fn main() {
    let policies = PathBuf::from(var("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a parent")
        .to_path_buf();
    let root = policies.parent().expect("a parent").to_path_buf();
    let out = PathBuf::from(var("OUT_DIR"));
    for source in [
        "policies/Cargo.toml",
        "policies/Cargo.lock",
        "policies/rules",
        "policies/default",
        "policies/aggressive",
        "sdk/policy",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let mut wanted = BUILTINS.to_vec();
    if env::var_os("CARGO_FEATURE_TESTING").is_some() {
        println!(
            "cargo::rerun-if-changed={}",
            policies.join("testing").display()
        );
        wanted.extend(TESTING);
    }

    need_target();
    build(&root, &policies, &out, &wanted);
    for name in wanted {
        let built = out
            .join("policies")
            .join(TARGET)
            .join("release")
            .join(format!("{name}.wasm"));
        fs::copy(&built, out.join(format!("{name}.wasm")))
            .unwrap_or_else(|error| panic!("{}: {error}", built.display()));
    }
}

fn build(root: &Path, policies: &Path, out: &Path, wanted: &[&str]) {
    let tools = PathBuf::from(rustc(&["--print", "sysroot"]))
        .join("lib/rustlib")
        .join(var("HOST"))
        .join("bin");
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .expect("a home directory");
    let flags = [
        // Links a component; comes with the target.
        format!("-Clinker={}", tools.join("wasm-component-ld").display()),
        "-Clinker-flavor=wasm-ld".to_owned(),
        format!(
            "-Clink-arg=--wasm-ld-path={}",
            tools.join("gcc-ld/wasm-ld").display()
        ),
        format!("--remap-path-prefix={}=", root.display()),
        format!("--remap-path-prefix={}=cargo", cargo_home.display()),
    ];

    let mut cargo = Command::new(var("CARGO"));
    for name in env::vars_os()
        .map(|(name, _)| name)
        .filter(leaks_into_guests)
    {
        cargo.env_remove(name);
    }
    // The unit separator lets paths hold blanks.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    cargo.args(["build", "--release", "--locked", "--target", TARGET]);
    cargo
        .arg("--manifest-path")
        .arg(policies.join("Cargo.toml"));
    // The outer cargo holds the lock of its own target directory.
    cargo.arg("--target-dir").arg(out.join("policies"));
    for name in wanted {
        cargo.args(["--package", &format!("tbengine-policy-{name}")]);
    }
    let status = cargo.status().expect("cargo can be started");
    assert!(status.success(), "building the policies failed; see above");
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
fn need_target() {
    let installed =
        || Path::new(&rustc(&["--print", "target-libdir", "--target", TARGET])).is_dir();
    if installed() {
        return;
    }
    // Rustup adds the targets that rust-toolchain.toml lists only when it installs the toolchain itself.
    let toolchain = env::var("RUSTUP_TOOLCHAIN").ok();
    let mut args = vec!["target", "add", TARGET];
    if let Some(toolchain) = &toolchain {
        args.extend(["--toolchain", toolchain]);
    }
    let added = Command::new("rustup")
        .args(&args)
        .status()
        .is_ok_and(|status| status.success());
    assert!(
        added && installed(),
        "the policies are compiled for {TARGET}, which is not installed; run `rustup {}`",
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
