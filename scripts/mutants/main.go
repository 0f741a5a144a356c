// Command mutants plants one bug at a time into the product and sees whether the tests notice: a
// test suite that stays green over a real money bug proves nothing.
//
// The tree is never touched and the product holds no hook: each bug is a changed copy of one file
// in a temporary folder, which `go test -overlay` compiles in place of the real one. It refuses a
// bug whose text is not found exactly once, one that does not compile, and one whose tests do not
// run or do not pass without it: the table must rot loudly.
//
// Newcomers get one thing wrong: a bug that survives is a hole in the tests. Close it with a test
// of the behaviour in the package that owns it, not by taking the bug out of the table.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
)

func main() {
	var only string
	var list, asJSON bool
	var parallel int
	flag.StringVar(&only, "only", "", "plant these alone: names or beginnings of names, with commas between")
	flag.BoolVar(&list, "list", false, "list the bugs and plant none")
	flag.BoolVar(&asJSON, "json", false, "print the results as one JSON array")
	flag.IntVar(&parallel, "parallel", 2, "how many bugs at a time")
	flag.Parse()
	chosen, err := choose(table(), only)
	if err == nil && (flag.NArg() > 0 || parallel < 1) {
		err = fmt.Errorf("usage: mutants [-only NAMES] [-list] [-json] [-parallel N]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if list {
		print(os.Stdout, "BUG\tFILE\tWHAT GOES WRONG", chosen, func(m mutant) string { return m.name + "\t" + m.file + "\t" + m.wrong })
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, chosen, parallel, asJSON)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// choose keeps the bugs that were asked for; all of them when none was named.
func choose(all []mutant, only string) (chosen []mutant, err error) {
	if only == "" {
		return all, nil
	}
	for _, name := range strings.Split(only, ",") {
		found := false
		for _, m := range all {
			if strings.HasPrefix(m.name, strings.TrimSpace(name)) {
				chosen, found = append(chosen, m), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no bug is called %q: see -list", name)
		}
	}
	return chosen, nil
}

// run plants the bugs and prints what became of them. ok: all were caught.
func run(ctx context.Context, chosen []mutant, parallel int, asJSON bool) (ok bool, err error) {
	root, err := moduleRoot()
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	f := field{root: root, dir: dir, told: os.Stderr}
	results := f.plantAll(ctx, chosen, parallel)
	if ctx.Err() != nil {
		return false, fmt.Errorf("stopped")
	}
	ok = true
	for _, r := range results {
		ok = ok && r.Verdict == caught
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return ok, e.Encode(results)
	}
	print(os.Stdout, "VERDICT\tBUG\tCAUGHT BY\tSEED\tSECONDS", results, result.row)
	tell(os.Stdout, results)
	return ok, nil
}

func print[T any](to io.Writer, head string, rows []T, row func(T) string) {
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, r := range rows {
		fmt.Fprintln(w, row(r))
	}
	_ = w.Flush() // a broken standard output is nobody's to report to
}

// tell sums up, and shows what was said about each bug that was not caught.
func tell(to io.Writer, results []result) {
	count, last := 0, ""
	for _, r := range results {
		if r.Verdict == caught {
			count++
			continue
		}
		said := strings.ReplaceAll(strings.TrimSpace(r.Said), "\n", "\n  ")
		if said == last { // one package that does not build is not told twenty times
			said = "as above"
		} else {
			last = said
		}
		fmt.Fprintf(to, "\n%s %s: %s\n  in %s\n  %s\n", r.Verdict, r.Name, r.Wrong, r.File, said)
	}
	fmt.Fprintf(to, "\n%d of %d planted bugs caught\n", count, len(results))
}
