package sandbox

import (
	"net/http"
	"sync/atomic"
	"time"
)

// busy is how long the wallets took over requests, all together: who measures a hub takes it off.
type busy struct{ requests, microseconds atomic.Int64 }

func (b *busy) add(took time.Duration) {
	b.requests.Add(1)
	b.microseconds.Add(took.Microseconds())
}

func (s *Sandbox) showBusy(w http.ResponseWriter, _ *http.Request) error {
	return answerJSON(w, map[string]int64{"requests": s.busy.requests.Load(), "microseconds": s.busy.microseconds.Load()})
}
