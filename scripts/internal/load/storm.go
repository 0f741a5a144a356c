package load

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// What the hub's door admits; its own tests hold it to that, here it is seen from outside.
const (
	admitRate  = 1000 // handshakes a second
	admitBurst = 200
)

// bound is how long a fleet may be away after its hub was killed.
const bound = time.Minute

// stormFates are mostly paid at once, and some that are under way for long: the kill must find payments of
// every stage. 64 is paid and answered after 8 s, 60 charged with the answer lost, 50 declined.
const stormFates = "00,01,02,03,04,05,06,07,08,09,10,11,12,50,60,64"

// Storm says what a reconnect storm is made of.
type Storm struct {
	Tills, Rate int           // tills, and sales a second of all together
	Steady      time.Duration // of selling before the kill
	Calm        time.Duration // of selling after the return; the hub tidies its memory within 45 s
	Addresses   int           // that the tills come from; 0: one
	Cold        bool          // without TLS tickets
}

// Weather is what a storm did.
type Weather struct {
	Tills, Payments, Paid int
	Undone                int           // not paid, and proven so, though the customer was ready to
	Down                  time.Duration // from the kill to the hub's first answer
	Half, Back            time.Duration // from the kill to the greeting of half the fleet, and of all of it
	InFlight              int           // payments without a final word at the kill
	Full, Resumed, Failed int           // handshakes after the kill, attempts without a greeting
	Peak                  int           // handshakes in the busiest second
	Over                  int           // handshakes beyond what the hub admits, at the worst moment; 0: never
	PerTillKiB            int64         // the hub's memory for each connected till
	HubTime               time.Duration // of processors, from its start to all being back
	Before, During, After [2]int64      // p50 and p99 of payments whose wallet answers at once, ms
	Contested             int           // settled sales that were told another end
	Differences           []string      // between ledger, hub and tills
}

// Run kills the hub under a fleet that sells, and watches all of it come back.
func (s Storm) Run(ctx context.Context, r *rig.Rig) (w Weather, err error) {
	w.Tills = s.Tills
	box, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		return w, err
	}
	lab, err := r.StartLab(ctx, filepath.Join(r.Dir, "hub"), "--sandbox", box)
	if err != nil {
		return w, err
	}
	before, err := resident(lab.Process)
	if err != nil {
		return w, err
	}
	args := []string{"--rate", strconv.Itoa(s.Rate), "--fates", stormFates, "--addresses", strconv.Itoa(s.Addresses)}
	if s.Cold {
		args = append(args, "--cold")
	}
	f, err := StartFleet(ctx, r, lab, "fleet", s.Tills, args...)
	if err != nil {
		return w, err
	}
	first, err := f.Await(ctx, "all tills are connected", func(r Report) bool { return r.Event == "connected" })
	if err != nil {
		return w, err
	}
	calm, err := f.Await(ctx, "payments have run for a while", func(r Report) bool { return r.At.After(first.At.Add(s.Steady)) && r.Open > 0 })
	if err != nil {
		return w, err
	}
	lab.Process.Kill()
	killed := time.Now()
	hub, err := serve(ctx, r, lab)
	if err != nil {
		return w, err
	}
	w.Down = time.Since(killed)
	if err := w.watch(ctx, f, killed, calm.Lost+s.Tills); err != nil {
		return w, err
	}
	if w.HubTime, err = Processor(hub); err != nil {
		return w, err
	}
	back := killed.Add(w.Back)
	if _, err := f.Await(ctx, "payments have run after the storm", func(r Report) bool { return r.At.After(back.Add(s.Calm)) }); err != nil {
		return w, err
	}
	with, err := resident(hub)
	if err != nil {
		return w, err
	}
	w.PerTillKiB = (with - before) / int64(s.Tills)
	sold, last, err := f.Stop(ctx)
	if err != nil {
		return w, err
	}
	w.Contested = last.Contested
	return w, w.judge(ctx, lab, sold, last, killed, back)
}

