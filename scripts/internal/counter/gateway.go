package counter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/profile"
	"cloudcashier/scripts/internal/rig"
	"cloudcashier/scripts/internal/signrate"
	"cloudcashier/shared/pay"
)

// Gateway says how long each way to sign is measured.
type Gateway struct {
	Alone, Full, Open time.Duration // one caller; 64; customers at half of what 64 got
	Callers           int           // when it is full
}

// Gone are the figures of each way.
type Gone struct {
	ways        []way
	Differences []string
}

// way is one wallet's way to sign.
type way struct {
	name, signing string
	wallet        pay.Wallet
	most          time.Duration // DESIGN section 8, of one at a time over the wallet's own time
	known         string        // what limits.md measured
	share         float64       // of the sign rate that DESIGN section 8 wants; 0: the wallet has no RSA

	signs             float64 // a second, all cores, in the same minute
	alone, full, open served
	walletAlone       time.Duration // the wallet's own time for one of the alone, mean
	rate              float64       // of arrivals
	hub, box, self    time.Duration // processor time for one payment when full
	parts             []profile.Part
}

// bare is what limits.md measured of the parts, in a prototype without tills, risk, routing, events and TLS.
var bare = map[string]string{
	"SQLite":                      "the prototype's two commits: 33 to 60 us",
	"HTTP to the wallet":          "the prototype's: 50 us",
	"HTTP from the merchant":      "the prototype's: 32 us",
	"sockets":                     "the prototype's: 32 us",
	"JSON":                        "the prototype's: 15 us",
	"collector of garbage":        "the prototype's: 5 us",
	"door: API signature, checks": "the prototype's HMACs: 5 us",
	profile.Sign:                  "OpenSSL: 370 us, crypto/rsa: 1,200 us, HMAC: 1 us",
	profile.Verify:                "crypto/rsa: 40 us",
}

func ways() []way {
	return []way{
		{name: "WeChat Pay v2, HMAC", wallet: pay.WeChat, most: 1500 * time.Microsecond, known: "a bare prototype: 7,049/s, 166 us, 0.92 ms"},
		{name: "Alipay, RSA with OpenSSL", signing: "openssl", wallet: pay.Alipay, most: 2 * time.Millisecond, share: 0.42, known: "a bare prototype: 2,236/s, 636 us, 1.32 ms"},
		{name: "Alipay, RSA with crypto/rsa", signing: "go", wallet: pay.Alipay, most: 3 * time.Millisecond, share: 0.6, known: "a bare prototype: 982/s, 1,653 us, 2.44 ms"},
	}
}

// Run measures each way at a hub of its own on the same data.
func (g Gateway) Run(ctx context.Context, r *rig.Rig) (out Gone, err error) {
	box, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		return out, err
	}
	lab, err := r.StartLab(ctx, filepath.Join(r.Dir, "hub"), "--sandbox", box)
	if err != nil {
		return out, err
	}
	if err := lab.Process.Stop(); err != nil {
		return out, err
	}
	out.ways = ways()
	for i := range out.ways {
		if err := g.measure(ctx, r, lab, &out.ways[i]); err != nil {
			return out, fmt.Errorf("%s: %w", out.ways[i].name, err)
		}
	}
	books, err := rig.Read(ctx, lab)
	if err != nil {
		return out, err
	}
	out.Differences = books.Audit()
	return out, nil
}

func (g Gateway) measure(ctx context.Context, r *rig.Rig, lab *rig.Lab, w *way) error {
	hub, err := serve(ctx, r, lab, w.signing)
	if err != nil {
		return err
	}
	probe, err := signrate.NewProbe(w.signing != "go")
	if err != nil {
		return err
	}
	defer probe.Close()
	m, err := newMerchant(lab, w.wallet)
	if err != nil {
		return err
	}
	if _, err := m.closed(ctx, 8, 300*time.Millisecond); err != nil { // connections, statements, pages
		return err
	}
	before, err := busyOf(ctx, lab)
	if err != nil {
		return err
	}
	if w.alone, err = m.closed(ctx, 1, g.Alone); err != nil {
		return err
	}
	after, err := busyOf(ctx, lab)
	if err != nil {
		return err
	}
	w.walletAlone = time.Duration(after.Microseconds-before.Microseconds) * time.Microsecond / time.Duration(max(1, after.Requests-before.Requests))
	if err := g.fill(ctx, r, lab, hub, m, w, probe); err != nil {
		return err
	}
	w.rate = w.full.perSecond() / 2
	if w.open, err = m.open(ctx, w.rate, g.Open, 1); err != nil {
		return err
	}
	return hub.Stop()
}

