package hubd

import (
	"bytes"
	"context"
	"runtime/pprof"
	"time"

	"cloudcashier/shared/fault"
)

const (
	profiling   = "/v1/profile"
	maxProfile  = operatorsTime - 2*time.Second // the answer must be written before the socket's own time is over
	leastSample = time.Second                   // a sample is taken a hundred times a second
)

// ProfileOrder asks where the hub spends its processor time.
type ProfileOrder struct {
	Milliseconds int64 `json:"ms"` // for how long is looked
}

// Profile is what was seen, as `go tool pprof` reads it: names of functions and counts, no data of anybody's.
type Profile struct {
	Data []byte `json:"data"`
}

// profile looks for a while, or until the hub ends. Only the operators' socket leads here, which the hub's owner
// alone may open: a profile tells a stranger how busy a shop is, and costs a little.
func (h *Hub) profile(hub, asking context.Context, o ProfileOrder) (any, error) {
	span := time.Duration(o.Milliseconds) * time.Millisecond
	if span < leastSample || span > maxProfile {
		return nil, fault.New(fault.Invalid, "profile.span", "a profile takes %v to %v", leastSample, maxProfile)
	}
	var seen bytes.Buffer
	if err := pprof.StartCPUProfile(&seen); err != nil {
		return nil, fault.New(fault.Conflict, "profile.busy", "somebody is taking a profile already: wait for it")
	}
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hub.Done():
	case <-asking.Done():
	}
	pprof.StopCPUProfile()
	return Profile{Data: seen.Bytes()}, nil
}

// TakeProfile has the hub that runs on a folder say where its processor time goes. It is Unavailable when none runs.
func TakeProfile(ctx context.Context, folder string, o ProfileOrder) (p Profile, err error) {
	return p, operate(ctx, folder, profiling, o, &p)
}
