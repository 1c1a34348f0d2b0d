package main

// The contract tbengine:policy@3.0.0 for Go. It needs no generator and no library: records are read from memory and
// written to it as the canonical ABI lays them out. A resource is read where it lies, so that what a policy does not look
// at costs nothing. An instance serves one call of the engine and is then dropped, so nothing is freed.

import (
	"runtime/debug"
	"unsafe"
)

type (
	State       uint8
	Class       uint8
	OwnerIs     uint8
	Lease       uint8
	Force       uint8
	Operation   uint8
	Costly      uint8
	Judging     uint8
	ParamType   uint8
	FailureKind uint8
	Level       int32
)

const (
	Pending State = iota
	Created
	Running
	Paused
	Restarting
	Exited
	Stopped
	Archived
	Failed
	Dead
	Removing
	Present
	UnknownState
)

const (
	Compute Class = iota
	Network
	Config
	Storage
	Image
	Cache
	OtherClass
)

const (
	OwnedByRun OwnerIs = iota
	OwnedByBenchmark
	OwnedByOther
	OwnerKept
	OwnerUnknown
)

// Whether the run whose id a resource carries is still going on.
const (
	LeaseNone Lease = iota
	LeaseLive
	LeaseOver
	LeaseForeign
)

const (
	ForceNever Force = iota
	ForceOnRetry
	ForceAlways
)

const (
	OperationStop Operation = iota
	OperationDelete
	OperationEvict
	OperationArchive
	OtherOperation
)

// Facts that are expensive to collect.
const (
	Sizes Costly = 1 << iota
	Disks
	Samples
	Histories
	Prices
)

const (
	Each Judging = iota
	Units
	WholeBackend
	All
)

const (
	ParamText ParamType = iota
	ParamInteger
	ParamNumber
	ParamBoolean
	ParamDuration
	ParamSize
	ParamWords
	ParamTimes
)

const (
	Transient FailureKind = iota
	InProgress
	Conflict
	Dependency
	RateLimited
	Unavailable
	Denied
	Invalid
	Forbidden
	Unsupported
	Stuck
	Internal
	OtherFailure
)

const (
	Trace Level = iota
	Debug
	Info
	Warn
	Error
)

//go:wasmimport tbengine:policy/log@3.0.0 emit
func emit(level int32, text unsafe.Pointer, length int32)

// Log shows a message with -v and in the report of a fault.
func Log(level Level, message string) {
	emit(int32(level), unsafe.Pointer(unsafe.StringData(message)), int32(len(message)))
}

// Never collect: the engine allocates a text at a time, and what it allocated is all in use until the call ends.
func init() { debug.SetGCPercent(-1) }

// What is allocated stays reachable.
var kept [][]uint64

func allocate(size uint32) uintptr {
	block := make([]uint64, size/8+1)
	kept = append(kept, block)
	return uintptr(unsafe.Pointer(&block[0]))
}

// Small pieces are cut from large ones.
var next, left uintptr

//go:wasmexport cabi_realloc
func cabiRealloc(old, oldSize, align, size uint32) uint32 {
	need := (uintptr(size) + 7) &^ 7
	if need > left {
		left = max(need, 1<<16)
		next = allocate(uint32(left))
	}
	at := next
	next, left = next+need, left-need
	copy(bytes(at, uintptr(oldSize)), bytes(uintptr(old), uintptr(oldSize)))
	return uint32(at)
}

func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

func bytes(at, size uintptr) []byte { return unsafe.Slice((*byte)(pointer(at)), size) }

func load[T any](at uintptr) T { return *(*T)(pointer(at)) }

func store[T any](at uintptr, value T) { *(*T)(pointer(at)) = value }

func loadText(at uintptr) string {
	length := load[uint32](at + 4)
	if length == 0 {
		return ""
	}
	return unsafe.String((*byte)(pointer(uintptr(load[uint32](at)))), length)
}

