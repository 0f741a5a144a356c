package main

import (
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheTableFits: each bug is found once in the tree as it is, and is Go; whether it compiles is
// seen when it is planted.
func TestTheTableFits(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range table() {
		if names[m.name] || m.wrong == "" || m.run == "" || len(m.edits) == 0 {
			t.Errorf("%s: no name of its own, or nothing said about it", m.name)
		}
		names[m.name] = true
		source, err := os.ReadFile(filepath.Join(root, m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		changed, err := m.apply(source)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, changed, 0); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if before, err := format.Source(source); err != nil || string(before) == string(changed) {
			t.Errorf("%s changes nothing", m.name)
		}
		if _, err := regexp.Compile(m.run); err != nil || strings.Contains(m.run, "/") {
			t.Errorf("%s: pattern %q does not fit (%v)", m.name, m.run, err)
		}
	}
}

func TestApplyWantsTheTextOnce(t *testing.T) {
	for text, ok := range map[string]bool{"a b": true, "b b": false, "a": false} {
		m := mutant{edits: swap("b", "c")}
		if got, err := m.apply([]byte(text)); (err == nil) != ok || ok && string(got) != "a c" {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

func TestChoose(t *testing.T) {
	all := []mutant{{name: "a/one"}, {name: "a/two"}, {name: "b/one"}}
	for only, want := range map[string]int{"": 3, "a/": 2, "a/one,b/one": 2, "c": -1} {
		got, err := choose(all, only)
		if want < 0 != (err != nil) || err == nil && len(got) != want {
			t.Errorf("%q chose %v, %v", only, got, err)
		}
	}
}

// What `go test -json` says in the cases that must be told apart.
const (
	passed  = `{"Action":"pass","Package":"cloudcashier/a","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"cloudcashier/a"}`
	failing = `{"Action":"output","Package":"cloudcashier/a","Test":"TestA","Output":"    a_test.go:9: seed 17: paid, and the wallet took 0\n"}
{"Action":"fail","Package":"cloudcashier/a","Test":"TestA"}
{"Action":"fail","Package":"cloudcashier/a"}`
	inner = `{"Action":"output","Package":"cloudcashier/a","Test":"TestA/one","Output":"    a_test.go:9: wrong\n"}
{"Action":"fail","Package":"cloudcashier/a","Test":"TestA/one"}
{"Action":"fail","Package":"cloudcashier/a","Test":"TestA"}
{"Action":"fail","Package":"cloudcashier/a"}`
	building = `{"ImportPath":"cloudcashier/a","Action":"build-output","Output":"a.go:1: undefined: x\n"}
{"ImportPath":"cloudcashier/a","Action":"build-fail"}
{"Action":"fail","Package":"cloudcashier/a","FailedBuild":"cloudcashier/a"}`
	hanging = `{"Action":"output","Package":"cloudcashier/a","Test":"TestA","Output":"panic: test timed out after 1m0s\n"}
{"Action":"fail","Package":"cloudcashier/a","Test":"TestA"}
{"Action":"fail","Package":"cloudcashier/a"}`
	leaking = `{"Action":"output","Package":"cloudcashier/a","Output":"goleak: Errors on successful test run\n"}
{"Action":"fail","Package":"cloudcashier/a"}`
	setup = `no required module provides package x
{"Action":"fail","Package":"cloudcashier/a"}`
)

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		failed bool
		hangs  bool
		want   result
	}{
		"passed":           {passed, false, false, result{Verdict: survived}},
		"failed":           {failing, true, false, result{Verdict: caught, Harness: "a.TestA", Seed: "17", Said: "seed 17: paid, and the wallet took 0"}},
		"failed inside":    {inner, true, false, result{Verdict: caught, Harness: "a.TestA/one", Said: "wrong"}},
		"not built":        {building, true, false, result{Verdict: faulty}},
		"hung":             {hanging, true, false, result{Verdict: faulty}},
		"hung, as it may":  {hanging, true, true, result{Verdict: caught, Harness: "a.TestA", Said: "by timeout"}},
		"leaked":           {leaking, true, false, result{Verdict: caught, Harness: "a"}},
		"not set up":       {setup, true, false, result{Verdict: faulty}},
		"said nothing":     {"", true, false, result{Verdict: faulty}},
		"failed, no tests": {`{"Action":"fail","Package":"cloudcashier/a"}`, true, false, result{Verdict: faulty}},
	} {
		o := read([]byte(c.text))
		o.failed = c.failed
		got := judge(o, c.hangs)
		if got.Verdict != c.want.Verdict || got.Harness != c.want.Harness || got.Seed != c.want.Seed ||
			c.want.Verdict == caught && got.Said != c.want.Said {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