// serve starts the hub again as a shop's hub starts, and returns when it answers.
func serve(ctx context.Context, r *rig.Rig, lab *rig.Lab) (*rig.Process, error) {
	hub, err := r.Start("hub", "cashier-hub", "serve", "--config", filepath.Join(lab.Data, "hub.yaml"))
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

// watch waits until every till has lost its line and is back, and takes the figures of its return.
func (w *Weather) watch(ctx context.Context, f *Fleet, killed time.Time, lost int) error {
	end, err := f.Await(ctx, "all tills are back", func(r Report) bool { return r.At.After(killed) && r.Lost >= lost && r.Connected == w.Tills })
	if err != nil {
		return err
	}
	w.Back = end.At.Sub(killed)
	list, err := f.Reports()
	if err != nil {
		return err
	}
	var start, second Report
	for _, r := range list {
		switch {
		case r.At.Before(killed):
			start, second = r, r
			continue
		case r.At.After(end.At):
			return nil
		case w.Half == 0 && r.Lost >= lost && r.Connected >= w.Tills/2:
			w.Half = r.At.Sub(killed)
		}
		shaken := r.Full + r.Resumed
		w.Over = max(w.Over, shaken-start.Full-start.Resumed-admitBurst-admitRate*int(r.At.Sub(killed)/time.Millisecond)/1000)
		if apart := r.At.Sub(second.At); apart >= time.Second {
			w.Peak = max(w.Peak, (shaken-second.Full-second.Resumed)*1000/int(apart/time.Millisecond))
			second = r
		}
		w.Full, w.Resumed, w.Failed = r.Full-start.Full, r.Resumed-start.Resumed, r.Failed-start.Failed
	}
	return nil
}

// judge compares the books and sorts the payments into before, during and after.
func (w *Weather) judge(ctx context.Context, lab *rig.Lab, sold []Sold, last Report, killed, back time.Time) error {
	_, differences, err := audit(ctx, lab, journal(sold), 30*time.Second)
	if err != nil {
		return err
	}
	w.Differences, w.Payments = differences, len(sold)
	if len(sold) != last.Made {
		w.Differences = append(w.Differences, fmt.Sprintf("%d sales were made and %d have an end", last.Made, len(sold)))
	}
	for _, s := range sold {
		switch {
		case s.Outcome == pay.Paid:
			w.Paid++
		case quick(s):
			w.Undone++
		}
		if s.ScannedAt.Before(killed) && s.finished().After(killed) {
			w.InFlight++
		}
	}
	for _, of := range []struct {
		into *[2]int64
		want func(Sold) bool
	}{
		{&w.Before, func(s Sold) bool { return quick(s) && s.finished().Before(killed) }},
		{&w.During, func(s Sold) bool { return quick(s) && !s.finished().Before(killed) && s.ScannedAt.Before(back) }},
		{&w.After, func(s Sold) bool { return quick(s) && s.ScannedAt.After(back) }},
	} {
		ms := took(sold, of.want)
		*of.into = [2]int64{quantile(ms, 50), quantile(ms, 99)}
	}
	return nil
}

// Rows are the weather as a table.
func (w Weather) Rows() []Row {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	two := func(p [2]int64) string { return fmt.Sprintf("%d / %d ms", p[0], p[1]) }
	return []Row{
		{"tills, each with its own key and certificate", strconv.Itoa(w.Tills), "", false},
		{"all back after kill -9 of the hub", seconds(w.Back), "<= 60 s", w.Back > bound},
		{"  of that the hub was away, half the fleet back", seconds(w.Down) + ", " + seconds(w.Half), "", false},
		{"handshakes in the busiest second, beyond the cap", fmt.Sprintf("%d, %d", w.Peak, w.Over), "0 beyond 1,000 a second after a burst of 200", w.Over > 0},
		{"  whole / resumed, attempts that came to nothing", fmt.Sprintf("%d / %d, %d", w.Full, w.Resumed, w.Failed), "", false},
		{"hub's processor time until all were back", seconds(w.HubTime), "", false},
		{"hub's memory for each till, settled", fmt.Sprintf("%d KiB", w.PerTillKiB), "<= 52 KiB of 10,000", false},
		{"payments, paid, without a final word at the kill", fmt.Sprintf("%d, %d, %d", w.Payments, w.Paid, w.InFlight), "at least one at the kill", w.InFlight == 0},
		{"  not paid, proven, though the customer was ready", strconv.Itoa(w.Undone), "", false},
		{"p50 / p99 before, wallet answering at once", two(w.Before), "", false},
		{"p50 / p99 of those the kill met", two(w.During), "", false},
		{"p50 / p99 after", two(w.After), "", false},
		{"ends told twice and differently", strconv.Itoa(w.Contested), "0", w.Contested > 0},
		{"differences between ledger, hub and tills", strconv.Itoa(len(w.Differences)), "0", len(w.Differences) > 0},
	}
}
