package localapi

import (
	"context"
	"net/http"
	"time"
)

// Verdict is how a check of the doctor ended.
type Verdict string

// The verdicts.
const (
	CheckOK   Verdict = "ok"
	CheckWarn Verdict = "warn" // the till sells, and somebody should look
	CheckFail Verdict = "fail" // the till does not sell
)

// Check is one thing the doctor looked at. Of a device its name is the kind and the path: "scanner /dev/ttyACM0".
type Check struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	Do      string  `json:"do,omitempty"` // what to do about it
}

// Health is what cashier-agent doctor finds, asked of the running agent.
type Health struct {
	At               time.Time  `json:"at"`                // of the checks, which a look may be a minute older than
	Running          bool       `json:"running,omitempty"` // a newer look is not through yet
	Checks           []Check    `json:"checks"`            // none before the first look is through
	CertificateUntil *time.Time `json:"certificate_until,omitempty"`
	JournalBytes     int64      `json:"journal_bytes"` // with its log
	DiskFree         int64      `json:"disk_free"`     // bytes this user may still write
}

// Health has the agent look at itself.
func (c *Client) Health(ctx context.Context) (h Health, err error) {
	return h, c.do(ctx, http.MethodGet, "/v1/health", nil, &h)
}
