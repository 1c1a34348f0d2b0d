## The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.
##
## It uses the bindings for C. An instance serves one call of the engine and is then dropped, so nothing is freed, and
## texts that are returned may be constants or the engine's own.

import contract

const hour = 3_600_000'u64

var
  olderThan: uint64
  keepLabel: Text
  params: array[2, Param]
  complaint: ConfigError

proc describe(ret: ptr Description) {.exportc: "exports_tbengine_policy_setup_describe".} =
  params[0] = Param(name: text"older-than", kind: paramDuration, doc: text"How old is too old.",
    default: OptionalText(isSome: true, val: text"24h"))
  params[1] = Param(name: text"keep-label", kind: paramText,
    doc: text"What carries this label is kept, whatever its value.",
    default: OptionalText(isSome: true, val: text"keep"))
  ret.name = text"max-age"
  ret.version = text"1.0.0"
  ret.summary = text"Deletes what ended, and stops what runs, once it is older than allowed."
  ret.params = Params(data: addr params[0], len: 2)
  ret.judging = judgingEach

proc configure(config: ptr Pairs, ret: ptr Interest, err: ptr ConfigErrors): bool
    {.exportc: "exports_tbengine_policy_setup_configure".} =
  for i in 0 ..< int(config.len):
    let pair = config.data[i]
    if pair.key == text"older-than":
      olderThan = 0
      for digit in 0 ..< int(pair.value.len):
        olderThan = olderThan * 10 + uint64(ord(pair.value.data[digit]) - ord('0'))
    elif pair.key == text"keep-label":
      keepLabel = pair.value
  if olderThan == 0:
    complaint = ConfigError(param: text"older-than", message: text"must be more than nothing")
    err[] = ConfigErrors(data: addr complaint, len: 1)
    return false
  ret.labels.tag = selectEverything
  ret.attrs.tag = selectEverything
  ret.wants = 0
  true

proc judge(now: uint64, one: ptr Resource, action: ptr Action): bool =
  for i in 0 ..< int(one.labels.len):
    if one.labels.data[i].key == keepLabel:
      action.tag = actionKeep
      action.keep = text"labelled to be kept"
      return true
  if one.since == 0 or one.since > now: return false
  let age = now - one.since
  if age <= olderThan: return false
  let oldestFirst = int32(min(age div hour, uint64(high(int32))))
  case one.state
  of stateCreated, stateExited, stateStopped, stateFailed, stateDead:
    action.tag = actionDelete
    action.delete = DeleteOptions(reason: text"older than allowed", force: forceNever, priority: oldestFirst)
  of stateRunning, statePaused:
    action.tag = actionStop
    action.stop = StopOptions(reason: text"older than allowed",
      graceMs: OptionalNumber(isSome: true, val: 5_000), priority: oldestFirst)
  else:
    return false
  true

proc decide(context: ptr Context, resources: ptr Resources, ret: ptr Verdicts, err: ptr Text): bool
    {.exportc: "exports_tbengine_policy_hooks_decide".} =
  ret.data = cast[ptr UncheckedArray[Verdict]](alloc0((int(resources.len) + 1) * sizeof(Verdict)))
  ret.len = 0
  for i in 0 ..< int(resources.len):
    let (one, verdict) = (addr resources.data[i], addr ret.data[int(ret.len)])
    verdict.id = one.id
    if judge(context.now, one, addr verdict.action): inc ret.len
  true

proc retry(context: ptr Context, failure: ptr Failure, ret: ptr RetryAction, err: ptr Text): bool
    {.exportc: "exports_tbengine_policy_hooks_retry".} =
  ret.tag = retryNoOpinion
  if failure.failure != failureTransient: return true
  if failure.attempt >= 4:
    ret.tag = retryGiveUp
    ret.giveUp = text"tried often enough"
  else:
    ret.tag = retryAfter
    ret.delayMs = uint64(failure.attempt) * 1_000
    ret.escalate = false
  true