// fill takes the figures of a hub that has as much to do as it can.
func (g Gateway) fill(ctx context.Context, r *rig.Rig, lab *rig.Lab, hub *rig.Process, m *merchant, w *way, probe *signrate.Probe) error {
	const glance = 300 * time.Millisecond
	first, err := probe.Rate(ctx, glance)
	if err != nil {
		return err
	}
	file := filepath.Join(r.Dir, "hub.pprof")
	seen := make(chan error, 1)
	go func() { seen <- watch(ctx, r, lab, file, g.Full) }()
	from, err := spent(hub, r)
	if err != nil {
		return err
	}
	if w.full, err = m.closed(ctx, g.Callers, g.Full+200*time.Millisecond); err != nil {
		return err
	}
	to, err := spent(hub, r)
	if err != nil {
		return err
	}
	if err := <-seen; err != nil {
		return err
	}
	n := time.Duration(max(1, w.full.paid))
	w.hub, w.box, w.self = (to[0]-from[0])/n, (to[1]-from[1])/n, (to[2]-from[2])/n
	second, err := probe.Rate(ctx, glance)
	if err != nil {
		return err
	}
	w.signs = (first + second) / 2
	w.parts, err = profile.Split(ctx, file)
	return err
}

// serve starts the hub of the lab's folder with a way to sign. It asks for no notices: each would have the wallet sign once more, on the
// processors that are measured, for a payment whose answer told all.
func serve(ctx context.Context, r *rig.Rig, lab *rig.Lab, signing string) (*rig.Process, error) {
	text, err := os.ReadFile(filepath.Join(lab.Data, "hub.yaml"))
	if err != nil {
		return nil, err
	}
	text = without(text, "notices:")
	if signing != "" {
		text = append(text, "vault:\n  signing: "+signing+"\n"...)
	}
	path := filepath.Join(lab.Data, "measured.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	hub, err := r.Start("hub", "cashier-hub", "serve", "--config", path)
	if err != nil {
		return nil, err
	}
	return hub, rig.Await(ctx, "the hub answers", func() (bool, error) {
		select {
		case <-hub.Done():
			return false, fmt.Errorf("it ended by itself; see %s", hub.Log)
		default:
		}
		answer, err := lab.Do(ctx, rig.Call{Method: http.MethodGet, Path: "/v1/payments?order_no=nobody"})
		return err == nil && answer.Status == http.StatusOK, err
	})
}

// without takes a block out of a YAML text: its first line, and those that are set in below.
func without(text []byte, block string) []byte {
	var kept []byte
	inside := false
	for line := range bytes.Lines(text) {
		if line[0] != ' ' && line[0] != '\n' {
			inside = bytes.HasPrefix(line, []byte(block))
		}
		if !inside {
			kept = append(kept, line...)
		}
	}
	return kept
}

// watch has the hub tell where its time goes while it is busy.
func watch(ctx context.Context, r *rig.Rig, lab *rig.Lab, file string, span time.Duration) error {
	out, _, err := r.Run(ctx, "cashier-hub", "profile", "--data", lab.Data, "--for", span.String())
	if err != nil {
		return err
	}
	return os.WriteFile(file, out, 0o600)
}

// busy is what the sandbox says of its own time.
type busy struct {
	Requests     int64 `json:"requests"`
	Microseconds int64 `json:"microseconds"`
}

func busyOf(ctx context.Context, lab *rig.Lab) (b busy, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, lab.Sandbox+"/sandbox/busy", nil)
	if err != nil {
		return b, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return b, fmt.Errorf("ask the sandbox: %w", err)
	}
	defer answer.Body.Close()
	return b, json.NewDecoder(answer.Body).Decode(&b)
}

