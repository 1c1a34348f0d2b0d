//! The contract tbengine:policy@2.0.0 for Zig. It needs no generator and no library: an `extern struct` lies in memory as the
//! canonical ABI lays a record out. An instance serves one call of the engine and is then dropped, so nothing is freed, and
//! texts that are returned may be constants or the engine's own.

const std = @import("std");

pub const allocator = std.heap.wasm_allocator;

/// A list as it crosses the boundary.
pub fn List(comptime T: type) type {
    return extern struct {
        ptr: [*]const T,
        len: usize,

        pub fn slice(self: @This()) []const T {
            // The pointer of an empty list is undefined.
            return if (self.len == 0) &.{} else self.ptr[0..self.len];
        }

        pub fn from(items: []const T) @This() {
            return .{ .ptr = items.ptr, .len = items.len };
        }
    };
}

pub const Text = List(u8);
pub const Pair = extern struct { key: Text, value: Text };
pub const Pairs = List(Pair);

pub fn text(literal: []const u8) Text {
    return Text.from(literal);
}

/// A value that may be unknown.
pub fn Optional(comptime T: type) type {
    return extern struct {
        known: bool = false,
        value: T = undefined,

        pub fn get(self: @This()) ?T {
            return if (self.known) self.value else null;
        }

        pub fn from(value: ?T) @This() {
            return if (value) |known| .{ .known = true, .value = known } else .{};
        }
    };
}

pub const Kind = enum(u8) { container, sandbox, network, volume, image, snapshot, other };
pub const State = enum(u8) {
    pending,
    created,
    running,
    paused,
    restarting,
    exited,
    stopped,
    archived,
    failed,
    dead,
    removing,
    present,
    unknown,
};
pub const Owner = extern struct { is: enum(u8) { run, benchmark, other, unknown }, name: Text };
pub const Usage = extern struct { cpu_millis: Optional(u64), memory_bytes: Optional(u64), disk_bytes: Optional(u64) };

/// A thing that can leak. Times are milliseconds since 1970, sizes are bytes.
pub const Resource = extern struct {
    id: Text,
    backend: Text,
    kind: Kind,
    name: Text,
    state: State,
    exit_code: Optional(i64),
    created: Optional(u64),
    started: Optional(u64),
    finished: Optional(u64),
    last_activity: Optional(u64),
    unit: Optional(Text),
    owner: Owner,
    claimed: bool,
    usage: Usage,
    holders: List(Text),
    labels: Pairs,
    attrs: Pairs,
};

pub const Context = struct { now: u64, run_id: []const u8, dry_run: bool };

pub const FailureKind = enum(u8) {
    transient,
    in_progress,
    conflict,
    dependency,
    rate_limited,
    unavailable,
    denied,
    invalid,
    unsupported,
    internal,
    other,
};
/// An attempt that failed.
pub const Failure = extern struct {
    id: Text,
    backend: Text,
    kind: Kind,
    operation: Text,
    failure: FailureKind,
    message: Text,
    attempt: u32,
    elapsed_ms: u64,
    retry_after_ms: Optional(u64),
    attrs: Pairs,
};

pub const Force = enum(u8) { never, on_retry, always };
pub const StopOptions = extern struct { reason: Text, grace_ms: Optional(u64) = .{}, priority: i32 = 0 };
pub const DeleteOptions = extern struct {
    reason: Text,
    force: Force = .never,
    grace_ms: Optional(u64) = .{},
    priority: i32 = 0,
};
pub const Action = extern struct {
    tag: enum(u8) { keep, stop, delete, archive },
    is: extern union { keep: Text, stop: StopOptions, delete: DeleteOptions, archive: StopOptions },

    pub fn keep(reason: []const u8) Action {
        return .{ .tag = .keep, .is = .{ .keep = text(reason) } };
    }
    pub fn stop(options: StopOptions) Action {
        return .{ .tag = .stop, .is = .{ .stop = options } };
    }
    pub fn delete(options: DeleteOptions) Action {
        return .{ .tag = .delete, .is = .{ .delete = options } };
    }
    pub fn archive(options: StopOptions) Action {
        return .{ .tag = .archive, .is = .{ .archive = options } };
    }
};
pub const Verdict = extern struct { id: Text, action: Action };

