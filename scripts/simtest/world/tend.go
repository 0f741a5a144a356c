package world

import (
	"fmt"
	"strings"
	"time"

	"cloudcashier/scripts/simtest/disk"
	"cloudcashier/shared/fault"
)

// tend looks after programs that ended and starts those whose time has come.
func (w *World) tend() {
	for _, t := range w.tills {
		w.tendTill(t)
	}
	for _, h := range w.hubs {
		w.tendHub(h)
	}
	w.newest()
}

func (w *World) ended(ended *bool, err *error) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *ended, *err
}

func (w *World) tendTill(t *till) {
	if r := t.run; r != nil {
		if r.proc.Dead() {
			w.note("%s died at a write", t.name)
			w.saw("till died at a write")
			r.killed.Store(true)
			r.cancel()
			t.hangUp(t.dark)
			t.run, t.back = nil, time.Now().Add(2*time.Second)
			if t.dark {
				w.note("power cut at %s, in the middle of a write", t.name)
				w.lost(t.disk.PowerCut(w.luck("power/" + t.name).Uint64()))
				t.dark = false
			}
			return
		}
		if ended, err := w.ended(&r.ended, &r.err); ended {
			w.note("%s ended by itself", t.name)
			if !r.proc.Struck() && !t.tight {
				w.fail("%s ended by itself: %v", t.name, err)
			}
			w.struck(r.proc, "till", t.failing)
			r.proc.Kill()
			t.hangUp(false)
			t.run, t.back = nil, time.Now().Add(2*time.Second)
			return
		}
		t.sees()
		if t.away && !t.offline() && r.till.Status().Unsynced == 0 && r.till.Status().Queue == 0 {
			t.away = false
			w.saw("till offline beyond its codes' life, then drained")
		}
		return
	}
	if !time.Now().Before(t.back) {
		t.start()
	}
}

func (w *World) struck(p *disk.Process, who string, f disk.Fault) {
	if !p.Struck() {
		return
	}
	switch f {
	case disk.SyncFails:
		w.saw("sync failed at a " + who)
	case disk.WriteFails:
		w.saw("write failed at a " + who)
	case disk.NoSpace:
		w.saw("no space at a " + who)
	}
}

func (w *World) tendHub(h *hub) {
	r := h.run
	if r == nil {
		if !time.Now().Before(h.back) {
			h.start()
		}
		return
	}
	if r.proc.Dead() {
		w.note("%s died at a write", h.name)
		w.saw("hub died at a write")
		r.killed.Store(true)
		r.gate.open()
		r.cancel()
		h.hangUp(r, w.dark)
		h.run, h.back = nil, time.Now().Add(2*time.Second)
		if w.dark {
			w.dark = false
			w.blackout(w.luck("blackout"))
		}
		return
	}
	ended, err := w.ended(&r.ended, &r.err)
	if !ended {
		return
	}
	fenced := strings.Contains(fmt.Sprint(err), "another hub took over") || fault.CodeOf(err) == "hub.fenced"
	w.note("%s ended by itself, fenced %v", h.name, fenced)
	switch {
	case fenced:
		w.saw("stale hub fenced")
	case !r.proc.Struck():
		w.fail("%s ended by itself: %v", h.name, err)
	}
	w.struck(r.proc, "hub", h.failing)
	r.proc.Kill()
	h.hangUp(r, false)
	h.run, h.back = nil, time.Now().Add(2*time.Second)
}

// newest notes how far the hubs' events are known to be committed, and that none is lost.
func (w *World) newest() {
	for _, h := range w.hubs {
		r := h.run
		if r == nil || r.gone() || r.gate.closed() {
			continue
		}
		n, err := r.hub.Newest()
		if err != nil {
			continue
		}
		if n < w.events {
			w.fail("the hub had %d events, now %d", w.events, n)
		}
		w.events = n
		return
	}
}
