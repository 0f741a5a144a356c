package engine

import (
	"sync"

	"cloudcashier/hub/internal/store"
)

// lane is the way of one channel's queries, reversals and refunds. Who finds it full waits in it, in order, and keeps nobody else
// from going: the work is stored, so that only its turn can be late.
type lane struct {
	mu      sync.Mutex
	free    int
	waiting []string
}

func newLane(places int) *lane { return &lane{free: places} }

// enter takes a place, or a place in the line.
func (l *lane) enter(entity string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free == 0 {
		l.waiting = append(l.waiting, entity)
		return false
	}
	l.free--
	return true
}

// leave hands the place to who waits longest; there is nobody when it gives the empty name.
func (l *lane) leave() (next string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.free++
		return ""
	}
	next = l.waiting[0]
	l.waiting = l.waiting[1:]
	return next
}

func (l *lane) load() (busy, waiting int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return chasers - l.free, len(l.waiting)
}

// pursue takes the next step of an entity on its channel's lane.
func (e *Engine) pursue(entity string) {
	if l := e.laneOf(entity); l.enter(entity) {
		e.pursueOn(l, entity)
	}
}

func (e *Engine) pursueOn(l *lane, entity string) {
	e.spawn(entity, func() {
		defer func() {
			next := l.leave()
			for next != "" && e.stopping.Load() { // what waits is stored: the next run takes it up
				next = l.leave()
			}
			if next != "" {
				e.pursueOn(l, next)
			}
		}()
		e.step(entity)
	})
}

// laneOf finds the lane of the channel that an entity's next call goes to. Entities of channels that nobody knows share one.
func (e *Engine) laneOf(entity string) *lane {
	var name string
	err := e.Store.View(func(tx *store.Tx) (err error) { name, err = tx.ChannelOf(entity); return err })
	if err == nil {
		if w := e.way(name); w != nil {
			return w.lane
		}
	}
	return e.orphans // a storage error ends the process; until then the step itself says so
}
