//! The adapter for WASI preview 1: denies all but standard error.
//!
//! Clocks count their own reads, random bytes are zero, and there is nothing to open. It runs inside the
//! component, so nothing leaves the instance; what is written to the standard streams goes to the engine,
//! which keeps it for the report of a fault.

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
             (call $stderr (call $opened) (i32.load (local.get 1)) (local.get $size) (i32.const 16))
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
fn signature(name: &str) -> String {
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

/// The adapter, as the text of a core module that imports what [`WIT`] says. Of its functions only those stay
/// in a component that the policy imports.
pub(super) fn adapter() -> String {
    let mut text = String::from(
        r#"(module $adapter
    (import "env" "memory" (memory 0))
    (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $open (result i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
      (func $stderr (param i32 i32 i32 i32)))
    (global $clock (mut i64) (i64.const 1000000000))
    ;; The stream is opened once: a handle for each piece would soon be more than there may be.
    (global $handle (mut i32) (i32.const -1))
    (func $opened (result i32)
      (if (i32.eq (global.get $handle) (i32.const -1)) (then (global.set $handle (call $open))))
      (global.get $handle))
"#,
    );
    for (name, _) in FUNCTIONS {
        let body = GRANTED
            .iter()
            .find_map(|(granted, body)| (*granted == name).then_some(*body))
            .unwrap_or(DENIED);
        let signature = signature(name);
        text.push_str(&format!(
            "    (func ${name} (export \"{name}\") {signature} {body})\n"
        ));
    }
    text.push_str("  )");
    text
}

/// What the adapter imports: the standard error of the host, and no more of it than is used.
pub(super) const WIT: &str = "package tbengine:adapter;

world adapter { import wasi:cli/stderr@0.2.0; }

package wasi:cli@0.2.0 {
    interface stderr {
        use wasi:io/streams@0.2.0.{output-stream};
        get-stderr: func() -> output-stream;
    }
}

package wasi:io@0.2.0 {
    interface error { resource error; }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }
}";
