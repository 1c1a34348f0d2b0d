// The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.

import {
  Asked, Description, FailureIs, Force, Judging, Pairs, ParamType, State, Text, Verdicts,
  after, complain, giveUp, interest, noOpinion, text,
} from "./abi";
export { cabi_realloc } from "./abi";

const HOUR: i64 = 3_600_000;

let olderThan: i64 = 0;
let keepLabel: Text = text("");

export function describe(): usize {
  return new Description(
    "max-age",
    "1.0.0",
    "Deletes what ended, and stops what runs, once it is older than allowed.",
    Judging.each,
  )
    .param("older-than", ParamType.duration, "24h", "How old is too old.")
    .param("keep-label", ParamType.text, "keep", "What carries this label is kept, whatever its value.")
    .answer();
}

export function configure(at: usize, length: i32): usize {
  const pairs = heap.alloc(8);
  store<usize>(pairs, at);
  store<i32>(pairs, length, 4);
  const params = changetype<Pairs>(pairs);
  olderThan = I64.parseInt(params.get(text("older-than"))!.toString());
  keepLabel = params.get(text("keep-label"))!;
  if (olderThan == 0) return complain("older-than", "must be more than nothing");
  return interest();
}

export function decide(args: usize): usize {
  const asked = changetype<Asked>(args);
  const now = asked.context.now, resources = asked.resources;
  const verdicts = new Verdicts(resources.length);
  const kept = text("labelled to be kept"), old = text("older than allowed");
  for (let index = 0; index < resources.length; index++) {
    const one = resources[index];
    if (one.labels.get(keepLabel)) {
      verdicts.keep(one, kept);
      continue;
    }
    if (one.since < 0) continue;
    const age = now - one.since;
    if (age <= olderThan) continue;
    const oldestFirst = <i32>min(age / HOUR, <i64>i32.MAX_VALUE);
    switch (one.state) {
      case State.created:
      case State.exited:
      case State.stopped:
      case State.failed:
      case State.dead:
        verdicts.delete(one, old, Force.never, -1, oldestFirst);
        break;
      case State.running:
      case State.paused:
        verdicts.stop(one, old, 5_000, oldestFirst);
        break;
    }
  }
  return verdicts.answer();
}

export function retry(args: usize): usize {
  const failed = changetype<Asked>(args).failure;
  if (failed.is != FailureIs.transient) return noOpinion();
  if (failed.attempt >= 4) return giveUp("tried often enough");
  return after(failed.attempt * 1_000, false);
}
