package agentd_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/agentd"
	"cloudcashier/firmware-sim/board"
	api "cloudcashier/shared/localapi"
)

// startScanning runs an agent with one scanner.
func startScanning(t *testing.T, dir, scanner string) (client *api.Client, stop func()) {
	t.Helper()
	log := &lines{ready: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- agentd.Run(ctx, agentd.Config{Dir: dir, Scanners: []string{scanner}}, world(log)) }()
	select {
	case <-log.ready:
	case err := <-ended:
		t.Fatalf("the agent ended: %v\n%s", err, log)
	}
	client = api.NewClient(filepath.Join(dir, "agent.sock"))
	return client, func() {
		t.Helper()
		client.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	}
}

// TestTheScannerIsToldWhatTheTillDoes: it looks while a sale waits for a scan, and beeps by what became of it.
func TestTheScannerIsToldWhatTheTillDoes(t *testing.T) {
	dir, link := activated(t), filepath.Join(t.TempDir(), "scanner0")
	gun, err := board.NewScanner(link, board.Options{Dialect: board.SSI})
	if err != nil {
		t.Fatal(err)
	}
	defer gun.Close()
	client, stop := startScanning(t, dir, link+",profile=ssi")
	defer stop()
	ctx := t.Context()
	notices := make(chan api.Notice, 10)
	go func() {
		_ = client.Events(ctx, func(e api.Event) {
			if e.Notice != nil {
				notices <- *e.Notice
			}
		})
	}()
	expect := func(what string, wanted func(board.State) bool) {
		t.Helper()
		if !gun.Heard(wanted, 20*time.Second) {
			t.Fatalf("never %s: %+v", what, gun.State())
		}
	}
	scan := func(text string) {
		t.Helper()
		if err := gun.Scan(text); err != nil {
			t.Fatal(err)
		}
	}
	scan(code) // no sale waits
	expect("refused", func(s board.State) bool { return s.Bad == 1 && s.Good == 0 && !s.Lit })
	if n := <-notices; n.Kind != "no_sale" {
		t.Errorf("%+v", n)
	}
	if _, err := client.NewSale(ctx, api.NewSale{Amount: 1280}); err != nil {
		t.Fatal(err)
	}
	expect("triggered", func(s board.State) bool { return s.Lit })
	scan("6901234567892") // a product
	expect("refused", func(s board.State) bool { return s.Bad == 2 })
	<-notices
	scan("hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MQ==") // UnionPay's long code
	expect("refused", func(s board.State) bool { return s.Bad == 3 })
	if n := <-notices; n.Kind != "code.emv" || !strings.Contains(n.Message, "19 digits") {
		t.Errorf("%+v", n)
	}
	scan(code)
	expect("taken", func(s board.State) bool { return s.Good == 1 && s.Bad == 3 })
	expect("at rest", func(s board.State) bool { return !s.Lit })
	status, err := client.Status(ctx)
	if err != nil || len(status.Scanners) != 1 || status.Scanners[0] != (api.Scanner{Path: link, Profile: "ssi", Connected: true, Baud: 9600}) {
		t.Errorf("%+v, %v", status.Scanners, err)
	}
	wantChecks(t, dir, map[string]agentd.Verdict{"scanner " + link: agentd.OK})
}
