// The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.

import type { Action, ConfigError, Hooks, Resource, Setup, State, Verdict } from "./contract";

const HOUR = 3_600_000;
const ENDED: ReadonlySet<State> = new Set<State>(["created", "exited", "stopped", "failed", "dead"]);
const RUNNING: ReadonlySet<State> = new Set<State>(["running", "paused"]);

let olderThan = 0;
let keepLabel = "";

/** What the engine calls first; each call gets an instance of its own. */
export const setup: Setup = {
  describe: () => ({
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
  }),

  configure(config) {
    const params = new Map(config);
    olderThan = Number(params.get("older-than"));
    keepLabel = params.get("keep-label") ?? "";
    if (olderThan === 0) {
      const complaint: ConfigError = { param: "older-than", message: "must be more than nothing" };
      throw [complaint];
    }
    return { labels: { tag: "everything" }, attrs: { tag: "everything" }, wants: {} };
  },
};

/** The functions that the engine calls. */
export const hooks: Hooks = {
  decide: (context, resources) =>
    resources.map((one) => judge(Number(context.now), one)).filter((verdict) => verdict !== undefined),

  retry(_context, failure) {
    if (failure.failure !== "transient") return { tag: "no-opinion" };
    if (failure.attempt >= 4) return { tag: "give-up", val: "tried often enough" };
    return { tag: "after", val: { delayMs: failure.attempt * 1_000, escalate: false } };
  },
};

function judge(now: number, one: Resource): Verdict | undefined {
  const verdict = (action: Action): Verdict => ({ id: one.id, action });
  if (one.labels.some(([key]) => key === keepLabel)) return verdict({ tag: "keep", val: "labelled to be kept" });
  if (one.created == null && one.arrived == null) return undefined;
  const age = now - Math.max(Number(one.created ?? 0), Number(one.arrived ?? 0));
  if (age <= olderThan) return undefined;
  const reason = "older than allowed";
  const priority = Math.min(Math.floor(age / HOUR), 2 ** 31 - 1);
  if (ENDED.has(one.state)) return verdict({ tag: "delete", val: { reason, force: "never", priority, evict: false } });
  if (RUNNING.has(one.state)) return verdict({ tag: "stop", val: { reason, graceMs: 5_000, priority } });
  return undefined;
}
