// Package profile splits a hub's processor time into the parts that DESIGN section 8 names.
//
// It refuses to guess: each sample goes to the first function on its stack, from where the processor was towards the
// root, that belongs to a part; what belongs to none is "other" and shown. Newcomers get one thing wrong: memory
// that a part takes is its own, and the collector's work is nobody's, so that both stand apart.
package profile

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Part is one part's share of the samples, 0 to 1.
type Part struct {
	Name  string
	Share float64
}

// The parts whose work is a wallet's signature, which DESIGN's figure leaves out.
const (
	Sign   = "sign for the wallet"
	Verify = "verify the wallet's answer"
)

// table says whose a function is; the first row that fits counts.
var table = []struct{ part, prefix string }{
	{"collector of garbage", "runtime.gc"},
	{"collector of garbage", "runtime.bgsweep"},
	{"collector of garbage", "runtime.bgscavenge"},
	{"collector of garbage", "runtime.(*sweepLocked)"},
	{"collector of garbage", "runtime.(*mheap).nextSpanForSweep"},
	{"collector of garbage", "runtime.wbBufFlush"},
	{Verify, "cloudcashier/hub/internal/channel/alipay.verify"},
	{Verify, "cloudcashier/hub/internal/channel/wechat.(*signer).matches"},
	{Sign, "cloudcashier/hub/internal/channel/wechat.(*signer).of"},
	{Sign, "cloudcashier/hub/internal/vault"},
	{"log", "log/slog"},
	{"log", "os.(*File)"}, // nothing else of the hub writes files through Go
	{"JSON", "encoding/json"},
	{"JSON", "cloudcashier/shared/strictjson"},
	{"sockets", "net.(*netFD)"},
	{"sockets", "net.(*conn)"},
	{"TLS", "crypto/tls"},
	{"HTTP to the wallet", "net/http.(*persistConn)"},
	{"HTTP to the wallet", "net/http.(*Transport)"},
	{"HTTP to the wallet", "net/http.(*transportRequest)"},
	{"HTTP to the wallet", "net/http.(*Request).write"},
	{"HTTP to the wallet", "net/http.(*Response)"},
	{"HTTP to the wallet", "net/http.ReadResponse"},
	{"HTTP from the merchant", "net/http"},
	{"HTTP from the merchant", "github.com/danielgtaylor/huma"},
	{"SQLite", "github.com/mattn/go-sqlite3"},
	{"SQLite", "cloudcashier/shared/sqlite"},
	{"SQLite", "cloudcashier/hub/internal/store"},
	{"door: API signature, checks", "cloudcashier/hub/internal/gateway"},
	{"door: API signature, checks", "github.com/prometheus"},
	{"connector", "cloudcashier/hub/internal/channel"},
	{"engine and law", "cloudcashier/hub/internal"},
	{"engine and law", "cloudcashier/hub"},
	{"scheduler", "runtime.mcall"},
	{"scheduler", "runtime.park_m"},
	{"scheduler", "runtime.schedule"},
	{"scheduler", "runtime.goexit0"},
	{"scheduler", "runtime.gopreempt_m"},
	{"scheduler", "runtime.mstart"},
	{"scheduler", "runtime.sysmon"},
	{"scheduler", "runtime.morestack"},
	{"scheduler", "runtime.findRunnable"},
}

const other = "other"

// partOf finds the part of a stack, the function where the processor was first.
func partOf(stack []string) string {
	for _, name := range stack {
		for _, row := range table {
			if strings.HasPrefix(name, row.prefix) {
				return row.part
			}
		}
	}
	return other
}

// Split reads the file of a processor profile.
func Split(ctx context.Context, file string) ([]Part, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", "-unit=ms", "-lines=false", file).Output()
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	return split(string(out))
}

// split reads stacks as `go tool pprof -traces` prints them: a rule, then the time before the function where the processor was,
// then the functions that called it.
func split(traces string) ([]Part, error) {
	shares := map[string]float64{}
	var stack []string
	var ms, all float64
	end := func() {
		if len(stack) > 0 {
			shares[partOf(stack)] += ms
			all += ms
		}
		stack, ms = nil, 0
	}
	begun := false
	for line := range strings.Lines(traces) {
		if strings.HasPrefix(line, "-----------+") {
			end()
			begun = true
			continue
		}
		line = strings.TrimSuffix(strings.TrimSpace(line), " (inline)")
		if !begun || line == "" {
			continue
		}
		if len(stack) == 0 {
			amount, name, ok := strings.Cut(line, "ms ")
			n, err := strconv.ParseFloat(amount, 64)
			if !ok || err != nil {
				continue // a label of the sample
			}
			ms, line = n, strings.TrimSpace(name)
		}
		stack = append(stack, line)
	}
	end()
	if all == 0 {
		return nil, fmt.Errorf("the profile holds no samples")
	}
	var parts []Part
	for name, ms := range shares {
		parts = append(parts, Part{name, ms / all})
	}
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name)) })
	return parts, nil
}
