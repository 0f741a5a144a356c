package profile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime/pprof"
	"testing"
	"time"
)

const traces = `File: cashier-hub
Type: cpu
Duration: 3s, Total samples = 100ms
-----------+-------------------------------------------------------
      30ms   runtime.cgocall
             cloudcashier/hub/internal/vault/openssl._Cfunc_cc_sign (inline)
             cloudcashier/hub/internal/vault/openssl.(*Key).Sign
             cloudcashier/hub/internal/vault.(*Pool).run.func1
-----------+-------------------------------------------------------
      20ms   runtime.cgocall
             github.com/mattn/go-sqlite3._Cfunc__sqlite3_step_row_internal
             cloudcashier/shared/sqlite.(*DB).loop
-----------+-------------------------------------------------------
      40ms   internal/runtime/syscall.Syscall6
             syscall.write
             internal/poll.(*FD).Write
             net.(*netFD).Write
             crypto/tls.(*Conn).Write
             net/http.(*persistConn).writeLoop
-----------+-------------------------------------------------------
      10ms   something.nobody
`

func TestSplit(t *testing.T) {
	t.Parallel()
	parts, err := split(traces)
	if err != nil {
		t.Fatal(err)
	}
	want := []Part{{"sockets", 0.4}, {Sign, 0.3}, {"SQLite", 0.2}, {other, 0.1}}
	if len(parts) != len(want) {
		t.Fatalf("parts %v", parts)
	}
	for i, p := range parts {
		if p != want[i] {
			t.Errorf("part %d is %v, want %v", i, p, want[i])
		}
	}
	if _, err := split("File: x\n"); err == nil {
		t.Error("a profile without samples is taken")
	}
}

func TestPartOfAStack(t *testing.T) {
	t.Parallel()
	for want, stack := range map[string][]string{
		"collector of garbage":   {"runtime.scanobject", "runtime.gcDrainN", "runtime.gcAssistAlloc", "runtime.mallocgc", "encoding/json.Unmarshal"},
		"JSON":                   {"runtime.mallocgc", "encoding/json.Unmarshal", "cloudcashier/hub/internal/gateway.object"},
		"TLS":                    {"crypto/internal/fips140/aes/gcm.seal", "crypto/tls.(*halfConn).encrypt", "net/http.(*conn).serve"},
		"log":                    {"syscall.write", "internal/poll.(*FD).Write", "os.(*File).Write", "log/slog.(*commonHandler).handle"},
		"HTTP to the wallet":     {"net/textproto.MIMEHeader.Set", "net/http.(*persistConn).readLoop"},
		"HTTP from the merchant": {"net/http.(*conn).serve"},
		"scheduler":              {"runtime.futex", "runtime.findRunnable", "runtime.schedule", "runtime.mcall"},
	} {
		if got := partOf(stack); got != want {
			t.Errorf("%v is of %q, want %q", stack, got, want)
		}
	}
}

// TestARealProfile reads what the runtime writes and the tool prints, whatever their version.
func TestARealProfile(t *testing.T) {
	var seen bytes.Buffer
	if err := pprof.StartCPUProfile(&seen); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(300 * time.Millisecond); time.Now().Before(until); {
		sha256.Sum256(make([]byte, 1<<16))
	}
	pprof.StopCPUProfile()
	file := filepath.Join(t.TempDir(), "cpu.pprof")
	if err := os.WriteFile(file, seen.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	parts, err := Split(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, p := range parts {
		sum += p.Share
	}
	if sum < 0.99 || sum > 1.01 || parts[0].Name != other {
		t.Errorf("the parts are %v", parts)
	}
}
