// The contract tbengine:policy@2.0.0 for AssemblyScript. AssemblyScript knows no components, so records are read from
// memory and written to it as the canonical ABI lays them out. A resource is read where it lies: what a policy does not
// look at costs nothing.

export const KEEP: u8 = 0, STOP: u8 = 1, DELETE: u8 = 2, ARCHIVE: u8 = 3;

export enum State {
  pending, created, running, paused, restarting, exited, stopped, archived, failed, dead, removing, present, unknown,
}
export enum Kind { container, sandbox, network, volume, image, snapshot, other }
export enum OwnerIs { run, benchmark, other, unknown }
export enum Force { never, onRetry, always }
export enum Judging { each, units, all }
export enum ParamType { text, integer, number, boolean, duration, size, words }
export enum FailureIs {
  transient, inProgress, conflict, dependency, rateLimited, unavailable, denied, invalid, unsupported, internal, other,
}
export enum Level { trace, debug, info, warn, error }

// @ts-ignore: a decorator of AssemblyScript
@external("tbengine:policy/log@2.0.0", "emit")
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

/** A thing that can leak. Times are milliseconds since 1970 and -1 if unknown; so are sizes, which are bytes. */
@unmanaged
export class Resource {
  get id(): Text { return changetype<Text>(changetype<usize>(this)); }
  get backend(): Text { return changetype<Text>(changetype<usize>(this) + 8); }
  get kind(): Kind { return load<u8>(changetype<usize>(this), 16); }
  get name(): Text { return changetype<Text>(changetype<usize>(this) + 20); }
  get state(): State { return load<u8>(changetype<usize>(this), 28); }
  get hasExited(): bool { return load<u8>(changetype<usize>(this), 32) != 0; }
  get exitCode(): i64 { return load<i64>(changetype<usize>(this), 40); }
  get created(): i64 { return optional(changetype<usize>(this) + 48); }
  get started(): i64 { return optional(changetype<usize>(this) + 64); }
  get finished(): i64 { return optional(changetype<usize>(this) + 80); }
  get lastActivity(): i64 { return optional(changetype<usize>(this) + 96); }
  get unit(): Text | null {
    const at = changetype<usize>(this) + 112;
    return load<u8>(at) ? changetype<Text>(at + 4) : null;
  }
  get ownerIs(): OwnerIs { return load<u8>(changetype<usize>(this), 124); }
  /** Who, unless nobody knows. */
  get owner(): Text { return changetype<Text>(changetype<usize>(this) + 128); }
  get claimed(): bool { return load<u8>(changetype<usize>(this), 136) != 0; }
  get cpuMillis(): i64 { return optional(changetype<usize>(this) + 144); }
  get memoryBytes(): i64 { return optional(changetype<usize>(this) + 160); }
  get diskBytes(): i64 { return optional(changetype<usize>(this) + 176); }
  get holders(): i32 { return load<i32>(changetype<usize>(this), 196); }
  holder(index: i32): Text { return changetype<Text>(load<usize>(changetype<usize>(this), 192) + <usize>index * 8); }
  get labels(): Pairs { return changetype<Pairs>(changetype<usize>(this) + 200); }
  get attrs(): Pairs { return changetype<Pairs>(changetype<usize>(this) + 208); }
}

function optional(at: usize): i64 { return load<u8>(at) ? load<i64>(at, 8) : -1; }

/** The resources of a call. */
export class Resources {
  constructor(private at: usize, public length: i32) {}
  @operator("[]") get(index: i32): Resource { return changetype<Resource>(this.at + <usize>index * 216); }
}

/** An attempt that failed. */
@unmanaged
export class Failure {
  get id(): Text { return changetype<Text>(changetype<usize>(this)); }
  get operation(): Text { return changetype<Text>(changetype<usize>(this) + 20); }
  get is(): FailureIs { return load<u8>(changetype<usize>(this), 28); }
  get message(): Text { return changetype<Text>(changetype<usize>(this) + 32); }
  get attempt(): u32 { return load<u32>(changetype<usize>(this), 40); }
  get elapsedMs(): u64 { return load<u64>(changetype<usize>(this), 48); }
  get retryAfterMs(): i64 { return optional(changetype<usize>(this) + 56); }
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
  delete(one: Resource, reason: Text, force: Force, graceMs: i64, priority: i32): void {
    const verdict = this.put(one, DELETE, reason);
    store<u8>(verdict, <u8>force, 24);
    this.options(verdict + 32, graceMs, priority);
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

/** The answer of `configure`: which labels to send, and no attributes. */
export function interest(labels: Text[]): usize {
  const list = heap.alloc(<usize>labels.length * 8 + 8);
  for (let index = 0; index < labels.length; index++) {
    memory.copy(list + <usize>index * 8, changetype<usize>(labels[index]), 8);
  }
  const at = heap.alloc(28);
  store<u8>(at, 0);
  store<u8>(at, labels.length ? 2 : 1, 4);
  store<usize>(at, list, 8);
  store<i32>(at, labels.length, 12);
  store<u8>(at, 1, 16);
  return at;
}

/** The answer of `configure` to a parameter that makes no sense. */
export function complain(param: string, message: string): usize {
  const complaint = heap.alloc(16);
  putText(complaint, param);
  putText(complaint + 8, message);
  const at = heap.alloc(28);
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

/** The failure among the arguments of `retry`, which lie behind the context. */
export function failure(args: usize): Failure { return changetype<Failure>(args + 32); }

export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  const at = heap.alloc(size);
  memory.copy(at, old, oldSize);
  return at;
}