func storeText(at uintptr, text string) {
	store(at, uint32(uintptr(unsafe.Pointer(unsafe.StringData(text)))))
	store(at+4, uint32(len(text)))
}

// optional gives a number and whether it is known.
func optional(at uintptr) (uint64, bool) { return load[uint64](at + 8), load[uint8](at) != 0 }

// Pairs are keys with their values.
type Pairs uintptr

// Get gives the value of a key, and whether it is there.
func (pairs Pairs) Get(key string) (string, bool) {
	pair, count := uintptr(load[uint32](uintptr(pairs))), load[uint32](uintptr(pairs)+4)
	for ; count > 0; pair, count = pair+16, count-1 {
		if loadText(pair) == key {
			return loadText(pair + 8), true
		}
	}
	return "", false
}

// list gives the address of the first element of a list, and how many there are.
func list(at uintptr) (uintptr, uint32) { return uintptr(load[uint32](at)), load[uint32](at + 4) }

// records gives the elements of a list, each by its address.
func records[T ~uintptr](at, size uintptr) []T {
	first, count := list(at)
	found := make([]T, count)
	for index := range found {
		found[index] = T(first + uintptr(index)*size)
	}
	return found
}

// optionalText gives a text and whether it is known.
func optionalText(at uintptr) (string, bool) {
	if load[uint8](at) == 0 {
		return "", false
	}
	return loadText(at + 4), true
}

// Places are indices into the resources of the same call.
type Places []uint32

func loadPlaces(at uintptr) Places {
	first, count := list(at)
	if count == 0 {
		return nil
	}
	return unsafe.Slice((*uint32)(pointer(first)), count)
}

// Context is what a policy is given besides the resources.
type Context uintptr

// Now is the only clock a policy has, in milliseconds since 1970.
func (context Context) Now() uint64              { return load[uint64](uintptr(context)) }
func (context Context) ZoneName() string         { return loadText(uintptr(context) + 8) }
func (context Context) OffsetMinutes() int32     { return load[int32](uintptr(context) + 16) }
func (context Context) RunID() string            { return loadText(uintptr(context) + 48) }
func (context Context) Schedule() (string, bool) { return optionalText(uintptr(context) + 56) }
func (context Context) DryRun() bool             { return load[uint8](uintptr(context)+68) != 0 }
func (context Context) Backends() []Backend      { return records[Backend](uintptr(context)+72, 56) }
func (context Context) Kinds() []Kind            { return records[Kind](uintptr(context)+80, 12) }
func (context Context) Attrs() Pairs             { return Pairs(context + 88) }

// NextChange gives when the offset changes, and the offset from then on.
func (context Context) NextChange() (at uint64, offsetMinutes int32, known bool) {
	place := uintptr(context) + 24
	return load[uint64](place + 8), load[int32](place + 16), load[uint8](place) != 0
}

// Kind is a kind of resource.
type Kind uintptr

// Word is the provider's own, like `container`. Evaluate by class: new backends bring new words.
func (kind Kind) Word() string { return loadText(uintptr(kind)) }
func (kind Kind) Class() Class { return load[Class](uintptr(kind) + 8) }
func (kind Kind) Runs() bool   { return load[uint8](uintptr(kind)+9) != 0 }
func (kind Kind) Shared() bool { return load[uint8](uintptr(kind)+10) != 0 }

// Backend is where resources come from.
type Backend uintptr

func (backend Backend) Name() string             { return loadText(uintptr(backend)) }
func (backend Backend) Provider() string         { return loadText(uintptr(backend) + 8) }
func (backend Backend) Account() string          { return loadText(uintptr(backend) + 16) }
func (backend Backend) Currency() (string, bool) { return optionalText(uintptr(backend) + 24) }
func (backend Backend) Complete() bool           { return load[uint8](uintptr(backend)+36) != 0 }
func (backend Backend) Disks() []Disk            { return records[Disk](uintptr(backend)+40, 88) }
func (backend Backend) Attrs() Pairs             { return Pairs(backend + 48) }

