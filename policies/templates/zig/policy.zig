//! The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.

const std = @import("std");
const contract = @import("contract.zig");
const text = contract.text;

const hour = 3_600_000;

var older_than: u64 = 0;
var keep_label: contract.Text = undefined;

const params = [_]contract.Param{ .{
    .name = text("older-than"),
    .type = .duration,
    .doc = text("How old is too old."),
    .default = .from(text("24h")),
}, .{
    .name = text("keep-label"),
    .type = .text,
    .doc = text("What carries this label is kept, whatever its value."),
    .default = .from(text("keep")),
} };

pub fn describe() contract.Description {
    return .{
        .name = text("max-age"),
        .version = text("1.0.0"),
        .summary = text("Deletes what ended, and stops what runs, once it is older than allowed."),
        .params = .from(&params),
        .judging = .each,
    };
}

const complaint = contract.ConfigError{ .param = text("older-than"), .message = text("must be more than nothing") };

/// Takes the parameters, durations in milliseconds, and says which facts the policy asks for: all.
pub fn configure(config: []const contract.Pair) contract.Configured {
    for (config) |pair| {
        const name = pair.key.slice();
        if (std.mem.eql(u8, name, "older-than")) older_than = std.fmt.parseInt(u64, pair.value.slice(), 10) catch 0;
        if (std.mem.eql(u8, name, "keep-label")) keep_label = pair.value;
    }
    if (older_than == 0) return .{ .complaints = &.{complaint} };
    return .{ .interest = .{} };
}

/// Evaluates the resources. One without a verdict is kept.
pub fn decide(context: *const contract.Context, resources: []const contract.Resource) error{OutOfMemory}![]const contract.Verdict {
    const verdicts = try contract.allocator.alloc(contract.Verdict, resources.len);
    var count: usize = 0;
    for (resources) |*one| {
        const action = judge(context.now, one) orelse continue;
        verdicts[count] = .{ .id = one.id, .action = action };
        count += 1;
    }
    return verdicts[0..count];
}

fn judge(now: u64, one: *const contract.Resource) ?contract.Action {
    for (one.labels.slice()) |label| {
        if (std.mem.eql(u8, label.key.slice(), keep_label.slice())) return .keep("labelled to be kept");
    }
    const since = one.since() orelse return null;
    if (since > now or now - since <= older_than) return null;
    const oldest_first: i32 = @intCast(@min((now - since) / hour, std.math.maxInt(i32)));
    const reason = text("older than allowed");
    return switch (one.state) {
        .created, .exited, .stopped, .failed, .dead => .delete(.{ .reason = reason, .priority = oldest_first }),
        .running, .paused => .stop(.{ .reason = reason, .grace_ms = .from(5_000), .priority = oldest_first }),
        else => null,
    };
}

/// Advises after a failed attempt.
pub fn retry(_: *const contract.Context, failure: *const contract.Failure) contract.RetryAction {
    if (failure.failure != .transient) return .no_opinion;
    if (failure.attempt >= 4) return .giveUp("tried often enough");
    return .after(.{ .delay_ms = @as(u64, failure.attempt) * 1_000 });
}
