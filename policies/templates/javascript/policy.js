// The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.

const HOUR = 3_600_000;
const ENDED = new Set(["created", "exited", "stopped", "failed", "dead"]);
const RUNNING = new Set(["running", "paused"]);

let olderThan;
let keepLabel;

/** What the engine calls first; each call gets an instance of its own. */
export const setup = {
  describe() {
    return {
      name: "max-age",
      version: "1.0.0",
      summary: "Deletes what ended, and stops what runs, once it is older than allowed.",
      params: [
        { name: "older-than", type: "duration", doc: "How old is too old.", default: "24h", required: false },
        {
          name: "keep-label",
          type: "text",
          doc: "What carries this label is kept, whatever its value.",
          default: "keep",
          required: false,
        },
      ],
      judging: "each",
    };
  },

  configure(config) {
    const params = new Map(config);
    olderThan = Number(params.get("older-than"));
    keepLabel = params.get("keep-label");
    // What is thrown becomes the error of the result.
    if (olderThan === 0) throw [{ param: "older-than", message: "must be more than nothing" }];
    return { labels: { tag: "everything" }, attrs: { tag: "everything" }, wants: {} };
  },
};

/** The functions that the engine calls. */
export const hooks = {
  decide(context, resources) {
    const now = Number(context.now);
    return resources.map((one) => judge(now, one)).filter((verdict) => verdict !== undefined);
  },

  retry(_context, failure) {
    if (failure.failure !== "transient") return { tag: "no-opinion" };
    if (failure.attempt >= 4) return { tag: "give-up", val: "tried often enough" };
    return { tag: "after", val: { delayMs: failure.attempt * 1_000, escalate: false } };
  },
};

function judge(now, one) {
  const verdict = (tag, val) => ({ id: one.id, action: { tag, val } });
  if (one.labels.some(([key]) => key === keepLabel)) return verdict("keep", "labelled to be kept");
  if (one.created == null && one.arrived == null) return undefined;
  const age = now - Math.max(Number(one.created ?? 0), Number(one.arrived ?? 0));
  if (age <= olderThan) return undefined;
  const reason = "older than allowed";
  const priority = Math.min(Math.floor(age / HOUR), 2 ** 31 - 1);
  if (ENDED.has(one.state)) return verdict("delete", { reason, force: "never", graceMs: undefined, priority, evict: false });
  if (RUNNING.has(one.state)) return verdict("stop", { reason, graceMs: 5_000, priority });
  return undefined;
}
