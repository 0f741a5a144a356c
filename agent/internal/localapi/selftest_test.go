package localapi_test

import (
	"context"
	"testing"

	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// parts are pretended parts of a till: one works, one does not, others there are none.
type parts struct{}

func (parts) SelfTest(_ context.Context, part string) (api.SelfTested, error) {
	switch part {
	case api.PartDisplay:
		return api.SelfTested{Part: part, OK: true, Message: "look"}, nil
	case api.PartVoice:
		return api.SelfTested{Part: part, Message: "mute"}, nil
	}
	return api.SelfTested{}, fault.New(fault.Invalid, "self_test.part", "no such part")
}

// TestSelfTest: a part that fails is an answer; what is no part, or no request, is refused.
func TestSelfTest(t *testing.T) {
	before := deps
	deps.Tests = parts{}
	t.Cleanup(func() { deps = before })
	d := open(t)
	d.serve(t)
	for part, want := range map[string]api.SelfTested{api.PartDisplay: {Part: api.PartDisplay, OK: true, Message: "look"}, api.PartVoice: {Part: api.PartVoice, Message: "mute"}} {
		if got, err := d.client.SelfTest(t.Context(), part); err != nil || got != want {
			t.Errorf("%s: %+v, %v", part, got, err)
		}
	}
	if _, err := d.client.SelfTest(t.Context(), "toaster"); fault.CodeOf(err) != "self_test.part" || fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}
