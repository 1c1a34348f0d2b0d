## The contract tbengine:policy@3.0.0 for Nim: the types of gen/policy.h.

{.pragma: fromC, importc, header: "gen/policy.h", bycopy.}

type
  Text* {.fromC, importc: "policy_string_t".} = object
    data* {.importc: "ptr".}: ptr UncheckedArray[char]
    len*: csize_t
  Pair* {.fromC, importc: "policy_tuple2_string_string_t".} = object
    key* {.importc: "f0".}: Text
    value* {.importc: "f1".}: Text
  Pairs* {.fromC, importc: "tbengine_policy_types_pairs_t".} = object
    data* {.importc: "ptr".}: ptr UncheckedArray[Pair]
    len*: csize_t
  OptionalNumber* {.fromC, importc: "policy_option_u64_t".} = object
    isSome* {.importc: "is_some".}: bool
    val*: uint64
  OptionalTime* {.fromC, importc: "tbengine_policy_types_option_unix_ms_t".} = object
    isSome* {.importc: "is_some".}: bool
    val*: uint64
  OptionalText* {.fromC, importc: "policy_option_string_t".} = object
    isSome* {.importc: "is_some".}: bool
    val*: Text
  Usage* {.fromC, importc: "tbengine_policy_types_usage_t".} = object
    cpuMillis* {.importc: "cpu_millis".}: OptionalNumber
    memoryBytes* {.importc: "memory_bytes".}: OptionalNumber
    diskBytes* {.importc: "disk_bytes".}: OptionalNumber
    reclaimableBytes* {.importc: "reclaimable_bytes".}: OptionalNumber
    microsPerHour* {.importc: "micros_per_hour".}: OptionalNumber
  Places* {.fromC, importc: "tbengine_policy_types_list_place_t".} = object
    ## Indices into the resources of the same call.
    data* {.importc: "ptr".}: ptr UncheckedArray[uint32]
    len*: csize_t
  Resource* {.fromC, importc: "tbengine_policy_types_resource_t".} = object
    ## Fields that are not here are in gen/policy.h.
    id*, name*: Text
    backend*, kind*: uint32 ## Indices into the context.
    class* {.importc: "class_".}: uint8 ## Evaluate by it: the word of a kind is the provider's own.
    state*: uint8
    damaged*: OptionalText
    created*, arrived*, started*, finished*: OptionalTime
    lastUsed* {.importc: "last_used".}: OptionalTime
    idleSince* {.importc: "idle_since".}: OptionalTime
    unit*: OptionalText
    unitRuns* {.importc: "unit_runs".}: bool
    lease*: uint8
    claimed*: bool
    usage*: Usage
    usedBy* {.importc: "used_by".}: Places
    usedByOthers* {.importc: "used_by_others".}: uint32
    usersKnown* {.importc: "users_known".}: bool
    takesAlong* {.importc: "takes_along".}: Places
    labels*, attrs*: Pairs
  Resources* {.fromC, importc: "exports_tbengine_policy_hooks_list_resource_t".} = object
    data* {.importc: "ptr".}: ptr UncheckedArray[Resource]
    len*: csize_t
  Kind* {.fromC, importc: "tbengine_policy_types_kind_facts_t".} = object
    word*: Text
    class* {.importc: "class_".}: uint8
    runs*, shared*: bool
  Kinds* {.fromC, importc: "tbengine_policy_types_list_kind_facts_t".} = object
    data* {.importc: "ptr".}: ptr UncheckedArray[Kind]
    len*: csize_t
  Backend* {.fromC, importc: "tbengine_policy_types_backend_facts_t".} = object
    name*, provider*, account*: Text
    complete*: bool
    attrs*: Pairs
  Backends* {.fromC, importc: "tbengine_policy_types_list_backend_facts_t".} = object
    data* {.importc: "ptr".}: ptr UncheckedArray[Backend]
    len*: csize_t
  Context* {.fromC, importc: "tbengine_policy_types_context_t".} = object
    ## Fields that are not here are in gen/policy.h.
    now*: uint64
    runId* {.importc: "run_id".}: Text
    dryRun* {.importc: "dry_run".}: bool
    backends*: Backends
    kinds*: Kinds
    attrs*: Pairs
  Failure* {.fromC, importc: "tbengine_policy_types_failure_t".} = object
    one* {.importc: "resource".}: Resource
    operation*, force*: uint8
    reason*: Text
    failure*: uint8
    code*: OptionalText
    message*: Text
    attempt*, round*: uint32
    elapsedMs* {.importc: "elapsed_ms".}: uint64

  StopOptions* {.fromC, importc: "tbengine_policy_verdicts_stop_options_t".} = object
    reason*: Text
    graceMs* {.importc: "grace_ms".}: OptionalNumber
    priority*: int32
  DeleteOptions* {.fromC, importc: "tbengine_policy_verdicts_delete_options_t".} = object
    reason*: Text
    force*: uint8
    graceMs* {.importc: "grace_ms".}: OptionalNumber
    priority*: int32
    evict*: bool
  Action* {.fromC, importc: "tbengine_policy_verdicts_action_t".} = object
    tag*: uint8
    keep* {.importc: "val.keep".}: Text
    stop* {.importc: "val.stop".}: StopOptions
    delete* {.importc: "val.delete_".}: DeleteOptions
    archive* {.importc: "val.archive".}: StopOptions
  Verdict* {.fromC, importc: "tbengine_policy_verdicts_verdict_t".} = object
    id*: Text
    action*: Action
  Verdicts* {.fromC, importc: "exports_tbengine_policy_hooks_list_verdict_t".} = object
    data* {.importc: "ptr".}: ptr UncheckedArray[Verdict]
    len*: csize_t
  RetryAction* {.fromC, importc: "tbengine_policy_types_retry_action_t".} = object
    tag*: uint8
    giveUp* {.importc: "val.give_up".}: Text
    delayMs* {.importc: "val.after.delay_ms".}: uint64
    escalate* {.importc: "val.after.escalate".}: bool

  Param* {.fromC, importc: "tbengine_policy_types_param_t".} = object
    name*: Text
    kind* {.importc: "type".}: uint8
    doc*: Text
    default* {.importc: "default_".}: OptionalText
    required*: bool
  Params* {.fromC, importc: "tbengine_policy_types_list_param_t".} = object
    data* {.importc: "ptr".}: ptr Param
    len*: csize_t
  Description* {.fromC, importc: "tbengine_policy_types_description_t".} = object
    name*, version*, summary*: Text
    params*: Params
    judging*: uint8
  Texts* {.fromC, importc: "policy_list_string_t".} = object
    data* {.importc: "ptr".}: ptr Text
    len*: csize_t
  Selection* {.fromC, importc: "tbengine_policy_types_selection_t".} = object
    tag*: uint8
    only* {.importc: "val.only".}: Texts
  Interest* {.fromC, importc: "tbengine_policy_types_interest_t".} = object
    labels*, attrs*: Selection
    wants*: uint8
  ConfigError* {.fromC, importc: "tbengine_policy_types_config_error_t".} = object
    param*, message*: Text
  ConfigErrors* {.fromC, importc: "exports_tbengine_policy_setup_list_config_error_t".} = object
    data* {.importc: "ptr".}: ptr ConfigError
    len*: csize_t

