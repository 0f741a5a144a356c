package world

import (
	"math/rand/v2"
	"time"

	"cloudcashier/scripts/simtest/disk"
)

// Faults are all kinds of them. A seed has each with a chance of one half, so that combinations differ.
var Faults = []string{
	"drop", "double", "delay", "delay minutes", "reorder", "line cut", "till offline",
	"till killed", "till dies at a write", "till power cut", "till disk errs", "till disk full", "till stopped", "till clock",
	"hub killed", "hub dies at a write", "hub power cut", "hub disk errs", "hub stopped", "hub replaced", "hub clock",
	"wallet line", "wallet loses", "wallet errs", "wallet slow", "wallet hides", "wallet late", "wallet stubborn", "wallet busy", "wallet down",
	"impatient cashier",
}

const day = 24 * 60 * 60 // seconds

// mischief draws what goes wrong when. Each kind has a stream of its own: leaving one out leaves the others
// as they are.
func (w *World) mischief() (plan []step) {
	some := func(fault string, most int, do func(*rand.Rand)) {
		luck := w.luck("mischief/" + fault)
		for range 1 + luck.IntN(most) {
			at, own := time.Duration(luck.Int64N(int64(faulty-5*time.Second)))+2*time.Second, rand.New(rand.NewPCG(luck.Uint64(), 1))
			if w.on(fault) {
				plan = append(plan, step{at, func() { do(own) }})
			}
		}
	}
	till := func(luck *rand.Rand) *till { return w.tills[luck.IntN(len(w.tills))] }
	hub := func(luck *rand.Rand) *hub { return w.hubs[luck.IntN(len(w.hubs))] }
	pause := func(luck *rand.Rand) time.Time {
		return time.Now().Add(300*time.Millisecond + time.Duration(luck.Int64N(int64(12*time.Second))))
	}
	some("line cut", 4, func(luck *rand.Rand) { till(luck).hangUp(luck.IntN(2) == 0) })
	some("till offline", 2, func(luck *rand.Rand) { w.cutOff(till(luck), luck) })
	some("till killed", 3, func(luck *rand.Rand) {
		if t := till(luck); t.run != nil {
			w.note("%s is killed", t.name)
			t.kill(false)
			t.back = pause(luck)
		}
	})
	some("till dies at a write", 2, func(luck *rand.Rand) { till(luck).plan(disk.Die, luck.IntN(40)) })
	some("till power cut", 2, func(luck *rand.Rand) {
		if t := till(luck); luck.IntN(3) > 0 { // in the middle of a write
			t.plan(disk.Die, luck.IntN(40))
			t.dark = true
		} else {
			w.powerCut(t, pause(luck))
		}
	})
	some("till disk errs", 2, func(luck *rand.Rand) {
		till(luck).plan([]disk.Fault{disk.SyncFails, disk.SyncFails, disk.WriteFails, disk.NoSpace}[luck.IntN(4)], luck.IntN(20))
	})
	some("till disk full", 1, func(luck *rand.Rand) { w.fill(till(luck), luck) })
	some("till stopped", 2, func(luck *rand.Rand) {
		if t := till(luck); t.run != nil {
			w.note("%s is stopped", t.name)
			t.sees()
			t.stop()
			t.back = pause(luck)
		}
	})
	some("till clock", 2, func(luck *rand.Rand) { w.stepClock(&till(luck).step, luck, "a till") })
	some("hub clock", 2, func(luck *rand.Rand) {
		if h := hub(luck); luck.IntN(2) == 0 && h.run != nil { // while its program does not run
			w.note("%s is killed", h.name)
			h.kill(false)
			h.back = time.Now().Add(time.Second)
		}
		w.stepClock(&w.hubStep, luck, "the hubs")
	})
	some("hub killed", 3, func(luck *rand.Rand) {
		if h := hub(luck); h.run != nil {
			w.note("%s is killed", h.name)
			h.kill(luck.IntN(3) == 0)
			h.back = pause(luck)
		}
	})
	some("hub dies at a write", 2, func(luck *rand.Rand) { hub(luck).plan(disk.Die, luck.IntN(60)) })
	some("hub power cut", 1, func(luck *rand.Rand) {
		if luck.IntN(3) > 0 {
			hub(luck).plan(disk.Die, luck.IntN(60))
			w.dark = true
		} else {
			w.blackout(luck)
		}
	})
	some("hub disk errs", 1, func(luck *rand.Rand) {
		hub(luck).plan([]disk.Fault{disk.SyncFails, disk.SyncFails, disk.WriteFails, disk.NoSpace}[luck.IntN(4)], luck.IntN(40))
	})
	some("hub stopped", 1, func(luck *rand.Rand) {
		if h := hub(luck); h.run != nil {
			w.note("%s is stopped", h.name)
			w.newest()
			h.stop()
			h.back = pause(luck)
		}
	})
	some("hub replaced", 2, func(luck *rand.Rand) { w.freeze(luck) })
	luck := w.luck("wallet down")
	w.downFrom = time.Duration(luck.Int64N(int64(60 * time.Second)))
	w.downTo = w.downFrom + time.Second + time.Duration(luck.Int64N(int64(30*time.Second)))
	return plan
}

