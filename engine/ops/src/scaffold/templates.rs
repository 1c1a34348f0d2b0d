//! The templates of policies, one for each language.
//!
//! They lie in `policies/templates`; a README is the language's page of the documents.

/// What is written for a language.
pub(super) struct Template {
    /// The word for it.
    pub(super) language: &'static str,
    /// Paths, and what is in the files.
    pub(super) files: &'static [(&'static str, &'static str)],
}

macro_rules! file {
    ($($part:literal),+) => {
        include_str!(concat!("../../../../", $($part),+))
    };
}

macro_rules! template {
    ($language:literal: $($path:literal = $file:literal,)*) => {
        Template {
            language: $language,
            files: &[
                ("README.md", file!("docs/policies/", $language, ".md")),
                ("tests/host.json", file!("policies/templates/tests/host.json")),
                ("tests/host.expected.json", file!("policies/templates/tests/host.expected.json")),
                ("tests/host.12h.expected.json", file!("policies/templates/tests/host.12h.expected.json")),
                $(($path, file!("policies/templates/", $file)),)*
            ],
        }
    };
}

/// Every template, by the word for its language.
pub(super) const TEMPLATES: &[Template] = &[
    template!("assemblyscript": "policy.ts" = "assemblyscript/policy.ts", "abi.ts" = "assemblyscript/abi.ts",),
    template!("c":
        "policy.c" = "c/policy.c",
        "gen/policy.h" = "c/gen/policy.h",
        "gen/policy.c" = "c/gen/policy.c",
    ),
    template!("cpp":
        "policy.cpp" = "cpp/policy.cpp",
        "gen/policy.h" = "c/gen/policy.h",
        "gen/policy.c" = "c/gen/policy.c",
    ),
    template!("go": "policy.go" = "go/policy.go", "abi.go" = "go/abi.go", "go.mod" = "go/go.mod",),
    template!("javascript": "policy.js" = "javascript/policy.js", "policy.wit" = "../../sdk/policy/wit/3.0/policy.wit",),
    template!("nim":
        "policy.nim" = "nim/policy.nim",
        "contract.nim" = "nim/contract.nim",
        "gen/policy.h" = "c/gen/policy.h",
        "gen/policy.c" = "c/gen/policy.c",
    ),
    template!("python": "app.py" = "python/app.py", "policy.wit" = "../../sdk/policy/wit/3.0/policy.wit",),
    template!("rust":
        "Cargo.toml" = "rust/Cargo.toml",
        "src/lib.rs" = "rust/src/lib.rs",
        "sdk/Cargo.toml" = "../../sdk/policy/Cargo.toml",
        "sdk/src/allocator.rs" = "../../sdk/policy/src/allocator.rs",
        "sdk/src/bindings.rs" = "../../sdk/policy/src/bindings.rs",
        "sdk/src/export.rs" = "../../sdk/policy/src/export.rs",
        "sdk/src/facts.rs" = "../../sdk/policy/src/facts.rs",
        "sdk/src/flags.rs" = "../../sdk/policy/src/flags.rs",
        "sdk/src/interest.rs" = "../../sdk/policy/src/interest.rs",
        "sdk/src/lib.rs" = "../../sdk/policy/src/lib.rs",
        "sdk/src/log.rs" = "../../sdk/policy/src/log.rs",
        "sdk/src/params.rs" = "../../sdk/policy/src/params.rs",
        "sdk/src/policy.rs" = "../../sdk/policy/src/policy.rs",
        "sdk/src/rt.rs" = "../../sdk/policy/src/rt.rs",
        "sdk/src/times.rs" = "../../sdk/policy/src/times.rs",
        "sdk/src/verdicts.rs" = "../../sdk/policy/src/verdicts.rs",
        "sdk/src/veto.rs" = "../../sdk/policy/src/veto.rs",
        "sdk/src/veto_bindings.rs" = "../../sdk/policy/src/veto_bindings.rs",
    ),
    template!("typescript":
        "policy.ts" = "typescript/policy.ts",
        "contract.ts" = "typescript/contract.ts",
        "policy.wit" = "../../sdk/policy/wit/3.0/policy.wit",
    ),
    template!("wat": "max-age.wat" = "wat/max-age.wat",),
    template!("zig": "policy.zig" = "zig/policy.zig", "contract.zig" = "zig/contract.zig",),
];
