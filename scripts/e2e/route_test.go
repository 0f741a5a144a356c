package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// explained is what `route explain` prints.
type explained struct {
	Outcome pay.Outcome
	Stayed  string
	Steps   []struct {
		Channel  string
		Status   pay.Status
		Decision struct {
			Channel, Why, Rule string
			Version            int
			Next, Passed       []struct{ Channel, Why string }
			Left               *struct{ Channel, Proof, Wallet string }
		}
	}
}

// routeStory is a lab whose WeChat payments may take a first channel of the test's making, or the lab's own.
type routeStory struct {
	t    *testing.T
	ctx  context.Context
	rig  *rig.Rig
	lab  *rig.Lab
	till *rig.Till
	real struct{ appid, mch, url, ca string }
	own  string // the lab's channels, YAML
	keys string // folder of the key files
	n    int
}

func newRouteStory(t *testing.T) *routeStory {
	s := &routeStory{t: t}
	s.ctx, s.rig = start(t, 4*time.Minute)
	sandbox, err := s.rig.StartSandbox(s.ctx, filepath.Join(s.rig.Dir, "wallets"))
	must(t, err)
	s.lab = lab(t, s.ctx, s.rig, "--sandbox", sandbox)
	s.till = openTills(t, s.ctx, s.rig, s.lab, 1)[0]
	text, err := os.ReadFile(filepath.Join(s.lab.Data, "keys", "lab.json"))
	must(t, err)
	var state struct{ Name string }
	must(t, json.Unmarshal(text, &state))
	body, err := json.Marshal(map[string]string{"name": state.Name})
	must(t, err)
	answer, err := http.Post(sandbox+"/sandbox/merchants", "application/json", bytes.NewReader(body))
	must(t, err)
	defer answer.Body.Close()
	var a struct {
		WeChat struct {
			AppID      string `json:"appid"`
			MchID      string `json:"mch_id"`
			APIKey     string `json:"api_key"`
			ClientCert string `json:"client_cert"`
			ClientKey  string `json:"client_key"`
		}
	}
	must(t, json.NewDecoder(answer.Body).Decode(&a))
	s.keys = filepath.Join(s.rig.Dir, "first")
	must(t, os.MkdirAll(s.keys, 0o700))
	for name, text := range map[string]string{"api": a.WeChat.APIKey, "wrong": strings.Repeat("0", 32), "cert.pem": a.WeChat.ClientCert, "key.pem": a.WeChat.ClientKey} {
		must(t, os.WriteFile(filepath.Join(s.keys, name), []byte(text), 0o600))
	}
	s.real.appid, s.real.mch, s.real.ca = a.WeChat.AppID, a.WeChat.MchID, filepath.Join(s.lab.Data, "keys", "wallet_ca.pem")
	s.own = string(s.hub("channel", "list", "--yaml"))
	_, rest, _ := strings.Cut(s.own, "url: ")
	s.real.url, _, _ = strings.Cut(rest, "\n")
	return s
}

// hub runs a command of the hub's that must work.
func (s *routeStory) hub(args ...string) []byte {
	s.t.Helper()
	out, complaint, err := s.rig.Run(s.ctx, "cashier-hub", append(args, "--data", s.lab.Data)...)
	if err != nil {
		s.t.Fatalf("cashier-hub %v: %v\n%s%s", args, err, out, complaint)
	}
	return out
}

