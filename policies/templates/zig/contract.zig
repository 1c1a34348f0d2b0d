//! The contract tbengine:policy@3.0.0 for Zig. It needs no generator and no library: an `extern struct` lies in memory as the
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

/// An index into the backends or kinds of the context, or the resources of the same call.
pub const Place = u32;

/// Evaluate by class: the word of a kind is the provider's own. What is `other` is best kept.
pub const Class = enum(u8) { compute, network, config, storage, image, cache, other };
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
pub const Owner = extern struct { is: enum(u8) { run, benchmark, other, kept, unknown }, name: Text };
/// Whether the run whose id a resource carries is still going on.
pub const Lease = enum(u8) { none, live, over, foreign };
pub const History = extern struct { first_seen: u64, listed: u32, proposed: u32, failed: u32, came_back: u32 };
pub const Usage = extern struct {
    cpu_millis: Optional(u64),
    memory_bytes: Optional(u64),
    disk_bytes: Optional(u64),
    /// What is freed if this resource alone is deleted. Add these up, never `disk_bytes`.
    reclaimable_bytes: Optional(u64),
    /// Millionths of the currency of its backend.
    micros_per_hour: Optional(u64),
};

/// A thing that can leak. Times are milliseconds since 1970, sizes are bytes.
pub const Resource = extern struct {
    id: Text,
    name: Text,
    backend: Place,
    kind: Place,
    class: Class,
    state: State,
    /// Why only some of its facts could be read.
    damaged: Optional(Text),
    exit_code: Optional(i64),
    created: Optional(u64),
    /// When it arrived on this host.
    arrived: Optional(u64),
    started: Optional(u64),
    finished: Optional(u64),
    last_used: Optional(u64),
    idle_since: Optional(u64),
    history: Optional(History),
    unit: Optional(Text),
    /// Whether something of the same unit runs; also true if that is unknown.
    unit_runs: bool,
    owner: Owner,
    lease: Lease,
    /// Whether the operator claimed it.
    claimed: bool,
    usage: Usage,
    /// The resources of this call that use this one, and how many others do.
    used_by: List(Place),
    used_by_others: u32,
    users_known: bool,
    /// The resources of this call that are deleted along with this one.
    takes_along: List(Place),
    labels: Pairs,
    attrs: Pairs,

    /// When it came into being here: when it was created, or arrived on this host if that was later.
    pub fn since(self: *const Resource) ?u64 {
        const arrived = self.arrived.get() orelse return self.created.get();
        return @max(self.created.get() orelse 0, arrived);
    }
};

pub const KindFacts = extern struct { word: Text, class: Class, runs: bool, shared: bool };
pub const Disk = extern struct {
    name: Text,
    total_bytes: u64,
    free_bytes: u64,
    total_files: Optional(u64),
    free_files: Optional(u64),
    low_water_bytes: Optional(u64),
    high_water_bytes: Optional(u64),
};
pub const BackendFacts = extern struct {
    name: Text,
    provider: Text,
    account: Text,
    currency: Optional(Text),
    complete: bool,
    disks: List(Disk),
    attrs: Pairs,
};
pub const Change = extern struct { at: u64, offset_minutes: i32 };
pub const Zone = extern struct { name: Text, offset_minutes: i32, next_change: Optional(Change) };
pub const Context = extern struct {
    now: u64,
    zone: Zone,
    run_id: Text,
    schedule: Optional(Text),
    dry_run: bool,
    backends: List(BackendFacts),
    kinds: List(KindFacts),
    attrs: Pairs,
};

pub const FailureKind = enum(u8) {
    transient,
    in_progress,
    conflict,
    dependency,
    rate_limited,
    unavailable,
    denied,
    invalid,
    forbidden,
    unsupported,
    stuck,
    internal,
    other,
};
/// An attempt that failed.
pub const Failure = extern struct {
    /// As it was last read. What only a listing shows is unknown.
    resource: Resource,
    operation: enum(u8) { stop, delete, evict, archive, other },
    /// What the verdict allowed, and its reason.
    force: Force,
    reason: Text,
    failure: FailureKind,
    /// The provider's own error code, like `docker:409`.
    code: Optional(Text),
    message: Text,
    attempt: u32,
    /// 2 in the second round, after everything else is done.
    round: u32,
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
    /// By eviction where the provider has that (Kubernetes), which it may refuse.
    evict: bool = false,
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

pub const ParamType = enum(u8) { text, integer, number, boolean, duration, size, words, times };
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
    judging: enum(u8) { each, units, backend, all },
};
pub const Selection = extern struct {
    tag: enum(u8) { everything, nothing, only },
    keys: List(Text) = undefined,

    pub const everything: Selection = .{ .tag = .everything };
    pub const nothing: Selection = .{ .tag = .nothing };
    pub fn only(wanted: []const Text) Selection {
        return .{ .tag = .only, .keys = List(Text).from(wanted) };
    }
};
/// Facts that are expensive to collect.
pub const Costly = packed struct(u8) {
    sizes: bool = false,
    disks: bool = false,
    samples: bool = false,
    history: bool = false,
    prices: bool = false,
    _: u3 = 0,
};
pub const Interest = extern struct {
    labels: Selection = .everything,
    attrs: Selection = .everything,
    wants: Costly = .{},
};
pub const ConfigError = extern struct { param: Text, message: Text };
pub const Configured = union(enum) { interest: Interest, complaints: []const ConfigError };

fn Result(comptime T: type, comptime E: type) type {
    return extern struct { failed: bool, is: extern union { ok: T, err: E } };
}

const log = struct {
    extern "tbengine:policy/log@3.0.0" fn emit(level: i32, message: [*]const u8, length: usize) void;
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

const ToDecide = extern struct { context: Context, resources: List(Resource) };

export fn decide(asked: *const ToDecide) *const Result(List(Verdict), Text) {
    return kept(Result(List(Verdict), Text), if (policy.decide(&asked.context, asked.resources.slice())) |verdicts|
        .{ .failed = false, .is = .{ .ok = List(Verdict).from(verdicts) } }
    else |problem|
        .{ .failed = true, .is = .{ .err = text(@errorName(problem)) } });
}

const ToRetry = extern struct { context: Context, failure: Failure };

export fn retry(asked: *const ToRetry) *const Result(RetryAction, Text) {
    return kept(Result(RetryAction, Text), .{
        .failed = false,
        .is = .{ .ok = policy.retry(&asked.context, &asked.failure) },
    });
}

comptime {
    // As large as the contract says.
    std.debug.assert(@sizeOf(Resource) == 336 and @sizeOf(Verdict) == 56 and @sizeOf(Context) == 96 and
        @sizeOf(Failure) == 416 and @sizeOf(BackendFacts) == 56 and @sizeOf(Disk) == 88 and
        @sizeOf(Result(Interest, List(ConfigError))) == 32);
}
