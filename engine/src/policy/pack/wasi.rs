//! The adapter for WASI preview 1: denies all but standard error.
//!
//! Clocks count their own reads, random bytes are zero, and there is nothing to open. It runs inside the
//! component, so nothing leaves the instance; what is written to the standard streams goes to the engine,
//! which keeps it for the report of a fault.

use std::fmt::Write as _;

/// Every function of WASI preview 1 with its parameters, `i` of 32 bits and `I` of 64. All but `proc_exit`
/// return an error number.
const FUNCTIONS: [(&str, &str); 46] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// The insides of those that do more than deny.
const GRANTED: [(&str, &str); 10] = [
    ("args_get", "(i32.const 0)"),
    ("environ_get", "(i32.const 0)"),
    ("args_sizes_get", NONE),
    ("environ_sizes_get", NONE),
    ("clock_res_get", "(i64.store (local.get 1) (i64.const 1000)) (i32.const 0)"),
    // Starts above zero, which Go refuses.
    (
        "clock_time_get",
        "(global.set $clock (i64.add (global.get $clock) (i64.const 1000)))
         (i64.store (local.get 2) (global.get $clock)) (i32.const 0)",
    ),
    (
        "random_get",
        "(memory.fill (local.get 0) (i32.const 0) (local.get 1)) (i32.const 0)",
    ),
    ("sched_yield", "(i32.const 0)"),
    ("proc_exit", "unreachable"),
    // Writes each piece, as far as the host takes it at a time, up to the first that is cut off. The host's
    // answer needs twelve bytes of memory: those at 16 are put back afterwards.
    (
        "fd_write",
        "(local $written i32) (local $size i32) (local $a i64) (local $b i64)
         (if (i32.gt_u (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
         (block $end (loop $next
           (br_if $end (i32.eqz (local.get 2)))
           (local.set $size (i32.load offset=4 (local.get 1)))
           (if (i32.gt_u (local.get $size) (i32.const 4096)) (then (local.set $size (i32.const 4096))))
           (if (local.get $size) (then
             (local.set $a (i64.load (i32.const 16)))
             (local.set $b (i64.load (i32.const 24)))
             (call $stderr (call $open) (i32.load (local.get 1)) (local.get $size) (i32.const 16))
             (i64.store (i32.const 16) (local.get $a))
             (i64.store (i32.const 24) (local.get $b))))
           (local.set $written (i32.add (local.get $written) (local.get $size)))
           (br_if $end (i32.lt_u (local.get $size) (i32.load offset=4 (local.get 1))))
           (local.set 1 (i32.add (local.get 1) (i32.const 8)))
           (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
           (br $next)))
         (i32.store (local.get 3) (local.get $written)) (i32.const 0)",
    ),
];

const NONE: &str =
    "(i32.store (local.get 0) (i32.const 0)) (i32.store (local.get 1) (i32.const 0)) (i32.const 0)";

/// `EBADF`: there is no such file.
const DENIED: &str = "(i32.const 8)";

/// The parameters of a function of WASI preview 1, if there is one of this name.
pub(super) fn params(name: &str) -> Option<&'static str> {
    FUNCTIONS
        .iter()
        .find_map(|(known, params)| (*known == name).then_some(*params))
}

/// The type of a function, as text.
pub(super) fn signature(name: &str) -> String {
    let mut text = String::new();
    for param in params(name).unwrap_or_default().chars() {
        text.push_str(if param == 'I' {
            "(param i64) "
        } else {
            "(param i32) "
        });
    }
    if name != "proc_exit" {
        text.push_str("(result i32)");
    }
    text
}

/// The adapter for these functions, as the text of a core module.
pub(super) fn adapter<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from(
        r#"(core module $adapter-module
    (import "env" "memory" (memory 0))
    (import "env" "open" (func $open (result i32)))
    (import "env" "stderr" (func $stderr (param i32 i32 i32 i32)))
    (global $clock (mut i64) (i64.const 1000000000))
"#,
    );
    for name in names {
        let body = GRANTED
            .iter()
            .find_map(|(granted, body)| (*granted == name).then_some(*body))
            .unwrap_or(DENIED);
        let signature = signature(name);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "    (func ${name} (export \"{name}\") {signature} {body})"
        );
    }
    text.push_str("  )");
    text
}

/// The standard error of the host, lowered to core functions.
pub(super) const STDERR: &str = r#"(import "wasi:io/error@0.2.0" (instance $io-error (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $io-error-type))
  (import "wasi:io/streams@0.2.0" (instance $io-streams
    (alias outer $policy $io-error-type (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (export "output-stream" (type $output-stream (sub resource)))
    (type $own-error (own $error))
    (type $failed (variant (case "last-operation-failed" $own-error) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failed)))
    (type $self (borrow $output-stream))
    (type $contents (list u8))
    (type $answer (result (error $stream-error)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" $self) (param "contents" $contents) (result $answer)))))
  (alias export $io-streams "output-stream" (type $output-stream))
  (alias export $io-streams "[method]output-stream.blocking-write-and-flush" (func $write))
  (import "wasi:cli/stderr@0.2.0" (instance $cli-stderr
    (alias outer $policy $output-stream (type $outer-stream))
    (export "output-stream" (type $stream (eq $outer-stream)))
    (type $own-stream (own $stream))
    (export "get-stderr" (func (result $own-stream)))))
  (alias export $cli-stderr "get-stderr" (func $get-stderr))
  (core func $open (canon lower (func $get-stderr)))
  (core func $stderr (canon lower (func $write) (memory $memory)))"#;
