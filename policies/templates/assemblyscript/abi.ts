// The contract tbengine:policy@3.0.0 for AssemblyScript. AssemblyScript knows no components, so records are read from
// memory and written to it as the canonical ABI lays them out. A resource is read where it lies: what a policy does not
// look at costs nothing.

export const KEEP: u8 = 0, STOP: u8 = 1, DELETE: u8 = 2, ARCHIVE: u8 = 3;

export enum State {
  pending, created, running, paused, restarting, exited, stopped, archived, failed, dead, removing, present, unknown,
}
/** Evaluate by class: the word of a kind is the provider's own. What is `other` is best kept. */
export enum Class { compute, network, config, storage, image, cache, other }
export enum OwnerIs { run, benchmark, other, kept, unknown }
/** Whether the run whose id a resource carries is still going on. */
export enum Lease { none, live, over, foreign }
export enum Force { never, onRetry, always }
export enum Operation { stop, delete, evict, archive, other }
export enum Judging { each, units, backend, all }
export enum ParamType { text, integer, number, boolean, duration, size, words, times }
export enum FailureIs {
  transient, inProgress, conflict, dependency, rateLimited, unavailable, denied, invalid, forbidden, unsupported, stuck,
  internal, other,
}
/** Facts that are expensive to collect; to be added up. */
export enum Costly { sizes = 1, disks = 2, samples = 4, history = 8, prices = 16 }
export enum Level { trace, debug, info, warn, error }

// @ts-ignore: a decorator of AssemblyScript
@external("tbengine:policy/log@3.0.0", "emit")
declare function emit(level: i32, text: usize, length: i32): void;

/** Shown with -v and in the report of a fault. */
export function log(level: Level, message: string): void {
  const text = String.UTF8.encode(message);
  emit(level, changetype<usize>(text), text.byteLength);
}

/** A text as the engine sends it, in UTF-8. */
@unmanaged
export class Text {
  at: usize;
  length: i32;

  toString(): string { return String.UTF8.decodeUnsafe(this.at, this.length); }
  equals(other: Text): bool {
    return this.length == other.length && memory.compare(this.at, other.at, this.length) == 0;
  }
  is(other: string): bool { return this.toString() == other; }
}

/** A text for the engine; it stays in memory as long as the call. */
export function text(value: string): Text {
  const encoded = String.UTF8.encode(value);
  const made = changetype<Text>(heap.alloc(8));
  made.at = changetype<usize>(encoded);
  made.length = encoded.byteLength;
  return made;
}

@unmanaged
export class Pairs {
  at: usize;
  length: i32;

  /** The value of a key, or null. */
  get(key: Text): Text | null {
    for (let pair = this.at, end = this.at + <usize>this.length * 16; pair < end; pair += 16) {
      if (changetype<Text>(pair).equals(key)) return changetype<Text>(pair + 8);
    }
    return null;
  }
}

function optional(at: usize): i64 { return load<u8>(at) ? load<i64>(at, 8) : -1; }
function optionalText(at: usize): Text | null { return load<u8>(at) ? changetype<Text>(at + 4) : null; }

/** Indices into the resources of the same call. */
@unmanaged
export class Places {
  at: usize;
  length: i32;

  @operator("[]") get(index: i32): i32 { return load<i32>(this.at + (<usize>index << 2)); }
}

/** A kind of resource. */
@unmanaged
export class Kind {
  /** The provider's own word, like `container`. */
  get word(): Text { return changetype<Text>(changetype<usize>(this)); }
  get classIs(): Class { return load<u8>(changetype<usize>(this), 8); }
  get runs(): bool { return load<u8>(changetype<usize>(this), 9) != 0; }
  get shared(): bool { return load<u8>(changetype<usize>(this), 10) != 0; }
}

/** Where resources come from. */
@unmanaged
export class Backend {
  get name(): Text { return changetype<Text>(changetype<usize>(this)); }
  get provider(): Text { return changetype<Text>(changetype<usize>(this) + 8); }
  get account(): Text { return changetype<Text>(changetype<usize>(this) + 16); }
  get currency(): Text | null { return optionalText(changetype<usize>(this) + 24); }
  /** Whether everything in it could be listed. */
  get complete(): bool { return load<u8>(changetype<usize>(this), 36) != 0; }
  get disks(): i32 { return load<i32>(changetype<usize>(this), 44); }
  disk(index: i32): Disk { return changetype<Disk>(load<usize>(changetype<usize>(this), 40) + <usize>index * 88); }
  get attrs(): Pairs { return changetype<Pairs>(changetype<usize>(this) + 48); }
}