// Disk holds resources of a backend.
type Disk uintptr

func (disk Disk) Name() string                   { return loadText(uintptr(disk)) }
func (disk Disk) TotalBytes() uint64             { return load[uint64](uintptr(disk) + 8) }
func (disk Disk) FreeBytes() uint64              { return load[uint64](uintptr(disk) + 16) }
func (disk Disk) TotalFiles() (uint64, bool)     { return optional(uintptr(disk) + 24) }
func (disk Disk) FreeFiles() (uint64, bool)      { return optional(uintptr(disk) + 40) }
func (disk Disk) LowWaterBytes() (uint64, bool)  { return optional(uintptr(disk) + 56) }
func (disk Disk) HighWaterBytes() (uint64, bool) { return optional(uintptr(disk) + 72) }

// Resource is a thing that can leak. Times are milliseconds since 1970, sizes are bytes.
type Resource uintptr

func (one Resource) ID() string   { return loadText(uintptr(one)) }
func (one Resource) Name() string { return loadText(uintptr(one) + 8) }

// Backend gives the backend it is in.
func (one Resource) Backend(context Context) Backend {
	first, _ := list(uintptr(context) + 72)
	return Backend(first + uintptr(load[uint32](uintptr(one)+16))*56)
}

// Kind gives its kind.
func (one Resource) Kind(context Context) Kind {
	first, _ := list(uintptr(context) + 80)
	return Kind(first + uintptr(load[uint32](uintptr(one)+20))*12)
}
func (one Resource) Class() Class { return load[Class](uintptr(one) + 24) }
func (one Resource) State() State { return load[State](uintptr(one) + 25) }

// Damaged says why only some of its facts could be read.
func (one Resource) Damaged() (string, bool) { return optionalText(uintptr(one) + 28) }
func (one Resource) ExitCode() (int64, bool) {
	return load[int64](uintptr(one) + 48), load[uint8](uintptr(one)+40) != 0
}
func (one Resource) Created() (uint64, bool)   { return optional(uintptr(one) + 56) }
func (one Resource) Arrived() (uint64, bool)   { return optional(uintptr(one) + 72) }
func (one Resource) Started() (uint64, bool)   { return optional(uintptr(one) + 88) }
func (one Resource) Finished() (uint64, bool)  { return optional(uintptr(one) + 104) }
func (one Resource) LastUsed() (uint64, bool)  { return optional(uintptr(one) + 120) }
func (one Resource) IdleSince() (uint64, bool) { return optional(uintptr(one) + 136) }

// Since is when it came into being here: when it was created, or arrived on this host if that was later.
func (one Resource) Since() (uint64, bool) {
	created, wasCreated := one.Created()
	arrived, hasArrived := one.Arrived()
	if hasArrived && (!wasCreated || arrived > created) {
		return arrived, true
	}
	return created, wasCreated
}

// History is what tbengine remembers of a resource from earlier runs.
type History struct {
	FirstSeen                          uint64
	Listed, Proposed, Failed, CameBack uint32
}

func (one Resource) History() (History, bool) {
	return load[History](uintptr(one) + 160), load[uint8](uintptr(one)+152) != 0
}
func (one Resource) Unit() (string, bool) { return optionalText(uintptr(one) + 184) }

// UnitRuns says whether something of the same unit runs; it is also true if that is unknown.
func (one Resource) UnitRuns() bool { return load[uint8](uintptr(one)+196) != 0 }
func (one Resource) Owner() (OwnerIs, string) {
	is := load[OwnerIs](uintptr(one) + 200)
	if is == OwnerUnknown {
		return is, ""
	}
	return is, loadText(uintptr(one) + 204)
}
func (one Resource) Lease() Lease                     { return load[Lease](uintptr(one) + 212) }
func (one Resource) Claimed() bool                    { return load[uint8](uintptr(one)+213) != 0 }
func (one Resource) CPUMillis() (uint64, bool)        { return optional(uintptr(one) + 216) }
func (one Resource) MemoryBytes() (uint64, bool)      { return optional(uintptr(one) + 232) }
func (one Resource) DiskBytes() (uint64, bool)        { return optional(uintptr(one) + 248) }
func (one Resource) ReclaimableBytes() (uint64, bool) { return optional(uintptr(one) + 264) }
func (one Resource) MicrosPerHour() (uint64, bool)    { return optional(uintptr(one) + 280) }