const
  classCompute* = 0'u8
  classNetwork* = 1'u8
  classConfig* = 2'u8
  classStorage* = 3'u8
  classImage* = 4'u8
  classCache* = 5'u8
  classOther* = 6'u8
  stateCreated* = 1'u8
  stateRunning* = 2'u8
  statePaused* = 3'u8
  stateExited* = 5'u8
  stateStopped* = 6'u8
  stateFailed* = 8'u8
  stateDead* = 9'u8
  actionKeep* = 0'u8
  actionStop* = 1'u8
  actionDelete* = 2'u8
  actionArchive* = 3'u8
  forceNever* = 0'u8
  failureTransient* = 0'u8
  retryNoOpinion* = 0'u8
  retryGiveUp* = 1'u8
  retryAfter* = 2'u8
  paramText* = 0'u8
  paramDuration* = 4'u8
  judgingEach* = 0'u8
  selectEverything* = 0'u8
  selectNothing* = 1'u8
  selectOnly* = 2'u8

proc text*(of_text: static string): Text =
  ## A constant for the engine.
  const literal = cstring(of_text)
  Text(data: cast[ptr UncheckedArray[char]](literal), len: csize_t(of_text.len))

proc since*(one: ptr Resource): uint64 =
  ## When it came into being here: when it was created, or arrived on this host if that was later; 0 if neither is known.
  if one.created.isSome: result = one.created.val
  if one.arrived.isSome: result = max(result, one.arrived.val)

proc `==`*(a, b: Text): bool =
  a.len == b.len and equalMem(a.data, b.data, a.len)