/** A disk that holds resources of a backend. */
@unmanaged
export class Disk {
  get name(): Text { return changetype<Text>(changetype<usize>(this)); }
  get totalBytes(): u64 { return load<u64>(changetype<usize>(this), 8); }
  get freeBytes(): u64 { return load<u64>(changetype<usize>(this), 16); }
  get totalFiles(): i64 { return optional(changetype<usize>(this) + 24); }
  get freeFiles(): i64 { return optional(changetype<usize>(this) + 40); }
  get lowWaterBytes(): i64 { return optional(changetype<usize>(this) + 56); }
  get highWaterBytes(): i64 { return optional(changetype<usize>(this) + 72); }
}

/** What a policy is given besides the resources. */
@unmanaged
export class Context {
  /** The only clock a policy has, in milliseconds since 1970. */
  get now(): i64 { return load<i64>(changetype<usize>(this)); }
  get zone(): Text { return changetype<Text>(changetype<usize>(this) + 8); }
  get offsetMinutes(): i32 { return load<i32>(changetype<usize>(this), 16); }
  /** When the offset changes, or -1, and the offset from then on. */
  get nextChange(): i64 { return optional(changetype<usize>(this) + 24); }
  get nextOffsetMinutes(): i32 { return load<i32>(changetype<usize>(this), 40); }
  get runId(): Text { return changetype<Text>(changetype<usize>(this) + 48); }
  get schedule(): Text | null { return optionalText(changetype<usize>(this) + 56); }
  get dryRun(): bool { return load<u8>(changetype<usize>(this), 68) != 0; }
  get backends(): i32 { return load<i32>(changetype<usize>(this), 76); }
  backend(place: i32): Backend {
    return changetype<Backend>(load<usize>(changetype<usize>(this), 72) + <usize>place * 56);
  }
  get kinds(): i32 { return load<i32>(changetype<usize>(this), 84); }
  kind(place: i32): Kind { return changetype<Kind>(load<usize>(changetype<usize>(this), 80) + <usize>place * 12); }
  get attrs(): Pairs { return changetype<Pairs>(changetype<usize>(this) + 88); }
}

/** A thing that can leak. Times are milliseconds since 1970 and -1 if unknown; so are sizes, which are bytes. */
@unmanaged
export class Resource {
  get id(): Text { return changetype<Text>(changetype<usize>(this)); }
  get name(): Text { return changetype<Text>(changetype<usize>(this) + 8); }
  /** For `context.backend` and `context.kind`. */
  get backend(): i32 { return load<i32>(changetype<usize>(this), 16); }
  get kind(): i32 { return load<i32>(changetype<usize>(this), 20); }
  get classIs(): Class { return load<u8>(changetype<usize>(this), 24); }
  get state(): State { return load<u8>(changetype<usize>(this), 25); }
  /** Why only some of its facts could be read. */
  get damaged(): Text | null { return optionalText(changetype<usize>(this) + 28); }
  get hasExited(): bool { return load<u8>(changetype<usize>(this), 40) != 0; }
  get exitCode(): i64 { return load<i64>(changetype<usize>(this), 48); }
  get created(): i64 { return optional(changetype<usize>(this) + 56); }
  /** When it arrived on this host. */
  get arrived(): i64 { return optional(changetype<usize>(this) + 72); }
  /** When it came into being here: when it was created, or arrived if that was later. */
  get since(): i64 { return max(this.created, this.arrived); }
  get started(): i64 { return optional(changetype<usize>(this) + 88); }
  get finished(): i64 { return optional(changetype<usize>(this) + 104); }
  get lastUsed(): i64 { return optional(changetype<usize>(this) + 120); }
  get idleSince(): i64 { return optional(changetype<usize>(this) + 136); }
  /** What tbengine remembers of it from earlier runs: -1 and 0 if nothing. */
  get firstSeen(): i64 { return optional(changetype<usize>(this) + 152); }
  get timesListed(): u32 { return this.remembered(168); }
  get timesProposed(): u32 { return this.remembered(172); }
  get timesFailed(): u32 { return this.remembered(176); }
  get timesCameBack(): u32 { return this.remembered(180); }
  private remembered(offset: usize): u32 {
    const at = changetype<usize>(this);
    return load<u8>(at, 152) ? load<u32>(at + offset) : 0;
  }
  get unit(): Text | null { return optionalText(changetype<usize>(this) + 184); }
  /** Whether something of the same unit runs; also true if that is unknown. */
  get unitRuns(): bool { return load<u8>(changetype<usize>(this), 196) != 0; }
  get ownerIs(): OwnerIs { return load<u8>(changetype<usize>(this), 200); }
  /** Who, unless nobody knows. */
  get owner(): Text { return changetype<Text>(changetype<usize>(this) + 204); }
  get lease(): Lease { return load<u8>(changetype<usize>(this), 212); }
  /** Whether the operator claimed it. */
  get claimed(): bool { return load<u8>(changetype<usize>(this), 213) != 0; }
  get cpuMillis(): i64 { return optional(changetype<usize>(this) + 216); }
  get memoryBytes(): i64 { return optional(changetype<usize>(this) + 232); }
  get diskBytes(): i64 { return optional(changetype<usize>(this) + 248); }
  /** What is freed if this resource alone is deleted. Add these up, never `diskBytes`. */
  get reclaimableBytes(): i64 { return optional(changetype<usize>(this) + 264); }
  /** Millionths of the currency of its backend. */
  get microsPerHour(): i64 { return optional(changetype<usize>(this) + 280); }
  /** The resources of this call that use this one, and how many others do. */
  get usedBy(): Places { return changetype<Places>(changetype<usize>(this) + 296); }
  get usedByOthers(): u32 { return load<u32>(changetype<usize>(this), 304); }
  get usersKnown(): bool { return load<u8>(changetype<usize>(this), 308) != 0; }
  /** The resources of this call that are deleted along with this one. */
  get takesAlong(): Places { return changetype<Places>(changetype<usize>(this) + 312); }
  get labels(): Pairs { return changetype<Pairs>(changetype<usize>(this) + 320); }
  get attrs(): Pairs { return changetype<Pairs>(changetype<usize>(this) + 328); }
}

