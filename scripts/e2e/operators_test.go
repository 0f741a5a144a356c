package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/scripts/internal/needle"
	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// staff asks the hub about its operators, with a PIN on standard input.
func staff(ctx context.Context, r *rig.Rig, l *rig.Lab, pin string, args ...string) (out []byte, err error) {
	args = append([]string{"operator"}, args...)
	c := exec.CommandContext(ctx, r.Program("cashier-hub"), append(args, "--data", l.Data, "--json")...)
	c.Stdin = strings.NewReader(pin + "\n")
	var complaint bytes.Buffer
	c.Stderr = &complaint
	if out, err = c.Output(); err != nil {
		err = fmt.Errorf("%w: %s", err, complaint.String())
	}
	return out, err
}

// hired is a new operator of the lab.
func hired(t *testing.T, ctx context.Context, r *rig.Rig, l *rig.Lab, pin string, args ...string) (id string) {
	t.Helper()
	out, err := staff(ctx, r, l, pin, append([]string{"add", "--by", "test"}, args...)...)
	var o struct {
		ID string `json:"id"`
	}
	if err == nil {
		err = json.Unmarshal(out, &o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o.ID
}

func wants(t *testing.T, what, code string, err error) {
	t.Helper()
	if (err == nil) != (code == "") || err != nil && fault.CodeOf(err) != code {
		t.Fatalf("%s: %v, want %q", what, err, code)
	}
}

// knows waits until the till's list has so many people.
func knows(t *testing.T, ctx context.Context, till *rig.Till, n int) {
	t.Helper()
	if err := rig.Await(ctx, "the list comes", func() (bool, error) {
		o, err := till.Client.Operators(ctx)
		return err == nil && len(o.Operators) == n, err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestOperators: PINs, limits, approvals, locks and a person who leaves, with the real programs, and no PIN anywhere.
func TestOperators(t *testing.T) {
	t.Parallel()
	const cashierPIN, bossPIN, wrongPIN, nextPIN = "86420975", "31860742", "50718263", "27940618"
	ctx, r := start(t, 2*time.Minute)
	l := lab(t, ctx, r)
	for _, pin := range []string{cashierPIN, bossPIN, wrongPIN, nextPIN} {
		r.Remember("a PIN", pin)
	}
	till := openTills(t, ctx, r, l, 1)[0]
	knows(t, ctx, till, 2) // the demo's
	cashier := hired(t, ctx, r, l, cashierPIN, "--name", "Anna", "--refund", "5000", "--store", l.Store)
	boss := hired(t, ctx, r, l, bossPIN, "--name", "Wang", "--role", "supervisor", "--refund", "50000")
	if _, err := staff(ctx, r, l, "", "set", boss, "--name", "Wang Wei", "--by", "test"); err != nil {
		t.Fatal(err)
	}
	if out, err := staff(ctx, r, l, "", "list"); err != nil || !bytes.Contains(out, []byte("Wang Wei")) || !bytes.Contains(out, []byte(`"refund": 50000`)) {
		t.Fatalf("%s, %v", out, err)
	}
	if _, err := staff(ctx, r, l, "1234", "add", "--name", "Easy", "--by", "test"); err == nil || !strings.Contains(err.Error(), "row of digits") {
		t.Errorf("1234: %v", err)
	}
	knows(t, ctx, till, 4) // a connected till hears at once

	on := func(operator, pin string) error {
		_, err := till.Client.SignOn(ctx, localapi.SignOn{Operator: operator, PIN: pin})
		return err
	}
	s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 30000, Tender: localapi.TenderCash})
	if err != nil || s.Operator != "" {
		t.Fatalf("%+v, %v", s, err)
	}
	_, err = till.Client.NewRefund(ctx, s.ID, localapi.NewRefund{Amount: 100}) // the shop's own software needs nobody
	wants(t, "unattended", "", err)
	wants(t, "wrong PIN", "operator.pin", on(cashier, wrongPIN))
	wants(t, "right PIN", "", on(cashier, cashierPIN))
	if s, err = till.Client.NewSale(ctx, localapi.NewSale{Amount: 30000, Tender: localapi.TenderCash}); err != nil || s.Operator != cashier {
		t.Fatalf("%+v, %v", s, err)
	}
	ask := localapi.NewRefund{Amount: 20000, RefundNo: "R-1"}
	_, err = till.Client.NewRefund(ctx, s.ID, ask)
	wants(t, "above the limit", "operator.limit", err)
	ask.Approval = &localapi.Approval{Operator: boss, PIN: bossPIN}
	x, err := till.Client.NewRefund(ctx, s.ID, ask)
	if err != nil || x.Operator != cashier || x.ApprovedBy != boss {
		t.Fatalf("%+v, %v", x, err)
	}

	for range 4 {
		wants(t, "wrong PIN", "operator.pin", on(boss, wrongPIN))
	}
	wants(t, "the fifth", "operator.locked", on(boss, wrongPIN))
	till.Agent.Kill()
	if err := till.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := till.AwaitStatus(ctx, "it is back", func(s localapi.Status) bool { return s.Link == "up" }); err != nil {
		t.Fatal(err)
	}
	wants(t, "locked over a restart", "operator.locked", on(boss, bossPIN))
	if now, err := till.Client.Status(ctx); err != nil || now.Operator == nil || now.Operator.ID != cashier {
		t.Fatalf("who is on duty did not outlive the restart: %+v, %v", now.Operator, err)
	}

	if err := rig.Await(ctx, "the hub's copy names them", func() (bool, error) {
		out, _, err := r.Run(ctx, "cashier-hub", "export", "records", "--data", l.Data)
		return bytes.Contains(out, []byte(`"operator":"`+cashier+`","approved_by":"`+boss+`"`)) && bytes.Contains(out, []byte("operator_wrong")), err
	}); err != nil {
		t.Fatal(err)
	}

	tampered(t, ctx, till, cashier, cashierPIN, s)

	l.Process.Kill() // who leaves while a till is away goes with its next greeting
	again, err := r.StartLab(ctx, l.Data)
	if err != nil {
		t.Fatal(err)
	}
	l.Process = again.Process
	if _, err := staff(ctx, r, l, "", "disable", cashier, "--by", "test"); err != nil {
		t.Fatal(err)
	}
	knows(t, ctx, till, 3)
	wants(t, "gone", "operator.unknown", on(cashier, cashierPIN))
	if now, err := till.Client.Status(ctx); err != nil || now.Operator != nil {
		t.Fatalf("still on duty: %+v, %v", now.Operator, err)
	}

	// Another PIN from the hub ends the lock, also where an operator is asked for.
	if _, err := staff(ctx, r, l, nextPIN, "pin", boss, "--by", "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := staff(ctx, r, l, "", "policy", "--store", l.Store, "--required", "--by", "test"); err != nil {
		t.Fatal(err)
	}
	if err := rig.Await(ctx, "the rule comes", func() (bool, error) {
		o, err := till.Client.Operators(ctx)
		return err == nil && o.Required, err
	}); err != nil {
		t.Fatal(err)
	}
	_, err = till.Client.NewSale(ctx, localapi.NewSale{Amount: 100, Tender: localapi.TenderCash})
	wants(t, "nobody on duty", "operator.required", err)
	wants(t, "the new PIN", "", on(boss, nextPIN))
	s, err = till.Client.NewSale(ctx, localapi.NewSale{Amount: 40000, Tender: localapi.TenderCash})
	wants(t, "somebody on duty", "", err)
	v, err := till.Client.Void(ctx, s.ID, localapi.NewVoid{})
	if err != nil || v.Kind != localapi.RefundVoid || v.Amount != 40000 || v.Operator != boss {
		t.Fatalf("%+v, %v", v, err)
	}

	needles := []needle.Needle{{What: "the cashier's PIN", Text: []byte(cashierPIN)}, {What: "the supervisor's PIN", Text: []byte(bossPIN)},
		{What: "the next PIN", Text: []byte(nextPIN)}, {What: "a wrong PIN", Text: []byte(wrongPIN)}}
	for _, dir := range []string{till.Data, r.LogDir(), l.Data} {
		if hits, files := inFiles(t, dir, "", needles); len(hits) > 0 || files == 0 {
			t.Errorf("%s (%d files): %v", dir, files, hits)
		}
	}
	sealed(t, ctx, r, l, []*rig.Till{till})
}

// tampered changes the kept list on the disk, as somebody would who wants a higher limit, and starts the till without a hub.
func tampered(t *testing.T, ctx context.Context, till *rig.Till, cashier, pin string, s localapi.Sale) {
	t.Helper()
	if err := till.Agent.Stop(); err != nil {
		t.Fatal(err)
	}
	wire, err := rig.NewWire("127.0.0.1:1") // leads nowhere
	if err != nil {
		t.Fatal(err)
	}
	defer wire.Close()
	path := filepath.Join(till.Data, "journal.db")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for at := 0; ; n++ {
		i := bytes.Index(data[at:], []byte("OPR1."))
		if i < 0 {
			break
		}
		at += i + len("OPR1.")
		data[at+20] ^= 1 // another sign of the same alphabet, mostly
	}
	if n == 0 {
		t.Fatal("the list is not on the disk")
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	identity := filepath.Join(till.Data, "identity.json")
	kept, err := os.ReadFile(identity)
	if err != nil {
		t.Fatal(err)
	}
	if err := till.Through(wire.Address()); err != nil {
		t.Fatal(err)
	}
	if err := till.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := till.AwaitStatus(ctx, "it runs alone", func(s localapi.Status) bool { return s.Link == "down" }); err != nil {
		t.Fatal(err)
	}
	_, err = till.Client.SignOn(ctx, localapi.SignOn{Operator: cashier, PIN: pin})
	wants(t, "a list that was changed", "operator.roster", err)
	_, err = till.Client.NewRefund(ctx, s.ID, localapi.NewRefund{Amount: 1})
	wants(t, "a refund by it", "operator.roster", err)
	if _, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 100, Tender: localapi.TenderCash}); err != nil {
		t.Errorf("selling does not go on: %v", err)
	}
	if err := till.Agent.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(identity, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := till.Launch(); err != nil {
		t.Fatal(err)
	}
	knows(t, ctx, till, 4)
}
