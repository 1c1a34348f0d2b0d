// The contract tbengine:policy@2.0.0 as TypeScript sees it. Times are milliseconds since 1970, sizes are bytes.

export type Kind = "container" | "sandbox" | "network" | "volume" | "image" | "snapshot" | "other";
export type State =
  | "pending" | "created" | "running" | "paused" | "restarting" | "exited" | "stopped" | "archived"
  | "failed" | "dead" | "removing" | "present" | "unknown";
export type Owner =
  | { tag: "run"; val: string }
  | { tag: "benchmark"; val: string }
  | { tag: "other"; val: string }
  | { tag: "unknown" };
export type Pairs = [key: string, value: string][];

export interface Usage { cpuMillis?: number; memoryBytes?: number; diskBytes?: number }

export interface Resource {
  id: string;
  backend: string;
  kind: Kind;
  name: string;
  state: State;
  exitCode?: number;
  created?: number;
  started?: number;
  finished?: number;
  lastActivity?: number;
  unit?: string;
  owner: Owner;
  claimed: boolean;
  usage: Usage;
  holders: string[];
  labels: Pairs;
  attrs: Pairs;
}

export interface Context { now: number; runId: string; dryRun: boolean; attrs: Pairs }

export interface StopOptions { reason: string; graceMs?: number; priority: number }
export interface DeleteOptions extends StopOptions { force: "never" | "on-retry" | "always" }
export type Action =
  | { tag: "keep"; val: string }
  | { tag: "stop"; val: StopOptions }
  | { tag: "delete"; val: DeleteOptions }
  | { tag: "archive"; val: StopOptions };
export interface Verdict { id: string; action: Action }

export interface Failure {
  id: string;
  backend: string;
  kind: Kind;
  operation: string;
  failure:
    | "transient" | "in-progress" | "conflict" | "dependency" | "rate-limited" | "unavailable" | "denied"
    | "invalid" | "unsupported" | "internal" | "other";
  message: string;
  attempt: number;
  elapsedMs: number;
  retryAfterMs?: number;
  attrs: Pairs;
}
export type RetryAction =
  | { tag: "no-opinion" }
  | { tag: "give-up"; val: string }
  | { tag: "after"; val: { delayMs: number; escalate: boolean } };

export interface Param {
  name: string;
  type: "text" | "integer" | "number" | "boolean" | "duration" | "size" | "words";
  doc: string;
  default?: string;
  required: boolean;
}
export interface Description {
  name: string;
  version: string;
  summary: string;
  params: Param[];
  judging: "each" | "units" | "all";
}
export type Selection = { tag: "everything" } | { tag: "nothing" } | { tag: "only"; val: string[] };
export interface Interest { labels: Selection; attrs: Selection }

/** What `configure` throws, in a list. */
export interface ConfigError { param: string; message: string }

export interface Hooks {
  describe(): Description;
  configure(config: Pairs): Interest;
  decide(context: Context, resources: Resource[]): Verdict[];
  retry(context: Context, failure: Failure): RetryAction;
}