// UsedBy says which resources of this call use it, UsedByOthers how many others do.
func (one Resource) UsedBy() Places       { return loadPlaces(uintptr(one) + 296) }
func (one Resource) UsedByOthers() uint32 { return load[uint32](uintptr(one) + 304) }
func (one Resource) UsersKnown() bool     { return load[uint8](uintptr(one)+308) != 0 }

// TakesAlong says which resources of this call are deleted along with it.
func (one Resource) TakesAlong() Places { return loadPlaces(uintptr(one) + 312) }
func (one Resource) Labels() Pairs      { return Pairs(one + 320) }
func (one Resource) Attrs() Pairs       { return Pairs(one + 328) }

// Failure is an attempt that failed.
type Failure uintptr

// Resource is what it failed on, as it was last read. What only a listing shows is unknown.
func (failure Failure) Resource() Resource           { return Resource(failure) }
func (failure Failure) Operation() Operation         { return load[Operation](uintptr(failure) + 336) }
func (failure Failure) Force() Force                 { return load[Force](uintptr(failure) + 337) }
func (failure Failure) Reason() string               { return loadText(uintptr(failure) + 340) }
func (failure Failure) Kind() FailureKind            { return load[FailureKind](uintptr(failure) + 348) }
func (failure Failure) Code() (string, bool)         { return optionalText(uintptr(failure) + 352) }
func (failure Failure) Message() string              { return loadText(uintptr(failure) + 364) }
func (failure Failure) Attempt() uint32              { return load[uint32](uintptr(failure) + 372) }
func (failure Failure) Round() uint32                { return load[uint32](uintptr(failure) + 376) }
func (failure Failure) ElapsedMs() uint64            { return load[uint64](uintptr(failure) + 384) }
func (failure Failure) RetryAfterMs() (uint64, bool) { return optional(uintptr(failure) + 392) }
func (failure Failure) Attrs() Pairs                 { return Pairs(failure + 408) }

// Verdicts is what a policy proposes.
type Verdicts struct{ at, count uintptr }

func (verdicts *Verdicts) add(one Resource, action uint8, reason string) uintptr {
	at := verdicts.at + verdicts.count*56
	verdicts.count++
	storeText(at, one.ID())
	store(at+8, action)
	storeText(at+16, reason)
	return at
}

func storeOptions(at uintptr, graceMs int64, priority int32) {
	if graceMs >= 0 {
		store(at, uint8(1))
	}
	store(at+8, graceMs)
	store(at+16, priority)
}

func (verdicts *Verdicts) Keep(one Resource, reason string) { verdicts.add(one, 0, reason) }

// Stop ends a resource and leaves it there. A grace of -1 means the engine's own.
func (verdicts *Verdicts) Stop(one Resource, reason string, graceMs int64, priority int32) {
	storeOptions(verdicts.add(one, 1, reason)+24, graceMs, priority)
}

func (verdicts *Verdicts) Archive(one Resource, reason string, graceMs int64, priority int32) {
	storeOptions(verdicts.add(one, 3, reason)+24, graceMs, priority)
}

func (verdicts *Verdicts) Delete(one Resource, reason string, force Force, graceMs int64, priority int32) {
	at := verdicts.add(one, 2, reason)
	store(at+24, force)
	storeOptions(at+32, graceMs, priority)
}

// Evict deletes by eviction where the provider has that (Kubernetes), which it may refuse.
func (verdicts *Verdicts) Evict(one Resource, reason string, force Force, graceMs int64, priority int32) {
	verdicts.Delete(one, reason, force, graceMs, priority)
	store(verdicts.at+(verdicts.count-1)*56+52, true)
}

