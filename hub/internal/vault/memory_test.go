package vault_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cloudcashier/hub/internal/vault"
)

const shielded = "CASHIER_TEST_SHIELDED"

// TestShield shields a process of its own: what it does cannot be taken back.
func TestShield(t *testing.T) {
	if os.Getenv(shielded) == "" {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestShield$", "-test.v")
		cmd.Env = append(os.Environ(), shielded+"=yes")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestShield") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	must(t, vault.Shield())
	must(t, vault.Shield()) // once more does no harm
	var core unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_CORE, &core))
	if core.Cur > 1 || core.Max > 1 {
		t.Errorf("core dumps may have %d bytes", core.Cur)
	}
	if n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || n != 0 {
		t.Errorf("dumpable is %d, %v", n, err)
	}
}
