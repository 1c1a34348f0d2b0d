// The policy max-age: deletes what ended, and stops what runs, once it is older than allowed.
package main

import (
	"math"
	"strconv"
)

const hour = 3_600_000

var (
	olderThan uint64
	keepLabel string
)

// Describe says what the policy is and which parameters it has.
func Describe() Description {
	return Description{
		Name:    "max-age",
		Version: "1.0.0",
		Summary: "Deletes what ended, and stops what runs, once it is older than allowed.",
		Params: []Param{
			{Name: "older-than", Type: ParamDuration, Default: "24h", Doc: "How old is too old."},
			{Name: "keep-label", Type: ParamText, Default: "keep", Doc: "What carries this label is kept, whatever its value."},
		},
		Judging: Each,
	}
}

// Configure takes the parameters, durations in milliseconds, and says which facts the policy asks for: all.
func Configure(params map[string]string) (Interest, *ConfigError) {
	olderThan, _ = strconv.ParseUint(params["older-than"], 10, 64)
	keepLabel = params["keep-label"]
	if olderThan == 0 {
		return Interest{}, &ConfigError{"older-than", "must be more than nothing"}
	}
	return Interest{}, nil
}

// Decide evaluates the resources. One without a verdict is kept.
func Decide(context Context, resources []Resource, verdicts *Verdicts) error {
	now := context.Now()
	for _, one := range resources {
		if _, labelled := one.Labels().Get(keepLabel); labelled {
			verdicts.Keep(one, "labelled to be kept")
			continue
		}
		since, known := one.Since()
		if !known || since > now || now-since <= olderThan {
			continue
		}
		oldestFirst := int32(min((now-since)/hour, math.MaxInt32))
		switch one.State() {
		case Created, Exited, Stopped, Failed, Dead:
			verdicts.Delete(one, "older than allowed", ForceNever, -1, oldestFirst)
		case Running, Paused:
			verdicts.Stop(one, "older than allowed", 5_000, oldestFirst)
		}
	}
	return nil
}

// Retry advises after a failed attempt.
func Retry(_ Context, failure Failure) Advice {
	switch {
	case failure.Kind() != Transient:
		return Advice{}
	case failure.Attempt() >= 4:
		return Advice{GiveUp: "tried often enough"}
	default:
		return Advice{After: true, DelayMs: uint64(failure.Attempt()) * 1_000}
	}
}
