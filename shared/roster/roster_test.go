package roster_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/roster"
)

var (
	hub    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	public = hub.Public().(ed25519.PublicKey)
	salt   = bytes.Repeat([]byte{1}, roster.SaltLen)
	issued = time.Unix(1_700_000_000, 0).UTC()
)

func sample() roster.Roster {
	return roster.Roster{Store: "sto_1", Required: true, Issued: issued, Expires: issued.Add(roster.Lease), Operators: []roster.Operator{
		{ID: "opr_1", Name: "小李", Role: localapi.RoleCashier, Refund: money.Fen(5000), PIN: roster.Hash("opr_1", "2580", salt)},
		{ID: "opr_2", Name: "王店长", Role: localapi.RoleSupervisor, Refund: money.Fen(500000), PIN: roster.Hash("opr_2", "739146", salt)}}}
}

func TestAListComesBackAsItWasSigned(t *testing.T) {
	want := sample()
	signed, err := roster.Sign(want, hub)
	if err != nil {
		t.Fatal(err)
	}
	got, err := roster.Open(signed, "sto_1", public)
	if err != nil || !got.Same(want) || !got.Issued.Equal(want.Issued) || !got.Expires.Equal(want.Expires) {
		t.Fatalf("%+v, %v", got, err)
	}
	if !got.Valid(want.Expires.Add(-time.Second)) || got.Valid(want.Expires) {
		t.Error("the lease does not end when it ends")
	}
	if o, ok := got.Operator("opr_2"); !ok || o.Name != "王店长" {
		t.Errorf("%+v", o)
	}
	if _, ok := got.Operator("opr_3"); ok {
		t.Error("a stranger was found")
	}
}

func TestAListThatIsNotTheHubsForThisStore(t *testing.T) {
	signed, err := roster.Sign(sample(), hub)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(signed, ".")
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	raised := base64.RawURLEncoding.EncodeToString(bytes.Replace(body, []byte("5000"), []byte("9000"), 1))
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	for name, c := range map[string]struct {
		text, store string
		key         ed25519.PublicKey
	}{
		"a limit was raised":   {parts[0] + "." + raised + "." + parts[2], "sto_1", public},
		"another store":        {signed, "sto_2", public},
		"another hub":          {signed, "sto_1", other.Public().(ed25519.PublicKey)},
		"no key":               {signed, "sto_1", nil},
		"no text":              {"", "sto_1", public},
		"cut":                  {signed[:len(signed)-1], "sto_1", public},
		"another kind of text": {"SVP1." + parts[1] + "." + parts[2], "sto_1", public},
	} {
		if r, err := roster.Open(c.text, c.store, c.key); err == nil {
			t.Errorf("%s: %+v was believed", name, r)
		}
	}
}

// Whatever single sign of it changes, nothing of it is believed.
func TestEverySignOfAListCounts(t *testing.T) {
	signed, err := roster.Sign(sample(), hub)
	if err != nil {
		t.Fatal(err)
	}
	for i := range signed {
		for _, sign := range []byte("A.-z") {
			if changed := signed[:i] + string(sign) + signed[i+1:]; changed != signed {
				if _, err := roster.Open(changed, "sto_1", public); err == nil {
					t.Fatalf("sign %d as %c: believed", i, sign)
				}
			}
		}
	}
}

func TestListsThatMakeNoSense(t *testing.T) {
	for name, change := range map[string]func(*roster.Roster){
		"no store":      func(r *roster.Roster) { r.Store = "" },
		"ends early":    func(r *roster.Roster) { r.Expires = r.Issued },
		"twice one":     func(r *roster.Roster) { r.Operators[1].ID = r.Operators[0].ID },
		"no name":       func(r *roster.Roster) { r.Operators[0].Name = "" },
		"odd role":      func(r *roster.Roster) { r.Operators[0].Role = "owner" },
		"below nothing": func(r *roster.Roster) { r.Operators[0].Refund = money.Fen(-1) },
		"a bare PIN":    func(r *roster.Roster) { r.Operators[0].PIN = "2580" },
		"too many":      func(r *roster.Roster) { r.Operators = many(roster.Most + 1) },
	} {
		r := sample()
		change(&r)
		if _, err := roster.Sign(r, hub); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func many(n int) (list []roster.Operator) {
	pin := roster.Hash("opr", "2580", salt)
	for i := range n {
		list = append(list, roster.Operator{ID: fmt.Sprintf("opr_%d", i), Name: "Li", Role: localapi.RoleCashier, PIN: pin})
	}
	return list
}

func TestPINs(t *testing.T) {
	o := sample().Operators[0]
	if !o.Right("2580") {
		t.Error("the right PIN is wrong")
	}
	for _, wrong := range []string{"", "2581", "25800", "258"} {
		if o.Right(wrong) {
			t.Errorf("%q is right", wrong)
		}
	}
	moved := o
	moved.ID = "opr_2"
	if moved.Right("2580") {
		t.Error("a hash in another's place fits")
	}
	if next := roster.Hash("opr_1", "2580", bytes.Repeat([]byte{2}, roster.SaltLen)); next == o.PIN || (roster.Operator{ID: "opr_1", PIN: next}).Mark() == o.Mark() {
		t.Error("a fresh salt changes nothing")
	}
	if strings.Contains(o.PIN, "2580") {
		t.Error("the hash shows the PIN")
	}
	for pin, code := range map[string]string{
		"2580": "", "739146": "", "13572468": "", "1357": "", "": "operator.pin_form", "123": "operator.pin_form", "123456789": "operator.pin_form", "12a4": "operator.pin_form",
		"１２３４": "operator.pin_form", "0000": "operator.pin_easy", "1111": "operator.pin_easy", "1234": "operator.pin_easy", "4321": "operator.pin_easy",
		"8901": "operator.pin_easy", "1212": "operator.pin_easy", "123123": "operator.pin_easy", "98765432": "operator.pin_easy",
	} {
		err := roster.CheckPIN(pin)
		if (err == nil) != (code == "") || err != nil && fault.CodeOf(err) != code {
			t.Errorf("%q: %v, want %q", pin, err, code)
		}
		if err != nil && pin != "" && strings.Contains(err.Error(), pin) {
			t.Errorf("the error shows %q", pin)
		}
	}
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{"小李": true, "O'Brien (2)": true, "阿卜杜拉·买买提": true, "": false, " a": false, "a\nb": false, `a"b`: false, "a<b": false,
		strings.Repeat("王", 17): false} {
		if (roster.CheckName(name) == nil) != good {
			t.Errorf("%q: %v", name, roster.CheckName(name))
		}
	}
}