// spent is the processor time of hub, sandbox and this process so far.
func spent(hub *rig.Process, r *rig.Rig) (of [3]time.Duration, err error) {
	if of[0], err = load.Processor(hub); err != nil {
		return of, err
	}
	if of[1], err = load.Processor(r.Running("sandbox")); err != nil {
		return of, err
	}
	var u syscall.Rusage
	err = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	of[2] = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	return of, err
}

// Table is the figures of all ways, each with DESIGN's figure and the measured limit.
func (o Gone) Table() (rows []load.Row) {
	for _, w := range o.ways {
		rows = append(rows, w.rows()...)
	}
	return append(rows, load.Row{What: "payments lost, doubled, or books that differ", Figure: fmt.Sprint(len(o.Differences)), Limit: "0", Missed: len(o.Differences) > 0})
}

func (w way) rows() (rows []load.Row) {
	add := func(what, figure, limit string, missed bool) {
		rows = append(rows, load.Row{What: what, Figure: figure, Limit: limit, Missed: missed})
	}
	cores := runtime.GOMAXPROCS(0)
	us := func(d time.Duration) string { return fmt.Sprintf("%.0f us", float64(d.Nanoseconds())/1000) }
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }
	want, limit := 5500.0, ">= 5,500/s"
	if w.share > 0 {
		want = w.share * w.signs
		limit = fmt.Sprintf(">= %.2f x %.0f signs/s = %.0f/s", w.share, w.signs, want)
	}
	add(w.name, fmt.Sprintf("%.0f/s, p50 / p99 %s / %s", w.full.perSecond(), ms(w.full.quantile(50)), ms(w.full.quantile(99))),
		limit+"; "+w.known, w.full.perSecond() < want)
	var wallet float64
	for _, p := range w.parts {
		if p.Name == profile.Sign || p.Name == profile.Verify {
			wallet += p.Share
		}
	}
	own := time.Duration(float64(w.hub) * (1 - wallet))
	add("  hub's processor time for a payment", us(w.hub), "", false)
	add("    beyond the wallet's own sign and verify", us(own), "<= 250 us", own > 250*time.Microsecond)
	for _, p := range w.parts {
		add("      "+p.Name, fmt.Sprintf("%s, %.1f %%", us(time.Duration(float64(w.hub)*p.Share)), 100*p.Share), bare[p.Name], false)
	}
	all := w.hub + w.box + w.self
	add("  sandbox's, customers'", us(w.box)+", "+us(w.self), "", false)
	alone := float64(cores) / w.hub.Seconds()
	most := fmt.Sprintf("%.0f/s; %.0f/s", float64(cores)/all.Seconds(), alone)
	if w.share > 0 {
		most += fmt.Sprintf(" = %.2f x signs", alone/w.signs)
	}
	add(fmt.Sprintf("  the most that %d cores give: all here; the hub alone", cores), most, "", false)
	over := w.alone.quantile(50) - w.walletAlone
	add("  one at a time, p50 over the wallet's own "+ms(w.walletAlone), fmt.Sprintf("%s (p50 / p99 all in %s / %s)", ms(over), ms(w.alone.quantile(50)), ms(w.alone.quantile(99))),
		"<= "+ms(w.most), over > w.most)
	add(fmt.Sprintf("  customers at %.0f/s as they come, p50 / p99 since due", w.rate), fmt.Sprintf("%s / %s of %d", ms(w.open.quantile(50)), ms(w.open.quantile(99)), w.open.paid), "", false)
	failed := w.alone.failed + w.full.failed + w.open.failed
	what := fmt.Sprint(failed)
	for _, s := range []served{w.alone, w.full, w.open} {
		if s.first != nil {
			what += ", the first: " + s.first.Error()
			break
		}
	}
	add("  payments that were not paid", what, "0", failed > 0)
	return rows
}