// apply puts a first WeChat channel before the lab's own, and waits until the running hub has it.
func (s *routeStory) apply(url, key, more string) {
	s.t.Helper()
	first := fmt.Sprintf(`- name: wechat-first
  wallet: wechat
  url: %s
  ca_file: %s
  wechat_v2: {appid: %s, mch_id: "%s", api_key: %s, cert: cert.pem, key: key.pem, device_ip: 127.0.0.1}
`, url, s.real.ca, s.real.appid, s.real.mch, key)
	text := strings.Replace(s.own, "channels:\n", "channels:\n"+first, 1) + more
	file := filepath.Join(s.keys, "channels.yaml") // its folder is what the files' names are relative to
	must(s.t, os.WriteFile(file, []byte(text), 0o600))
	var dry, done struct{ Version int }
	must(s.t, json.Unmarshal(s.hub("channel", "apply", "-f", file, "--dry-run", "--json"), &dry))
	must(s.t, json.Unmarshal(s.hub("channel", "apply", "-f", file, "--by", "test", "--json"), &done))
	if dry.Version != done.Version || done.Version == 0 {
		s.t.Errorf("the dry run spoke of version %d, it is %d", dry.Version, done.Version)
	}
	s.inForce(func(l string) bool {
		return strings.Contains(l, fmt.Sprintf(`msg="channels are in force" from="version %d `, done.Version))
	})
}

// inForce waits until the hub says that it took channels over.
func (s *routeStory) inForce(said func(log string) bool) {
	s.t.Helper()
	must(s.t, rig.Await(s.ctx, "the channels are in force", func() (bool, error) {
		text, err := os.ReadFile(s.lab.Process.Log)
		return said(string(text)), err
	}))
}

// sell scans a code at the till and waits for the sale to satisfy.
func (s *routeStory) sell(fate string, what string, wanted func(localapi.Sale) bool) localapi.Sale {
	s.t.Helper()
	code, err := s.lab.Code(s.ctx, pay.WeChat, fate)
	must(s.t, err)
	s.n++
	sale, err := s.till.Client.NewSale(s.ctx, localapi.NewSale{Amount: 1000 + int64(s.n), OrderNo: fmt.Sprint("route-", s.n), Code: code})
	must(s.t, err)
	sale, err = s.till.AwaitSale(s.ctx, sale.ID, what, wanted)
	must(s.t, err)
	return sale
}

func (s *routeStory) explain(sale localapi.Sale) (x explained) {
	s.t.Helper()
	must(s.t, json.Unmarshal(s.hub("route", "explain", sale.PaymentID, "--json"), &x))
	if words := string(s.hub("route", "explain", sale.PaymentID)); !strings.Contains(words, x.Steps[0].Channel) || !strings.Contains(words, "chosen") {
		s.t.Errorf("route explain says %s", words)
	}
	return x
}

// stayed sees that a payment has one attempt, on the first channel, and a reason why no other was asked.
func (s *routeStory) stayed(what string, x explained, reason string) {
	s.t.Helper()
	if len(x.Steps) != 1 || x.Steps[0].Channel != "wechat-first" || x.Steps[0].Decision.Left != nil || !strings.Contains(x.Stayed, reason) ||
		len(x.Steps[0].Decision.Next) != 1 || x.Steps[0].Decision.Next[0].Channel != "wechat-demo" {
		s.t.Errorf("%s: %+v", what, x)
	}
}

