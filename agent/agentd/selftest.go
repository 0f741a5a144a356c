package agentd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// testMost is how long a part has to take its test: shorter than the local API's answer.
const testMost = 8 * time.Second

// SelfTest has one part of the till show that it works (Invalid: there is no such part). A part that this
// till does not have, or that fails, is an answer and no error.
func (d *desk) SelfTest(ctx context.Context, part string) (api.SelfTested, error) {
	ctx, cancel := context.WithTimeout(ctx, testMost)
	defer cancel()
	r := api.SelfTested{Part: part}
	var err error
	switch part {
	case api.PartScanner:
		r.Message, err = d.testScanners()
	case api.PartPrinter:
		r.Message = "a test slip is printed: look at its text, its QR and its barcode"
		if d.printer == nil {
			err = none()
		} else {
			err = d.printer.Test(ctx)
		}
	case api.PartDrawer:
		r.Message = "the drawer was opened: look whether it is"
		if d.printer == nil {
			err = none()
		} else {
			err = d.printer.TestDrawer(ctx)
		}
	case api.PartDisplay:
		r.Message = "the display shows a test pattern for a few seconds: look whether all of it is there"
		if d.display == nil {
			err = fault.New(fault.Conflict, "display.none", "this till has no customer display: start the agent with --display")
		} else {
			err = d.display.Test(ctx)
		}
	case api.PartVoice:
		r.Message = "the voice said that this is a test: did you hear it?"
		if d.voice == nil {
			err = fault.New(fault.Conflict, "voice.none", "nothing announces payments here: start the agent with --voice-player or --voice-speaker")
		} else {
			err = d.voice.Test(ctx)
		}
	default:
		return r, fault.New(fault.Invalid, "self_test.part", "there is no part %q: test %s, %s, %s, %s or %s", part,
			api.PartScanner, api.PartPrinter, api.PartDrawer, api.PartDisplay, api.PartVoice)
	}
	if r.OK = err == nil; !r.OK {
		r.Message = fault.MessageOf(err)
	}
	return r, nil
}

// testScanners tells how the scanners are: only a person can hold a code before one.
func (d *desk) testScanners() (string, error) {
	list := d.till.Status().Scanners
	if len(list) == 0 {
		return "", fault.New(fault.Conflict, "scanner.none", "this till has no serial scanner: start the agent with --scanner")
	}
	var bad []string
	for _, s := range list {
		if !s.Connected {
			bad = append(bad, s.Message)
		}
	}
	if len(bad) > 0 {
		return "", fault.New(fault.Unavailable, "scanner.absent", "%s", strings.Join(bad, "; "))
	}
	return fmt.Sprintf("%d connected: scan any product, and look whether the screen names it", len(list)), nil
}
