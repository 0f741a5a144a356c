package agentd

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"cloudcashier/agent/internal/books"
	"cloudcashier/agent/internal/identity"
	"cloudcashier/agent/internal/store"
	api "cloudcashier/shared/localapi"
)

const (
	// healthKept is how long a look of the doctor is good: it reads the whole journal and shakes hands with the hub.
	healthKept = time.Minute
	// healthWait is how long a caller waits for a new one before it gets the last.
	healthWait = 6 * time.Second
)

// staff is what the local API offers to store staff.
type staff struct {
	books.Books
	doctor clinic
}

// Health has the doctor look, unless he has just done so.
func (s *staff) Health(ctx context.Context) api.Health { return s.doctor.visit(ctx) }

// clinic has one doctor, who looks at one patient at a time: however many ask, the journal is read once.
type clinic struct {
	c Config
	d Deps

	mu   sync.Mutex
	last api.Health
	busy chan struct{} // closed when the look under way is through; nil when there is none
}

// visit gives the newest look, and begins one when that is old. The look goes on when the caller goes away.
func (c *clinic) visit(ctx context.Context) api.Health {
	c.mu.Lock()
	if c.busy == nil && c.d.Now().Sub(c.last.At) >= healthKept {
		c.busy = make(chan struct{})
		go c.look(context.WithoutCancel(ctx), c.busy)
	}
	busy := c.busy
	c.mu.Unlock()
	if busy != nil {
		timer := time.NewTimer(healthWait)
		defer timer.Stop()
		select {
		case <-busy:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.last
	h.Running = c.busy != nil
	h.Checks = append([]api.Check{}, h.Checks...)
	h.JournalBytes, h.DiskFree = sizes(c.c.Dir)
	return h
}

func (c *clinic) look(ctx context.Context, done chan struct{}) {
	h := api.Health{At: c.d.Now().UTC()}
	for _, one := range Doctor(ctx, c.c, c.d) {
		h.Checks = append(h.Checks, api.Check(one))
	}
	if who, err := identity.Load(c.c.Dir); err == nil {
		until := who.Certificate.Leaf.NotAfter.UTC()
		h.CertificateUntil = &until
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.busy = h, nil
	close(done)
}

// sizes are what a person asks first when a till gets slow.
func sizes(dir string) (journal, free int64) {
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(dir, store.FileName+suffix)); err == nil {
			journal += info.Size()
		}
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err == nil {
		free = int64(fs.Bavail) * int64(fs.Bsize)
	}
	return journal, free
}
