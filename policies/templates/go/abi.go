package main

// The contract tbengine:policy@2.0.0 for Go. It needs no generator and no library: records are read from memory and
// written to it as the canonical ABI lays them out. A resource is read where it lies, so that what a policy does not look
// at costs nothing. An instance serves one call of the engine and is then dropped, so nothing is freed.

import (
	"runtime/debug"
	"unsafe"
)

type (
	State       uint8
	Kind        uint8
	OwnerIs     uint8
	Force       uint8
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
	Container Kind = iota
	Sandbox
	Network
	Volume
	Image
	Snapshot
	OtherKind
)

const (
	OwnedByRun OwnerIs = iota
	OwnedByBenchmark
	OwnedByOther
	OwnerUnknown
)

const (
	ForceNever Force = iota
	ForceOnRetry
	ForceAlways
)

const (
	Each Judging = iota
	Units
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
	Unsupported
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

//go:wasmimport tbengine:policy/log@2.0.0 emit
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

// Resource is a thing that can leak. Times are milliseconds since 1970, sizes are bytes.
type Resource uintptr

func (one Resource) ID() string                   { return loadText(uintptr(one)) }
func (one Resource) Backend() string              { return loadText(uintptr(one) + 8) }
func (one Resource) Kind() Kind                   { return load[Kind](uintptr(one) + 16) }
func (one Resource) Name() string                 { return loadText(uintptr(one) + 20) }
func (one Resource) State() State                 { return load[State](uintptr(one) + 28) }
func (one Resource) ExitCode() (uint64, bool)     { return optional(uintptr(one) + 32) }
func (one Resource) Created() (uint64, bool)      { return optional(uintptr(one) + 48) }
func (one Resource) Started() (uint64, bool)      { return optional(uintptr(one) + 64) }
func (one Resource) Finished() (uint64, bool)     { return optional(uintptr(one) + 80) }
func (one Resource) LastActivity() (uint64, bool) { return optional(uintptr(one) + 96) }
func (one Resource) Unit() (string, bool) {
	return loadText(uintptr(one) + 116), load[uint8](uintptr(one)+112) != 0
}
func (one Resource) Owner() (OwnerIs, string) {
	is := load[OwnerIs](uintptr(one) + 124)
	if is == OwnerUnknown {
		return is, ""
	}
	return is, loadText(uintptr(one) + 128)
}
func (one Resource) Claimed() bool               { return load[uint8](uintptr(one)+136) != 0 }
func (one Resource) CPUMillis() (uint64, bool)   { return optional(uintptr(one) + 144) }
func (one Resource) MemoryBytes() (uint64, bool) { return optional(uintptr(one) + 160) }
func (one Resource) DiskBytes() (uint64, bool)   { return optional(uintptr(one) + 176) }
func (one Resource) Holders() []string {
	holders := make([]string, load[uint32](uintptr(one)+196))
	for index := range holders {
		holders[index] = loadText(uintptr(load[uint32](uintptr(one)+192)) + uintptr(index)*8)
	}
	return holders
}
func (one Resource) Labels() Pairs { return Pairs(one + 200) }
func (one Resource) Attrs() Pairs  { return Pairs(one + 208) }

// Failure is an attempt that failed.
type Failure uintptr

func (failure Failure) ID() string                   { return loadText(uintptr(failure)) }
func (failure Failure) Operation() string            { return loadText(uintptr(failure) + 20) }
func (failure Failure) Kind() FailureKind            { return load[FailureKind](uintptr(failure) + 28) }
func (failure Failure) Message() string              { return loadText(uintptr(failure) + 32) }
func (failure Failure) Attempt() uint32              { return load[uint32](uintptr(failure) + 40) }
func (failure Failure) ElapsedMs() uint64            { return load[uint64](uintptr(failure) + 48) }
func (failure Failure) RetryAfterMs() (uint64, bool) { return optional(uintptr(failure) + 56) }

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

// ConfigError is about a parameter whose value makes no sense.
type ConfigError struct{ Param, Message string }

//go:wasmexport configure
func configure(pair, count uint32) uint32 {
	params := make(map[string]string, count)
	for ; count > 0; pair, count = pair+16, count-1 {
		params[loadText(uintptr(pair))] = loadText(uintptr(pair) + 8)
	}
	labels, complaint := Configure(params)
	at, list := allocate(28), allocate(uint32(len(labels)*8+16))
	if complaint != nil {
		storeText(list, complaint.Param)
		storeText(list+8, complaint.Message)
		store(at, uint8(1))
		store(at+4, uint32(list))
		store(at+8, uint32(1))
		return uint32(at)
	}
	for index, label := range labels {
		storeText(list+uintptr(index)*8, label)
	}
	store(at+4, uint8(2)) // only these labels
	store(at+8, uint32(list))
	store(at+12, uint32(len(labels)))
	store(at+16, uint8(1)) // no attributes
	return uint32(at)
}

//go:wasmexport decide
func decide(now uint64, _, _, _, _, _, at, count uint32) uint32 {
	resources := make([]Resource, count)
	for index := range resources {
		resources[index] = Resource(uintptr(at) + uintptr(index)*216)
	}
	verdicts := &Verdicts{at: allocate(count * 56)}
	answer := allocate(12)
	if err := Decide(now, resources, verdicts); err != nil {
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
	advice := Retry(Failure(args + 32))
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
