package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// verdict is what became of a bug.
type verdict string

const (
	caught   verdict = "caught"
	survived verdict = "SURVIVED" // the tests passed with the bug in place
	faulty   verdict = "ERROR"    // the bug itself is at fault: it does not fit, does not compile, or hangs
)

// result is a bug and what became of it, as --json prints it.
type result struct {
	Name    string  `json:"name"`
	Wrong   string  `json:"wrong"`
	File    string  `json:"file"`
	Verdict verdict `json:"verdict"`
	Harness string  `json:"harness,omitempty"` // package and test that caught it
	Seed    string  `json:"seed,omitempty"`
	Said    string  `json:"said,omitempty"` // the test's first words, or why there is no verdict
	TookMS  int64   `json:"took_ms"`
}

func (r result) row() string {
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%d", r.Verdict, r.Name, r.Harness, r.Seed, (r.TookMS+500)/1000)
}

func broken(why string) result { return result{Verdict: faulty, Said: why} }

// outcome is one run of `go test -json`.
type outcome struct {
	failed   bool // it ended badly
	killed   bool // from outside, after the whole patience
	hung     bool // the test's own time limit ended it
	building bool // it did not compile
	passed   []string
	fails    []string            // tests that failed, the inner ones first
	said     map[string][]string // output of each test, "" for the package's own
	pkg      string
}

// event is what `go test -json` writes per line; also lines of the compiler, as ImportPath's.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

func read(text []byte) outcome {
	o := outcome{said: map[string][]string{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, keptOutput)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			o.said[""] = append(o.said[""], lines.Text()+"\n") // the tool chain's own words
			continue
		}
		if e.Package != "" {
			o.pkg = e.Package
		}
		switch e.Action {
		case "build-fail":
			o.building = true
		case "output", "build-output":
			o.said[e.Test] = append(o.said[e.Test], e.Output)
			o.hung = o.hung || strings.HasPrefix(e.Output, "panic: test timed out after ")
		case "pass":
			if e.Test != "" {
				o.passed = append(o.passed, e.Test)
			}
		case "fail":
			if e.Test != "" {
				o.fails = append(o.fails, e.Test)
			}
		}
	}
	return o
}

// story is what there is to read about a run that cannot be judged: the end of it.
func (o outcome) story() string {
	var all strings.Builder
	for _, name := range append([]string{""}, o.fails...) {
		all.WriteString(strings.Join(o.said[name], ""))
	}
	text := strings.TrimSpace(all.String())
	return text[max(0, len(text)-2000):]
}

// judge tells whether the run of a bug's tests caught it. hangs: the bug may do so by standing still.
func judge(o outcome, hangs bool) result {
	switch {
	case o.building:
		return broken("it does not compile\n" + o.story())
	case (o.killed || o.hung) && hangs:
		return result{Verdict: caught, Harness: o.harness(), Said: "by timeout"}
	case o.killed || o.hung:
		return broken("its tests hang\n" + o.story())
	case !o.failed:
		return result{Verdict: survived, Said: fmt.Sprintf("%d tests of %s passed with it", len(o.passed), o.pkg)}
	case o.pkg == "" || len(o.fails) == 0 && !o.panicked():
		return broken("its tests did not run\n" + o.story())
	}
	r := result{Verdict: caught, Harness: o.harness()}
	r.Seed, r.Said = o.words()
	return r
}

// panicked reports a program that died between tests, or in TestMain.
func (o outcome) panicked() bool {
	for _, line := range o.said[""] {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "goleak: ") || strings.HasPrefix(line, "fatal error: ") {
			return true
		}
	}
	return false
}

func (o outcome) harness() string {
	pkg := strings.TrimPrefix(o.pkg, module+"/")
	if len(o.fails) == 0 {
		return pkg
	}
	return pkg + "." + o.fails[0]
}

var (
	seedWords = regexp.MustCompile(`\bseed (\d+)`)
	testWords = regexp.MustCompile(`^\s+\w+_test\.go:\d+: (.*)`)
)

// words finds the seed and the first complaint in what the failed tests said. The seed stands in
// the complaint; a schedule's story may come before it.
func (o outcome) words() (seed, first string) {
	for _, name := range o.fails {
		for _, line := range o.said[name] {
			if m := testWords.FindStringSubmatch(line); m != nil && first == "" {
				first = m[1]
			}
			if m := seedWords.FindStringSubmatch(line); m != nil {
				seed, first = m[1], strings.TrimSpace(line)
				if m := testWords.FindStringSubmatch(line); m != nil {
					first = m[1]
				}
				return seed, first
			}
			if strings.HasPrefix(line, "panic: ") && first == "" {
				first = strings.TrimSpace(line)
			}
		}
	}
	return "", first
}