// TestRoutes: scans at a real till, two channels to one wallet. The first one dead or unknown: not moved. It declines for its own fault:
// moved. It declines for the customer's: not moved. And `route explain` says why.
func TestRoutes(t *testing.T) {
	t.Parallel()
	s := newRouteStory(t)
	var tests []struct {
		Channel, Verdict string
		OK               bool
	}
	must(t, json.Unmarshal(s.hub("channel", "test", "--json"), &tests))
	if len(tests) != 3 || !tests[0].OK || !tests[1].OK || !tests[2].OK {
		t.Errorf("channel test: %+v", tests)
	}

	s.apply("https://127.0.0.1:1/wechat", "api", "rules:\n- {name: first, wallet: wechat, use: [wechat-first, wechat-demo]}\n")
	if _, _, err := s.rig.Run(s.ctx, "cashier-hub", "channel", "test", "wechat-first", "--data", s.lab.Data); err == nil {
		t.Error("a dead channel passes its test")
	}
	dead := s.sell("00", "the sale is in doubt", func(x localapi.Sale) bool { return x.PaymentID != "" && x.Outcome == pay.Unknown })
	must(t, rig.Await(s.ctx, "the dead channel failed", func() (bool, error) {
		text, err := os.ReadFile(s.lab.Process.Log)
		return strings.Contains(string(text), "finding=unknown"), err
	}))
	x := s.explain(dead)
	s.stayed("dead", x, "not proven")
	if x.Steps[0].Decision.Rule != "first" || x.Steps[0].Decision.Version != 1 {
		t.Errorf("the record says %+v", x.Steps[0].Decision)
	}

	s.apply(s.real.url, "wrong", "") // the wallet refuses what the channel signs, whoever pays
	moved := s.sell("00", "the sale is paid", rig.Settled)
	x = s.explain(moved)
	if moved.Outcome != pay.Paid || len(x.Steps) != 2 || x.Steps[0].Channel != "wechat-first" || x.Steps[0].Status != pay.StatusDeclined || x.Steps[1].Channel != "wechat-demo" ||
		x.Steps[1].Decision.Left == nil || x.Steps[1].Decision.Left.Proof != "misconfigured" || x.Steps[1].Decision.Left.Wallet == "" {
		t.Errorf("declined for our own fault: %s, %+v", moved.Outcome, x)
	}

	s.apply(s.real.url, "api", "")
	declined := s.sell("50", "the sale is declined", rig.Settled)
	if x = s.explain(declined); declined.Outcome != pay.NotPaid || declined.Reason != "balance_low" {
		t.Errorf("declined for the customer's: %s %s", declined.Outcome, declined.Reason)
	}
	s.stayed("declined", x, "balance_low")
	unknown := s.sell("60", "the sale is paid", rig.Settled)
	if x = s.explain(unknown); unknown.Outcome != pay.Paid {
		t.Errorf("charged, and the answer lost: %s", unknown.Outcome)
	}
	s.stayed("unknown", x, "")

	s.hub("channel", "drain", "wechat-first", "--by", "test")
	s.inForce(func(l string) bool { return strings.Contains(l, "drained=1") })
	drained := s.sell("00", "the sale is paid", rig.Settled)
	if x = s.explain(drained); x.Steps[0].Channel != "wechat-demo" || len(x.Steps[0].Decision.Passed) != 1 || x.Steps[0].Decision.Passed[0].Why != "drained" {
		t.Errorf("drained: %+v", x)
	}
	var thought struct{ Ready, Passed []struct{ Channel string } }
	must(t, json.Unmarshal(s.hub("route", "explain", "--merchant", s.lab.Merchant, "--wallet", "wechat", "--amount", "500", "--json"), &thought))
	if len(thought.Ready) != 1 || thought.Ready[0].Channel != "wechat-demo" || len(thought.Passed) != 1 {
		t.Errorf("a payment that is thought of: %+v", thought)
	}
	s.dryRun()

	ended, err := s.till.AwaitSale(s.ctx, dead.ID, "the first sale is proven uncharged", rig.Settled) // its channel works again, and it may be reversed though drained
	if err != nil || ended.Outcome != pay.NotPaid {
		t.Errorf("the sale over the dead channel: %s, %v", ended.Outcome, err)
	}
	agree(t, s.ctx, s.lab, []*rig.Till{s.till})
	sealed(t, s.ctx, s.rig, s.lab, []*rig.Till{s.till})
}

// dryRun holds rules that prefer the lab's own channel against today's payments.
func (s *routeStory) dryRun() {
	s.t.Helper()
	file := filepath.Join(s.keys, "rules.yaml")
	must(s.t, os.WriteFile(file, []byte("rules:\n- {name: own, wallet: wechat, use: [wechat-demo]}\n"), 0o600))
	var r struct {
		Payments, Moved int
		Groups          []struct {
			From, To string
			Payments int
		}
	}
	must(s.t, json.Unmarshal(s.hub("route", "dry-run", "-f", file, "--day", "today", "--json"), &r))
	if r.Payments != s.n || r.Moved != s.n-1 || len(r.Groups) != 2 {
		s.t.Errorf("the dry run of %d payments says %+v", s.n, r)
	}
}
