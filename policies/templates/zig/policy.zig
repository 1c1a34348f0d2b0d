//! The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.
//!
//! It uses the bindings for C. An instance serves one call of the engine and is then dropped, so nothing is freed, and texts
//! that are returned may be constants or the engine's own.

const std = @import("std");
const c = @import("c");

const hour = 3_600_000;

var older_than: u64 = 0;
var keep_label: c.policy_string_t = undefined;

fn text(comptime literal: []const u8) c.policy_string_t {
    return .{ .ptr = @constCast(literal.ptr), .len = literal.len };
}

fn slice(of: c.policy_string_t) []const u8 {
    return if (of.len == 0) "" else of.ptr[0..of.len];
}

var params = [_]c.tbengine_policy_types_param_t{ .{
    .name = text("older-than"),
    .type = c.TBENGINE_POLICY_TYPES_PARAM_TYPE_DURATION,
    .doc = text("How old is too old."),
    .default_ = .{ .is_some = true, .val = text("24h") },
    .required = false,
}, .{
    .name = text("keep-label"),
    .type = c.TBENGINE_POLICY_TYPES_PARAM_TYPE_TEXT,
    .doc = text("What carries this label is kept, whatever its value."),
    .default_ = .{ .is_some = true, .val = text("keep") },
    .required = false,
} };

export fn exports_tbengine_policy_hooks_describe(ret: *c.exports_tbengine_policy_hooks_description_t) void {
    ret.* = .{
        .name = text("max-age"),
        .version = text("1.0.0"),
        .summary = text("Deletes what ended, and stops what runs, once it is older than allowed."),
        .params = .{ .ptr = &params, .len = params.len },
        .judging = c.TBENGINE_POLICY_TYPES_JUDGING_EACH,
    };
}

var complaint = c.tbengine_policy_types_config_error_t{
    .param = text("older-than"),
    .message = text("must be more than nothing"),
};

export fn exports_tbengine_policy_hooks_configure(
    config: *c.exports_tbengine_policy_hooks_pairs_t,
    ret: *c.exports_tbengine_policy_hooks_interest_t,
    err: *c.exports_tbengine_policy_hooks_list_config_error_t,
) bool {
    for (config.ptr[0..config.len]) |pair| {
        const name = slice(pair.f0);
        if (std.mem.eql(u8, name, "older-than")) older_than = std.fmt.parseInt(u64, slice(pair.f1), 10) catch 0;
        if (std.mem.eql(u8, name, "keep-label")) keep_label = pair.f1;
    }
    if (older_than == 0) {
        err.* = .{ .ptr = &complaint, .len = 1 };
        return false;
    }
    ret.labels.tag = c.TBENGINE_POLICY_TYPES_SELECTION_ONLY;
    ret.labels.val.only = .{ .ptr = &keep_label, .len = 1 };
    ret.attrs.tag = c.TBENGINE_POLICY_TYPES_SELECTION_NOTHING;
    return true;
}

fn judge(now: u64, one: *const c.tbengine_policy_types_resource_t, action: *c.tbengine_policy_verdicts_action_t) bool {
    if (one.labels.len > 0) for (one.labels.ptr[0..one.labels.len]) |label| {
        if (!std.mem.eql(u8, slice(label.f0), slice(keep_label))) continue;
        action.tag = c.TBENGINE_POLICY_VERDICTS_ACTION_KEEP;
        action.val.keep = text("labelled to be kept");
        return true;
    };
    if (!one.created.is_some or one.created.val > now) return false;
    const age = now - one.created.val;
    if (age <= older_than) return false;
    const oldest_first: i32 = @intCast(@min(age / hour, std.math.maxInt(i32)));
    switch (one.state) {
        c.TBENGINE_POLICY_TYPES_STATE_CREATED,
        c.TBENGINE_POLICY_TYPES_STATE_EXITED,
        c.TBENGINE_POLICY_TYPES_STATE_STOPPED,
        c.TBENGINE_POLICY_TYPES_STATE_FAILED,
        c.TBENGINE_POLICY_TYPES_STATE_DEAD,
        => {
            action.tag = c.TBENGINE_POLICY_VERDICTS_ACTION_DELETE;
            action.val.delete_ = .{
                .reason = text("older than allowed"),
                .force = c.TBENGINE_POLICY_VERDICTS_FORCE_NEVER,
                .grace_ms = .{ .is_some = false, .val = 0 },
                .priority = oldest_first,
            };
        },
        c.TBENGINE_POLICY_TYPES_STATE_RUNNING, c.TBENGINE_POLICY_TYPES_STATE_PAUSED => {
            action.tag = c.TBENGINE_POLICY_VERDICTS_ACTION_STOP;
            action.val.stop = .{
                .reason = text("older than allowed"),
                .grace_ms = .{ .is_some = true, .val = 5_000 },
                .priority = oldest_first,
            };
        },
        else => return false,
    }
    return true;
}

export fn exports_tbengine_policy_hooks_decide(
    context: *c.exports_tbengine_policy_hooks_context_t,
    resources: *c.exports_tbengine_policy_hooks_list_resource_t,
    ret: *c.exports_tbengine_policy_hooks_list_verdict_t,
    err: *c.policy_string_t,
) bool {
    const most = std.heap.c_allocator.alloc(c.exports_tbengine_policy_hooks_verdict_t, resources.len + 1) catch {
        err.* = text("out of memory");
        return false;
    };
    var count: usize = 0;
    if (resources.len > 0) for (resources.ptr[0..resources.len]) |*one| {
        most[count].id = one.id;
        if (judge(context.now, one, &most[count].action)) count += 1;
    };
    ret.* = .{ .ptr = most.ptr, .len = count };
    return true;
}

export fn exports_tbengine_policy_hooks_retry(
    _: *c.exports_tbengine_policy_hooks_context_t,
    failure: *c.exports_tbengine_policy_hooks_failure_t,
    ret: *c.exports_tbengine_policy_hooks_retry_action_t,
    _: *c.policy_string_t,
) bool {
    ret.tag = c.TBENGINE_POLICY_TYPES_RETRY_ACTION_NO_OPINION;
    if (failure.failure != c.TBENGINE_POLICY_TYPES_FAILURE_KIND_TRANSIENT) return true;
    if (failure.attempt >= 4) {
        ret.tag = c.TBENGINE_POLICY_TYPES_RETRY_ACTION_GIVE_UP;
        ret.val.give_up = text("tried often enough");
        return true;
    }
    ret.tag = c.TBENGINE_POLICY_TYPES_RETRY_ACTION_AFTER;
    ret.val.after = .{ .delay_ms = @as(u64, failure.attempt) * 1_000, .escalate = false };
    return true;
}
