//! The header compiles as C and as C++, and lays its tables out as the mirror in Rust does.

use std::mem::{align_of, offset_of, size_of};
use std::path::Path;
use std::process::Command;

use tbengine_sdk::abi::{Bytes, HostV2, PluginV2};

/// What is compared, and what it is in Rust. The text is an expression in C and C++ alike.
fn layout() -> Vec<(&'static str, usize)> {
    macro_rules! fields {
        ($c:literal, $rust:ty: $($field:ident)*) => {
            [
                (concat!("sizeof(", $c, ")"), size_of::<$rust>()),
                (concat!("alignof(", $c, ")"), align_of::<$rust>()),
                $((concat!("offsetof(", $c, ", ", stringify!($field), ")"), offset_of!($rust, $field)),)*
            ]
        };
    }
    [
        &fields!("tbe_bytes", Bytes: ptr len)[..],
        &fields!("tbe_host_v2", HostV2: size complete log log_level)[..],
        &fields!("tbe_plugin_v2", PluginV2: size descriptor open call cancel close)[..],
        &[("sizeof(tbe_status)", 4), ("sizeof(tbe_call)", 8)],
    ]
    .concat()
}

fn compile_and_run(compiler: &str, standard: &str, file: &str) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let mut source = String::from(
        "#include \"tbengine_plugin.h\"\n#include <stdio.h>\n#ifndef __cplusplus\n#include <stdalign.h>\n#endif\n\
         int main(void) {\n",
    );
    for (expression, _) in layout() {
        source.push_str(&format!("    printf(\"%zu\\n\", (size_t) {expression});\n"));
    }
    source.push_str("    return 0;\n}\n");
    let (path, program) = (folder.path().join(file), folder.path().join("layout"));
    std::fs::write(&path, source).expect("the source can be written");
    let output = Command::new(compiler)
        .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
        .arg(&include)
        .arg(&path)
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap_or_else(|error| panic!("{compiler} does not start: {error}"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{compiler} {standard}: {complaints}"
    );
    assert_eq!(complaints, "", "{compiler} {standard} warns");
    let printed = Command::new(&program).output().expect("the program runs");
    let printed = String::from_utf8_lossy(&printed.stdout);
    let numbers: Vec<usize> = printed
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    assert_eq!(numbers.len(), layout().len());
    for ((expression, rust), c) in layout().into_iter().zip(numbers) {
        assert_eq!(c, rust, "{expression} with {compiler} {standard}");
    }
}

#[test]
fn the_header_is_c11_and_fits_the_mirror() {
    compile_and_run("cc", "-std=c11", "layout.c");
}

#[test]
fn the_header_is_cpp17_and_fits_the_mirror() {
    compile_and_run("c++", "-std=c++17", "layout.cpp");
}
