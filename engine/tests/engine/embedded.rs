//! What is embedded is what the sources say.

use sha2::{Digest, Sha256};

#[test]
fn every_builtin_is_a_component_found_by_its_name() {
    for builtin in tbengine_builtins::ALL {
        // The magic number, then version 13 in the component layer.
        assert_eq!(builtin.wasm[..8], *b"\0asm\x0d\0\x01\0", "{}", builtin.name);
        assert_eq!(
            tbengine_builtins::get(builtin.name).unwrap().wasm,
            builtin.wasm
        );
    }
    assert!(tbengine_builtins::get("nothing").is_none());
}

#[test]
fn the_guests_bindings_were_generated_from_the_wit_as_it_is() {
    let wit = include_bytes!("../../../sdk/policy/wit/3.0/policy.wit");
    let bindings = include_str!("../../../sdk/policy/src/bindings.rs");
    let first = format!(
        "// wit/3.0/policy.wit sha256 {}",
        hex::encode(Sha256::digest(wit))
    );
    assert_eq!(
        bindings.lines().next(),
        Some(&*first),
        "run sdk/policy/regenerate.sh"
    );
}

#[test]
fn the_templates_bindings_for_c_were_generated_from_the_wit_as_it_is() {
    let wit = include_bytes!("../../../sdk/policy/wit/3.0/policy.wit");
    let first = format!(
        "// wit/3.0/policy.wit sha256 {}",
        hex::encode(Sha256::digest(wit))
    );
    for file in [
        include_str!("../../../policies/templates/c/gen/policy.h"),
        include_str!("../../../policies/templates/c/gen/policy.c"),
    ] {
        assert_eq!(
            file.lines().next(),
            Some(&*first),
            "run sdk/policy/regenerate.sh"
        );
    }
}

#[test]
fn no_path_of_the_building_machine_is_embedded() {
    let here = env!("CARGO_MANIFEST_DIR")
        .trim_end_matches("/engine")
        .as_bytes();
    for builtin in tbengine_builtins::ALL {
        assert!(
            !builtin
                .wasm
                .windows(here.len())
                .any(|window| window == here),
            "{}",
            builtin.name
        );
    }
}