/** The resources of a call. */
@unmanaged
export class Resources {
  at: usize;
  length: i32;

  @operator("[]") get(index: i32): Resource { return changetype<Resource>(this.at + <usize>index * 336); }
}

/** The arguments of `decide` and `retry`. */
@unmanaged
export class Asked {
  get context(): Context { return changetype<Context>(changetype<usize>(this)); }
  /** In `decide`. */
  get resources(): Resources { return changetype<Resources>(changetype<usize>(this) + 96); }
  /** In `retry`. */
  get failure(): Failure { return changetype<Failure>(changetype<usize>(this) + 96); }
}

/** An attempt that failed. */
@unmanaged
export class Failure {
  /** As it was last read. What only a listing shows is unknown. */
  get resource(): Resource { return changetype<Resource>(changetype<usize>(this)); }
  get operation(): Operation { return load<u8>(changetype<usize>(this), 336); }
  /** What the verdict allowed, and its reason. */
  get force(): Force { return load<u8>(changetype<usize>(this), 337); }
  get reason(): Text { return changetype<Text>(changetype<usize>(this) + 340); }
  get is(): FailureIs { return load<u8>(changetype<usize>(this), 348); }
  /** The provider's own error code, like `docker:409`. */
  get code(): Text | null { return optionalText(changetype<usize>(this) + 352); }
  get message(): Text { return changetype<Text>(changetype<usize>(this) + 364); }
  get attempt(): u32 { return load<u32>(changetype<usize>(this), 372); }
  /** 2 in the second round, after everything else is done. */
  get round(): u32 { return load<u32>(changetype<usize>(this), 376); }
  get elapsedMs(): u64 { return load<u64>(changetype<usize>(this), 384); }
  get retryAfterMs(): i64 { return optional(changetype<usize>(this) + 392); }
  get attrs(): Pairs { return changetype<Pairs>(changetype<usize>(this) + 408); }
}

/** What is answered to `decide`. */
export class Verdicts {
  private at: usize;
  private length: i32 = 0;

  constructor(most: i32) { this.at = heap.alloc(<usize>most * 56 + 8); }