// down reports that the wallets answer nothing but "503".
func (w *World) down() bool {
	at := time.Since(w.began)
	return at >= w.downFrom && at < w.downTo
}

func (t *till) plan(f disk.Fault, n int) {
	if r := t.run; r != nil && !r.gone() {
		t.sees()
		r.proc.Plan(f, n)
		t.failing = f
	}
}

func (h *hub) plan(f disk.Fault, n int) {
	if r := h.run; r != nil && !r.gone() {
		h.w.newest()
		r.proc.Plan(f, n)
		h.failing = f
	}
}

// cutOff takes a till off the network for a while.
func (w *World) cutOff(t *till, luck *rand.Rand) {
	d := 3*time.Second + time.Duration(luck.Int64N(int64(90*time.Second)))
	w.mu.Lock()
	t.outage = time.Now().Add(d)
	w.mu.Unlock()
	w.note("%s is offline for %s", t.name, d.Round(time.Second))
	t.hangUp(luck.IntN(2) == 0)
	if d > tillCodeLife {
		t.away = true
	}
}

// fill leaves a till's disk next to no room for a while.
func (w *World) fill(t *till, luck *rand.Rand) {
	w.note("the disk of %s is full", t.name)
	if r := t.run; r != nil && !r.gone() && r.till.Status().PendingAmount > 0 {
		w.saw("disk full during a charge")
	}
	t.disk.Room(luck.IntN(64 << 10))
	t.tight = true
	t.full.Store(luck.IntN(2) == 0)
	w.after(luck, time.Duration(luck.Int64N(int64(25*time.Second))), func() { t.disk.Room(-1); t.full.Store(false) })
}

func (w *World) stepClock(step *int64, luck *rand.Rand, whose string) {
	by := int64(day)
	if luck.IntN(2) == 0 {
		by = -day
	}
	w.note("the clock of %s is set by %d s", whose, by)
	w.saw("clock set by a day")
	w.mu.Lock()
	defer w.mu.Unlock()
	*step += by
}

// powerCut is one at a till.
func (w *World) powerCut(t *till, back time.Time) {
	w.note("power cut at %s", t.name)
	t.kill(true)
	w.lost(t.disk.PowerCut(w.luck("power/" + t.name).Uint64()))
	t.back = back
}

// blackout is one at the hubs' machine.
func (w *World) blackout(luck *rand.Rand) {
	w.note("power cut at the hubs")
	for _, h := range w.hubs {
		h.kill(true)
		h.back = time.Now().Add(time.Second + time.Duration(luck.Int64N(int64(10*time.Second))))
	}
	w.lost(w.hubs[0].disk.PowerCut(w.luck("power/hub").Uint64()))
}

func (w *World) lost(c disk.Cut) {
	for what, is := range map[string]bool{"power cut lost an unsynced write": c.Lost > 0, "power cut left garbage": c.Garbage > 0,
		"power cut kept an unsynced write": c.Kept > 0, "power cut forgot a file's making or end": c.Names > 0} {
		if is {
			w.saw(what)
		}
	}
}

// freeze stops the hub that leads in its tracks, long enough for another to take over.
func (w *World) freeze(luck *rand.Rand) {
	for _, h := range w.hubs {
		if r := h.run; r != nil && !r.gone() && r.leads && !r.gate.closed() {
			d := 5*time.Second + time.Duration(luck.Int64N(int64(40*time.Second)))
			w.note("%s is stopped in its tracks for %s", h.name, d.Round(time.Second))
			r.gate.close()
			w.after(luck, d, r.gate.open)
			return
		}
	}
}