// Param is a parameter; an empty default is none.
type Param struct {
	Name     string
	Type     ParamType
	Doc      string
	Default  string
	Required bool
}

// Description is what a policy says of itself.
type Description struct {
	Name, Version, Summary string
	Params                 []Param
	Judging                Judging
}

//go:wasmexport describe
func describe() uint32 {
	said := Describe()
	at, params := allocate(36), allocate(uint32(len(said.Params)*36))
	storeText(at, said.Name)
	storeText(at+8, said.Version)
	storeText(at+16, said.Summary)
	store(at+24, uint32(params))
	store(at+28, uint32(len(said.Params)))
	store(at+32, said.Judging)
	for index, param := range said.Params {
		at := params + uintptr(index)*36
		storeText(at, param.Name)
		store(at+8, param.Type)
		storeText(at+12, param.Doc)
		if param.Default != "" {
			store(at+20, uint8(1))
			storeText(at+24, param.Default)
		}
		store(at+32, param.Required)
	}
	return uint32(at)
}

// Selection says which keys to send; the zero value means all of them.
type Selection struct {
	Only    []string
	Nothing bool
}

func (selection Selection) store(at uintptr) {
	if selection.Nothing {
		store(at, uint8(1))
	} else if selection.Only != nil {
		keys := allocate(uint32(len(selection.Only) * 8))
		for index, key := range selection.Only {
			storeText(keys+uintptr(index)*8, key)
		}
		store(at, uint8(2))
		store(at+4, uint32(keys))
		store(at+8, uint32(len(selection.Only)))
	}
}

// Interest is what a policy asks for; the zero value means all labels and attributes, and no expensive facts.
type Interest struct {
	Labels, Attrs Selection
	Wants         Costly
}

// ConfigError is about a parameter whose value makes no sense.
type ConfigError struct{ Param, Message string }

//go:wasmexport configure
func configure(pair, count uint32) uint32 {
	params := make(map[string]string, count)
	for ; count > 0; pair, count = pair+16, count-1 {
		params[loadText(uintptr(pair))] = loadText(uintptr(pair) + 8)
	}
	interest, complaint := Configure(params)
	at := allocate(32)
	if complaint != nil {
		complaints := allocate(16)
		storeText(complaints, complaint.Param)
		storeText(complaints+8, complaint.Message)
		store(at, uint8(1))
		store(at+4, uint32(complaints))
		store(at+8, uint32(1))
		return uint32(at)
	}
	interest.Labels.store(at + 4)
	interest.Attrs.store(at + 16)
	store(at+28, interest.Wants)
	return uint32(at)
}

//go:wasmexport decide
func decide(args uint32) uint32 {
	resources := records[Resource](uintptr(args)+96, 336)
	verdicts := &Verdicts{at: allocate(uint32(len(resources) * 56))}
	answer := allocate(12)
	if err := Decide(Context(args), resources, verdicts); err != nil {
		store(answer, uint8(1))
		storeText(answer+4, err.Error())
		return uint32(answer)
	}
	store(answer+4, uint32(verdicts.at))
	store(answer+8, uint32(verdicts.count))
	return uint32(answer)
}

// Advice is what to do about a failed attempt; the zero value is no opinion.
type Advice struct {
	GiveUp   string
	After    bool
	DelayMs  uint64
	Escalate bool
}

//go:wasmexport retry
func retry(args uint32) uint32 {
	advice := Retry(Context(args), Failure(args+96))
	at := allocate(32)
	switch {
	case advice.GiveUp != "":
		store(at+8, uint8(1))
		storeText(at+16, advice.GiveUp)
	case advice.After:
		store(at+8, uint8(2))
		store(at+16, advice.DelayMs)
		store(at+24, advice.Escalate)
	}
	return uint32(at)
}

func main() {}
