package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cloudcashier/shared/fault"
)

func execute(args ...string) (string, error) {
	var out bytes.Buffer
	c := command()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(context.Background())
	return out.String(), err
}

func TestMistakesOfWritingAreToldApart(t *testing.T) {
	var ran workError
	for _, args := range [][]string{
		{"runn"}, {"run"}, {"run", "--data"}, {"run", "--data", "x", "more"}, {"journal", "exprt"}, {"journal", "export"}, {"activate", "--data", "x"}, {"doctor", "--jsno"},
	} {
		if _, err := execute(args...); err == nil || errors.As(err, &ran) {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, err := execute("run", "--data", t.TempDir()); !errors.As(err, &ran) || fault.KindOf(err) != fault.NotFound {
		t.Errorf("work that fails: %v", err)
	}
	if _, err := execute("run", "--data", t.TempDir(), "--log-level", "loud"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a flag that is wrong: %v", err)
	}
}

func TestDoctorSpeaksJSON(t *testing.T) {
	out, err := execute("doctor", "--json", "--data", t.TempDir())
	if !errors.Is(err, errUnwell) {
		t.Errorf("a folder that is no till is well: %v", err)
	}
	var report struct {
		Checks []struct{ Name, Verdict, Found, Do string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Checks) < 5 {
		t.Errorf("%s: %v", out, err)
	}
	table, _ := execute("doctor", "--data", t.TempDir())
	if !strings.Contains(table, "activation") || !strings.Contains(table, "-> ") {
		t.Error(table)
	}
}

func TestVersion(t *testing.T) {
	if out, err := execute("version"); err != nil || strings.TrimSpace(out) != version {
		t.Errorf("%q, %v", out, err)
	}
}
