package signrate

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestSpeedIsRead: the printed line of one process, that of two with each one's own before it, and neither.
func TestSpeedIsRead(t *testing.T) {
	t.Parallel()
	one := "+F2:2:2048:3557.471264:58945.121951\n"
	many := "Forked child 0\nGot: +F2:2:2048:1992.000000:29426.000000 from 0\nGot: +F2:2:2048:1983.000000:29507.000000 from 1\n+F2:2:2048:3975.000000:58933.000000\n"
	for text, want := range map[string]float64{one: 3557.471264, many: 3975} {
		if sign, verify, err := parseSpeed(text); err != nil || sign != want || verify < 50000 {
			t.Errorf("%q: %v, %v, %v", text, sign, verify, err)
		}
	}
	for _, text := range []string{"", "+F2:2:1024:1:1\n", "+F2:2:2048:x:1\n", "+F2:2:2048:0:0\n", "+F2:2:2048\n"} {
		if _, _, err := parseSpeed(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestEveryWaySigns: all places of keys sign and stand in the table beside openssl speed, with a ratio.
func TestEveryWaySigns(t *testing.T) {
	out, err := Signing{Rounds: 1, Each: time.Millisecond}.Run(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	table := ""
	for _, r := range out.Table() {
		table += r.What + "\t" + r.Figure + "\t" + r.Limit + "\n"
	}
	for _, want := range []string{"crypto/rsa", "OpenSSL", "SoftHSM2 inside", "p11-kit", "x openssl speed", "HMAC", "MD5", "verifies"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	inGo, inSSL := out.Rate()
	if inGo <= 0 || inSSL <= 0 {
		t.Errorf("rates %v and %v", inGo, inSSL)
	}
}