pub const Wait = extern struct { delay_ms: u64, escalate: bool = false };
pub const RetryAction = extern struct {
    tag: enum(u8) { no_opinion, give_up, after },
    is: extern union { none: void, give_up: Text, after: Wait },

    pub const no_opinion: RetryAction = .{ .tag = .no_opinion, .is = undefined };
    pub fn giveUp(reason: []const u8) RetryAction {
        return .{ .tag = .give_up, .is = .{ .give_up = text(reason) } };
    }
    pub fn after(wait: Wait) RetryAction {
        return .{ .tag = .after, .is = .{ .after = wait } };
    }
};

pub const ParamType = enum(u8) { text, integer, number, boolean, duration, size, words };
pub const Param = extern struct {
    name: Text,
    type: ParamType,
    doc: Text,
    default: Optional(Text) = .{},
    required: bool = false,
};
pub const Description = extern struct {
    name: Text,
    version: Text,
    summary: Text,
    params: List(Param),
    judging: enum(u8) { each, units, all },
};
pub const Selection = extern struct {
    tag: enum(u8) { everything, nothing, only },
    keys: List(Text) = undefined,

    pub const nothing: Selection = .{ .tag = .nothing };
    pub fn only(wanted: []const Text) Selection {
        return .{ .tag = .only, .keys = List(Text).from(wanted) };
    }
};
pub const Interest = extern struct { labels: Selection, attrs: Selection };
pub const ConfigError = extern struct { param: Text, message: Text };
pub const Configured = union(enum) { interest: Interest, complaints: []const ConfigError };

fn Result(comptime T: type, comptime E: type) type {
    return extern struct { failed: bool, is: extern union { ok: T, err: E } };
}

const log = struct {
    extern "tbengine:policy/log@2.0.0" fn emit(level: i32, message: [*]const u8, length: usize) void;
};
pub const Level = enum(i32) { trace, debug, info, warn, err };

/// Shown with -v and in the report of a fault.
pub fn emit(level: Level, message: []const u8) void {
    log.emit(@intFromEnum(level), message.ptr, message.len);
}

const policy = @import("policy.zig");

export fn cabi_realloc(old: [*]u8, old_size: usize, alignment: usize, size: usize) usize {
    if (size == 0) return alignment;
    const new = allocator.alignedAlloc(u8, .@"8", size) catch @trap();
    @memcpy(new[0..old_size], old[0..old_size]);
    return @intFromPtr(new.ptr);
}

fn kept(comptime T: type, value: T) *const T {
    const at = allocator.create(T) catch @trap();
    at.* = value;
    return at;
}

export fn describe() *const Description {
    return kept(Description, policy.describe());
}

export fn configure(config: [*]const Pair, count: usize) *const Result(Interest, List(ConfigError)) {
    const pairs: Pairs = .{ .ptr = config, .len = count };
    return kept(Result(Interest, List(ConfigError)), switch (policy.configure(pairs.slice())) {
        .interest => |interest| .{ .failed = false, .is = .{ .ok = interest } },
        .complaints => |complaints| .{ .failed = true, .is = .{ .err = List(ConfigError).from(complaints) } },
    });
}

export fn decide(
    now: u64,
    run_id: [*]const u8,
    run_id_length: usize,
    dry_run: bool,
    _: usize,
    _: usize,
    resources: [*]const Resource,
    count: usize,
) *const Result(List(Verdict), Text) {
    const context: Context = .{
        .now = now,
        .run_id = (Text{ .ptr = run_id, .len = run_id_length }).slice(),
        .dry_run = dry_run,
    };
    const asked: List(Resource) = .{ .ptr = resources, .len = count };
    return kept(Result(List(Verdict), Text), if (policy.decide(context, asked.slice())) |verdicts|
        .{ .failed = false, .is = .{ .ok = List(Verdict).from(verdicts) } }
    else |problem|
        .{ .failed = true, .is = .{ .err = text(@errorName(problem)) } });
}

const Asked = extern struct {
    now: u64,
    run_id: Text,
    dry_run: bool,
    attrs: Pairs,
    failure: Failure,
};

export fn retry(asked: *const Asked) *const Result(RetryAction, Text) {
    const context: Context = .{ .now = asked.now, .run_id = asked.run_id.slice(), .dry_run = asked.dry_run };
    return kept(Result(RetryAction, Text), .{ .failed = false, .is = .{ .ok = policy.retry(context, &asked.failure) } });
}

comptime {
    // As large as the contract says.
    std.debug.assert(@sizeOf(Resource) == 216 and @sizeOf(Verdict) == 56 and @offsetOf(Asked, "failure") == 32);
}
