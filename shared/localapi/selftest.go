package localapi

import (
	"context"
	"net/http"
)

// The parts of a till that can be tested by themselves.
const (
	PartScanner = "scanner"
	PartPrinter = "printer"
	PartDrawer  = "drawer"
	PartDisplay = "display"
	PartVoice   = "voice"
)

// SelfTest asks one part of the till to show that it works. What it prints, shows and says is marked as a
// test, so that nobody takes it for money.
type SelfTest struct {
	Part string `json:"part"`
}

// SelfTested is what became of it. That a slip lies in the tray and a lamp burns only a person can see:
// OK says that the part took the test, Message what to look for or what to do.
type SelfTested struct {
	Part    string `json:"part"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// SelfTest tests one part.
func (c *Client) SelfTest(ctx context.Context, part string) (r SelfTested, err error) {
	return r, c.do(ctx, http.MethodPost, "/v1/self-test", SelfTest{Part: part}, &r)
}