  keep(one: Resource, reason: Text): void { this.put(one, KEEP, reason); }
  /** graceMs of -1 means the engine's own. */
  stop(one: Resource, reason: Text, graceMs: i64, priority: i32): void {
    this.options(this.put(one, STOP, reason) + 24, graceMs, priority);
  }
  archive(one: Resource, reason: Text, graceMs: i64, priority: i32): void {
    this.options(this.put(one, ARCHIVE, reason) + 24, graceMs, priority);
  }
  /** `evict`: by eviction where the provider has that (Kubernetes), which it may refuse. */
  delete(one: Resource, reason: Text, force: Force, graceMs: i64, priority: i32, evict: bool = false): void {
    const verdict = this.put(one, DELETE, reason);
    store<u8>(verdict, <u8>force, 24);
    this.options(verdict + 32, graceMs, priority);
    store<u8>(verdict, evict ? 1 : 0, 52);
  }

  private put(one: Resource, action: u8, reason: Text): usize {
    const verdict = this.at + <usize>(this.length++) * 56;
    memory.copy(verdict, changetype<usize>(one.id), 8);
    store<u8>(verdict, action, 8);
    memory.copy(verdict + 16, changetype<usize>(reason), 8);
    return verdict;
  }
  private options(at: usize, graceMs: i64, priority: i32): void {
    store<u8>(at, graceMs < 0 ? 0 : 1);
    store<i64>(at, graceMs, 8);
    store<i32>(at, priority, 16);
  }

  /** The answer of `decide`. */
  answer(): usize {
    const at = heap.alloc(12);
    store<u8>(at, 0);
    store<usize>(at, this.at, 4);
    store<i32>(at, this.length, 8);
    return at;
  }
}

/** What is answered to `describe`. */
export class Description {
  private params: usize = heap.alloc(36 * 32);
  private length: i32 = 0;

  constructor(public name: string, public version: string, public summary: string, public judging: Judging) {}

  /** Adds a parameter, one of at most 32. */
  param(name: string, type: ParamType, byDefault: string | null, doc: string, required: bool = false): this {
    const at = this.params + <usize>(this.length++) * 36;
    putText(at, name);
    store<u8>(at, <u8>type, 8);
    putText(at + 12, doc);
    store<u8>(at, byDefault === null ? 0 : 1, 20);
    if (byDefault !== null) putText(at + 24, byDefault);
    store<u8>(at, required ? 1 : 0, 32);
    return this;
  }
  answer(): usize {
    const at = heap.alloc(36);
    putText(at, this.name);
    putText(at + 8, this.version);
    putText(at + 16, this.summary);
    store<usize>(at, this.params, 24);
    store<i32>(at, this.length, 28);
    store<u8>(at, <u8>this.judging, 32);
    return at;
  }
}

function putText(at: usize, value: string): void { memory.copy(at, changetype<usize>(text(value)), 8); }

/**
 * The answer of `configure`: which labels and attributes to send, all of them where nothing is said, and which
 * expensive facts to collect.
 */
export function interest(labels: Text[] | null = null, attrs: Text[] | null = null, wants: i32 = 0): usize {
  const at = heap.alloc(32);
  memory.fill(at, 0, 32);
  if (labels !== null) only(at + 4, labels);
  if (attrs !== null) only(at + 16, attrs);
  store<u8>(at, <u8>wants, 28);
  return at;
}
function only(at: usize, keys: Text[]): void {
  const list = heap.alloc(<usize>keys.length * 8 + 8);
  for (let index = 0; index < keys.length; index++) {
    memory.copy(list + <usize>index * 8, changetype<usize>(keys[index]), 8);
  }
  store<u8>(at, 2);
  store<usize>(at, list, 4);
  store<i32>(at, keys.length, 8);
}

/** The answer of `configure` to a parameter that makes no sense. */
export function complain(param: string, message: string): usize {
  const complaint = heap.alloc(16);
  putText(complaint, param);
  putText(complaint + 8, message);
  const at = heap.alloc(32);
  store<u8>(at, 1);
  store<usize>(at, complaint, 4);
  store<i32>(at, 1, 8);
  return at;
}

/** The answers of `retry`. */
export function noOpinion(): usize {
  const at = heap.alloc(32);
  memory.fill(at, 0, 32);
  return at;
}
export function giveUp(reason: string): usize {
  const at = noOpinion();
  store<u8>(at, 1, 8);
  putText(at + 16, reason);
  return at;
}
export function after(delayMs: u64, escalate: bool): usize {
  const at = noOpinion();
  store<u8>(at, 2, 8);
  store<u64>(at, delayMs, 16);
  store<u8>(at, escalate ? 1 : 0, 24);
  return at;
}

export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  const at = heap.alloc(size);
  memory.copy(at, old, oldSize);
  return at;
}
