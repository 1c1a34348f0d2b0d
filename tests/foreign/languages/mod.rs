//! One policy in every language, made as the language's page says from an empty folder, and deciding alike.
//!
//! The compilers are installed once below the target directory, by `policies/templates/tools`. What they made
//! of the same inputs is kept there as well.

mod compiled;
mod oracle;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use tbengine_engine::policy::{
    Candidate, Limits, Policy, PolicyEngine, PolicyEngineOptions, Version,
};
use tbengine_sdk::Labels;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

/// What stands in front of `PATH` so that the compilers are found.
static TOOLS: LazyLock<String> = LazyLock::new(|| {
    let output = Command::new(format!("{ROOT}/policies/templates/tools"))
        .arg(format!("{TARGET}/policy-tools"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "the compilers could not be installed"
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
});

static ENGINE: LazyLock<PolicyEngine> = LazyLock::new(|| {
    let cache_dir = Some(PathBuf::from(TARGET).join("policy-cache/tbengine/wasm"));
    PolicyEngine::new(PolicyEngineOptions {
        cache_dir,
        ..PolicyEngineOptions::default()
    })
    .unwrap()
});

/// The commands of a page that begin, build and test a policy.
fn commands(language: &str) -> String {
    let page = fs::read_to_string(format!("{ROOT}/docs/policies/{language}.md")).unwrap();
    let mut script = String::new();
    let mut section = "";
    for line in page.lines() {
        section = line.strip_prefix("## ").unwrap_or(section);
        if let ("Start" | "Build" | "Test", Some(command)) = (section, line.strip_prefix("$ ")) {
            script.push_str(command);
            script.push('\n');
        }
    }
    script
}

/// The folder that every page makes and works in.
const FOLDER: &str = "max-age";

/// Carries the commands of a page out in an empty folder, and gives the policy that came of it.
fn made(page: &str, script: &str) -> Vec<u8> {
    tbengine_harness::surroundings::make_usual();
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join(FOLDER);
    let (start, rest) = script
        .split_once(&format!("cd {FOLDER}\n"))
        .unwrap_or_else(|| panic!("docs/policies/{page}.md does not begin with a folder"));
    // What compilers do comes first, and then what the program does with it.
    let lines: Vec<&str> = rest.lines().collect();
    let is_ours = |line: &&str| line.starts_with("tbengine ");
    let compilers = lines.iter().take_while(|line| !is_ours(line)).count();
    let (compile, finish) = lines.split_at(compilers);
    assert!(finish.iter().all(is_ours), "docs/policies/{page}.md");
    carry_out(page, folder.path(), folder.path(), start);
    compiled::keep(&inside, &compile.join("\n"), || {
        carry_out(page, folder.path(), &inside, &compile.join("\n"));
    });
    let said = carry_out(page, folder.path(), &inside, &finish.join("\n"));
    assert!(said.contains("ok     tests/host.expected.json"), "{said}");
    fs::read(inside.join("max-age.wasm")).unwrap()
}

/// Runs commands of a page, and gives what they wrote to the standard output.
fn carry_out(page: &str, home: &Path, folder: &Path, script: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_tbengine")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("set -eux\n{script}"))
        .current_dir(folder)
        .env("PATH", format!("{}:{}:{path}", program.display(), &*TOOLS))
        .env("XDG_CACHE_HOME", format!("{TARGET}/policy-cache"))
        .env("XDG_CONFIG_HOME", home)
        .env("XDG_STATE_HOME", home)
        .env("ZIG_GLOBAL_CACHE_DIR", format!("{TARGET}/policy-cache/zig"))
        .env("GOCACHE", format!("{TARGET}/policy-cache/go"))
        .env("GOTOOLCHAIN", "local");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("TBENGINE_") || name.starts_with("CARGO_") && name != "CARGO_HOME" {
            shell.env_remove(&*name);
        }
    }
    let output = shell.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "docs/policies/{page}.md: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Leaves a policy for the benchmark of the languages.
fn keep(language: &str, wasm: &[u8]) {
    let kept = PathBuf::from(TARGET).join("policy-languages");
    fs::create_dir_all(&kept).unwrap();
    fs::write(kept.join(format!("{language}.wasm")), wasm).unwrap();
}

/// Compares all that a policy answers with the same rules in this process.
fn judges_alike(wasm: &[u8], language: &str) {
    let compiled = ENGINE.load(wasm, language).unwrap();
    assert_eq!(compiled.version(), Version::NEWEST);
    let params = &compiled.description().params;
    let names: Vec<_> = params.iter().map(|param| param.name.as_str()).collect();
    assert_eq!(
        (compiled.description().name.as_str(), names),
        ("max-age", vec!["older-than", "keep-label"])
    );
    let resources = oracle::resources();
    let candidates: Vec<Candidate<'_>> = resources.iter().map(Candidate::alone).collect();
    for (given, older_than, keep) in [
        (&[][..], 24, "keep"),
        (&[("older-than", "1h"), ("keep-label", "ключ")], 1, "ключ"),
        (&[("older-than", "500d")], 500 * 24, "keep"),
    ] {
        let given: BTreeMap<String, String> = given
            .iter()
            .map(|(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let policy = compiled.configure(&given, Limits::default()).unwrap();
        // Twice: the same question gets the same answer.
        for _ in 0..2 {
            let answer = policy.decide(&oracle::context(), &candidates).unwrap();
            let expected = oracle::decide(&resources, older_than, keep);
            assert!(expected.len() > 50 && expected.len() < resources.len());
            for (got, wanted) in answer.proposals.iter().zip(&expected) {
                assert_eq!(got, wanted);
            }
            assert_eq!(answer.proposals.len(), expected.len());
        }
        for (failure, advice) in oracle::failures() {
            assert_eq!(
                policy.retry(&oracle::context(), &failure),
                Ok(advice),
                "{failure:?}"
            );
        }
    }
    let nothing = [("older-than".to_owned(), "0s".to_owned())].into();
    let refused = compiled.configure(&nothing, Limits::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "policy `max-age` rejected its parameters: older-than: must be more than nothing"
    );
}

macro_rules! languages {
    ($($language:ident,)*) => {
        $(#[test]
        fn $language() {
            let language = stringify!($language);
            let wasm = made(language, &commands(language));
            keep(language, &wasm);
            judges_alike(&wasm, language);
        })*

        #[test]
        fn every_page_is_carried_out() {
            let mut pages: Vec<String> = fs::read_dir(format!("{ROOT}/docs/policies"))
                .unwrap()
                .map(|page| page.unwrap().file_name().into_string().unwrap())
                .collect();
            pages.sort();
            assert_eq!(pages, [$(concat!(stringify!($language), ".md")),*]);
        }
    };
}

languages! {
    assemblyscript,
    c,
    cpp,
    go,
    javascript,
    nim,
    python,
    rust,
    typescript,
    wat,
    zig,
}

#[test]
fn rust_without_wasi_is_packed_and_judges_alike() {
    // The other way that the page names.
    let script = commands("rust")
        .replace("wasm32-wasip2", "wasm32-unknown-unknown")
        .replace("cp target", "tbengine policy pack target")
        .replace("max_age.wasm max-age.wasm", "max_age.wasm -o max-age.wasm");
    assert!(script.contains(
        "policy pack target/wasm32-unknown-unknown/release/max_age.wasm -o max-age.wasm"
    ));
    let wasm = made("rust", &script);
    keep("rust-unknown", &wasm);
    judges_alike(&wasm, "rust-unknown");
}

#[test]
fn a_panic_is_shown_with_its_file_and_line() {
    // A rule with a mistake that no fixture shows, and the profile that the page names.
    let (rule, mistake) = (
        "let age = now.checked_sub(one.born()?)?;",
        r#"assert!(one.name != "boom", "no such name");"#,
    );
    let source = fs::read_to_string(format!("{ROOT}/policies/templates/rust/src/lib.rs")).unwrap();
    let line = 1 + source.lines().position(|line| line.trim() == rule).unwrap();
    let edits = format!(
        "sed -i 's/{rule}/{mistake} {rule}/' src/lib.rs\n\
         sed -i 's/^strip = .*/strip = \"none\"\\ndebug = true/' Cargo.toml\n"
    );
    let wasm = made(
        "rust",
        &commands("rust").replace("cargo build", &format!("{edits}cargo build")),
    );
    let compiled = ENGINE.load(&wasm, "rust").unwrap();
    let policy = compiled
        .configure(&BTreeMap::new(), Limits::default())
        .unwrap();
    let mut resource = oracle::resources().swap_remove(0);
    resource.labels = Labels::default();
    resource.name = "boom".into();
    let candidate = Candidate::alone(&resource);
    let fault = policy.decide(&oracle::context(), &[candidate]).unwrap_err();
    let at = format!("src/lib.rs:{line}");
    let said = format!("{:?} {}", fault.log, fault.stderr);
    assert!(
        said.contains("no such name") && said.contains(&at),
        "{fault:?}"
    );
    let mut frames = fault.backtrace.iter();
    assert!(frames.any(|frame| frame.contains(&at)), "{fault:?}");
}
