//! What is refused before it is used, and how that is said.

use std::path::Path;

use tbengine_plugin_host::{Code, PluginError, Plugins};

use crate::support::{hostile, library, load_all, load_library, options, spec};

fn refusal(flags: &[&str]) -> String {
    let built = hostile(flags);
    load_library(&built.path)
        .expect_err("it is refused")
        .to_string()
}

#[test]
fn libraries_that_do_not_fit_are_refused_with_a_reason() {
    let protocol = r#"-DDESCRIPTOR="{\"name\":\"x\",\"version\":\"9.9\",\"protocol\":7,\"sdk\":\"tbengine-sdk 7.0\"}""#;
    let kinds = r#"-DDESCRIPTOR="{\"name\":\"x\",\"version\":\"1\",\"protocol\":2,\"kinds\":[]}""#;
    let version = env!("CARGO_PKG_VERSION");
    for (flags, says) in [
        (
            &["-DENTRY=something_else"][..],
            &["is not a tbengine plugin", "tbengine_plugin_v2", "cdylib"][..],
        ),
        (
            &["-DENTRY=tbengine_plugin_v3"],
            &["implements version 3", version, "upgrade"],
        ),
        (
            &["-DREFUSE", "-Wno-unused"],
            &["refuses this host", version, "upgrade"],
        ),
        (&["-DSIZE=16"], &["16 bytes", "version 2"]),
        (&["-DCALL=NULL", "-Wno-unused"], &["lacks a function"]),
        (
            &[protocol],
            &[
                "version 7 of the protocol (built with tbengine-sdk 7.0)",
                version,
                "supports version 2",
            ],
        ),
        (&[kinds], &["has no backend kind", "backend!"]),
        (&[r#"-DKIND="Two words""#], &["invalid kind `Two words`"]),
        (
            &[r#"-DDESCRIPTOR="nonsense""#],
            &["has an invalid description"],
        ),
    ] {
        let error = refusal(flags);
        for part in says {
            assert!(error.contains(part), "{flags:?}: {error}");
        }
    }
}

#[test]
fn what_is_no_library_is_refused() {
    crate::c::take_usual_mask();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.so");
    std::fs::write(&path, "this is not a library").unwrap();
    let error = load_library(&path).unwrap_err();
    assert!(matches!(error, PluginError::Load { .. }), "{error}");
    assert!(error.to_string().contains("text.so"), "{error}");
}

#[test]
fn many_libraries_are_distinguished_although_their_descriptors_had_the_same_number() {
    // The loader knows what is loaded by the name of its descriptor's file.
    for number in 0..4 {
        let kind = format!("apart-{number}");
        let built = hostile(&[&format!("-DKIND=\"{kind}\"")]);
        let plugin = load_library(&built.path).unwrap();
        assert_eq!(plugin.descriptor.kinds[0].kind, kind);
    }
}

#[test]
fn two_providers_of_one_kind_are_refused() {
    let (one, two) = (hostile(&["-DKIND=\"twin\""]), hostile(&["-DKIND=\"twin\""]));
    let error = load_all(&[("one", &one.path), ("two", &two.path)])
        .unwrap_err()
        .to_string();
    for part in ["plugin `one`", "plugin `two`", "`twin`", "[plugins]"] {
        assert!(error.contains(part), "{error}");
    }
    // The same file under two names is the same.
    assert!(load_all(&[("one", &one.path), ("again", &one.path)]).is_err());
    // This program has the simulated provider built in, and the library brings it as well.
    let error = load_all(&[("tests", &library())]).unwrap_err().to_string();
    assert!(
        error.contains("tbengine itself") && error.contains("`memory`"),
        "{error}"
    );
    load_all(&[("one", &one.path)]).unwrap();
}

#[test]
fn a_file_that_changed_in_place_is_not_taken_for_what_it_was() {
    let built = hostile(&["-DKIND=\"changes\""]);
    load_library(&built.path).unwrap();
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&built.path)
        .unwrap();
    file.write_all(b"\0").unwrap();
    let error = load_library(&built.path).unwrap_err();
    assert!(matches!(error, PluginError::Changed { .. }), "{error}");
}

#[test]
fn the_pin_and_the_place_are_checked() {
    let built = hostile(&["-DKIND=\"pinned\""]);
    let mut pinned = spec("pinned", Code::Library("plugin.so".into()));
    let mut options = options(std::time::Duration::from_secs(60));
    options.places = vec![built.folder.path().to_owned()];
    let digest = {
        use sha2::{Digest, Sha256};
        hex::encode(Sha256::digest(std::fs::read(&built.path).unwrap()))
    };
    pinned.sha256 = Some(digest.clone());
    let plugins = Plugins::load(std::slice::from_ref(&pinned), &options).unwrap();
    assert_eq!(plugins.all()[0].sha256, digest);
    for (pin, says) in [
        (None, digest.as_str()),
        (Some("00".to_owned()), "pinned is"),
    ] {
        pinned.sha256 = pin;
        let error = Plugins::load(std::slice::from_ref(&pinned), &options)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("plugin `pinned` is refused") && error.contains(says),
            "{error}"
        );
    }
    pinned.code = Code::Library(Path::new("./plugin.so").into());
    assert!(
        Plugins::load(&[pinned], &options)
            .unwrap_err()
            .to_string()
            .contains("relative path")
    );
}
