// The contract tbengine:policy@3.0.0 as TypeScript sees it. Times are milliseconds since 1970, sizes are bytes.

/** An index into `backends` or `kinds` of the context, or the resources of the same call. */
export type Place = number;
/** Evaluate by class: the word of a kind is the provider's own. What is `other` is best kept. */
export type Class = "compute" | "network" | "config" | "storage" | "image" | "cache" | "other";
export type State =
  | "pending" | "created" | "running" | "paused" | "restarting" | "exited" | "stopped" | "archived"
  | "failed" | "dead" | "removing" | "present" | "unknown";
export type Owner =
  | { tag: "run"; val: string }
  | { tag: "benchmark"; val: string }
  | { tag: "other"; val: string }
  | { tag: "kept"; val: string }
  | { tag: "unknown" };
/** Whether the run whose id a resource carries is still going on. */
export type LeaseState = "none" | "live" | "over" | "foreign";
export type Pairs = [key: string, value: string][];

export interface History { firstSeen: number; listed: number; proposed: number; failed: number; cameBack: number }
export interface Usage {
  cpuMillis?: number;
  memoryBytes?: number;
  diskBytes?: number;
  /** What is freed if this resource alone is deleted. Add these up, never `diskBytes`. */
  reclaimableBytes?: number;
  /** Millionths of the currency of its backend. */
  microsPerHour?: number;
}

export interface Resource {
  id: string;
  name: string;
  backend: Place;
  kind: Place;
  class: Class;
  state: State;
  /** Why only some of its facts could be read. */
  damaged?: string;
  exitCode?: number;
  created?: number;
  /** When it arrived on this host. Ages count from the later of this and `created`. */
  arrived?: number;
  started?: number;
  finished?: number;
  lastUsed?: number;
  idleSince?: number;
  history?: History;
  unit?: string;
  /** Whether something of the same unit runs; also true if that is unknown. */
  unitRuns: boolean;
  owner: Owner;
  lease: LeaseState;
  /** Whether the operator claimed it. */
  claimed: boolean;
  usage: Usage;
  /** The resources of this call that use this one. */
  usedBy: ArrayLike<Place>;
  /** How many others use it. */
  usedByOthers: number;
  usersKnown: boolean;
  /** The resources of this call that are deleted along with this one. */
  takesAlong: ArrayLike<Place>;
  labels: Pairs;
  attrs: Pairs;
}

export interface KindFacts { word: string; class: Class; runs: boolean; shared: boolean }
export interface Disk {
  name: string;
  totalBytes: number;
  freeBytes: number;
  totalFiles?: number;
  freeFiles?: number;
  lowWaterBytes?: number;
  highWaterBytes?: number;
}
export interface BackendFacts {
  name: string;
  provider: string;
  account: string;
  currency?: string;
  complete: boolean;
  disks: Disk[];
  attrs: Pairs;
}
export interface Zone { name: string; offsetMinutes: number; nextChange?: [at: number, offsetMinutes: number] }
export interface Context {
  now: number;
  zone: Zone;
  runId: string;
  schedule?: string;
  dryRun: boolean;
  backends: BackendFacts[];
  kinds: KindFacts[];
  attrs: Pairs;
}

export interface StopOptions { reason: string; graceMs?: number; priority: number }
export type Force = "never" | "on-retry" | "always";
/** `evict`: by eviction where the provider has that (Kubernetes), which it may refuse. */
export interface DeleteOptions extends StopOptions { force: Force; evict: boolean }
export type Action =
  | { tag: "keep"; val: string }
  | { tag: "stop"; val: StopOptions }
  | { tag: "delete"; val: DeleteOptions }
  | { tag: "archive"; val: StopOptions };
export interface Verdict { id: string; action: Action }

export interface Failure {
  /** As it was last read. What only a listing shows is unknown. */
  resource: Resource;
  operation: "stop" | "delete" | "evict" | "archive" | "other";
  /** What the verdict allowed, and its reason. */
  force: Force;
  reason: string;
  failure:
    | "transient" | "in-progress" | "conflict" | "dependency" | "rate-limited" | "unavailable" | "denied"
    | "invalid" | "forbidden" | "unsupported" | "stuck" | "internal" | "other";
  /** The provider's own error code, like `docker:409`. */
  code?: string;
  message: string;
  attempt: number;
  /** 2 in the second round, after everything else is done. */
  round: number;
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
  type: "text" | "integer" | "number" | "boolean" | "duration" | "size" | "words" | "times";
  doc: string;
  default?: string;
  required: boolean;
}
export interface Description {
  name: string;
  version: string;
  summary: string;
  params: Param[];
  judging: "each" | "units" | "backend" | "all";
}
export type Selection = { tag: "everything" } | { tag: "nothing" } | { tag: "only"; val: string[] };
/** Facts that are expensive to collect. */
export interface Costly { sizes?: boolean; disks?: boolean; samples?: boolean; history?: boolean; prices?: boolean }
export interface Interest { labels: Selection; attrs: Selection; wants: Costly }

/** What `configure` throws, in a list. */
export interface ConfigError { param: string; message: string }

export interface Setup {
  describe(): Description;
  configure(config: Pairs): Interest;
}
export interface Hooks {
  decide(context: Context, resources: Resource[]): Verdict[];
  retry(context: Context, failure: Failure): RetryAction;
}
