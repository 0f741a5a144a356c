// Command bench measures the real programs under load and prints each figure with its limit beside it, and
// beside both what this machine's disk does in the same run.
//
// It refuses to be compared over machines or days: what holds are ratios within one run, and the counts of
// what was lost, which are zero. Newcomers get one thing wrong: everything here shares two processors, also
// the customers, the wallets and the tills.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/counter"
	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/rig"
	"cloudcashier/scripts/internal/signrate"
)

// longest bounds each measurement.
const longest = 10 * time.Minute

// serveTen is the one argument that makes this program the talk's web server.
const serveTen = "serve-ten-bytes"

// measurement is one table.
type measurement struct {
	name, title string
	run         func(context.Context, *rig.Rig) (rows []load.Row, differences []string, err error)
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == serveTen { // the talk's server, in a process of its own
		if err := signrate.ServeTen(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench: web server:", err)
			os.Exit(1)
		}
		return
	}
	var bin, only string
	var d load.Drain
	var s load.Storm
	flag.StringVar(&bin, "bin", "bin", "folder of the built programs")
	flag.StringVar(&only, "only", "", "talk, signing, gateway, agent, drain, hang or storm (all)")
	flag.IntVar(&d.Records, "records", 10_000, "cash sales a till takes while its line is cut")
	flag.IntVar(&d.Others, "others", 50, "other tills")
	flag.IntVar(&d.Rate, "rate", 100, "sales a second of the other tills, all together")
	flag.DurationVar(&d.Calm, "calm", 5*time.Second, "how long is measured without the drain")
	flag.IntVar(&s.Tills, "tills", 2000, "tills in the reconnect storm")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	s.Rate, s.Steady, s.Calm = d.Rate, 5*time.Second, 50*time.Second
	all := []measurement{
		{"talk", "the talk's tables, made again", func(ctx context.Context, _ *rig.Rig) ([]load.Row, []string, error) {
			self, err := os.Executable()
			if err != nil {
				return nil, nil, err
			}
			out, err := signrate.Talk{Users: 10, Anew: 2000, Kept: 10_000, Times: 1000, Serve: self, ServeArg: serveTen}.Run(ctx)
			return out.Table(), nil, err
		}},
		{"signing", "signing for wallets", func(ctx context.Context, r *rig.Rig) ([]load.Row, []string, error) {
			out, err := signrate.Signing{Rounds: 3, Each: 150 * time.Millisecond}.Run(ctx, r.Dir)
			return out.Table(), nil, err
		}},
		{"gateway", "merchants at the API; customers, hub and wallets in a process each", func(ctx context.Context, r *rig.Rig) ([]load.Row, []string, error) {
			out, err := counter.Gateway{Alone: 1500 * time.Millisecond, Full: 3 * time.Second, Open: 3 * time.Second, Callers: 64}.Run(ctx, r)
			return out.Table(), out.Differences, err
		}},
		agent,
		{"drain", "an offline till comes back while others sell", func(ctx context.Context, r *rig.Rig) ([]load.Row, []string, error) {
			out, err := d.Run(ctx, r)
			return out.Table(), out.Differences, err
		}},
		{"storm", "reconnect storm", func(ctx context.Context, r *rig.Rig) ([]load.Row, []string, error) {
			w, err := s.Run(ctx, r)
			return w.Rows(), w.Differences, err
		}},
		{"hang", "one channel hangs for ever, at 50 payments a second of each wallet", func(ctx context.Context, r *rig.Rig) ([]load.Row, []string, error) {
			out, err := load.Hang{Rate: 50, Span: 20 * time.Second, Fill: 20 * time.Second}.Run(ctx, r)
			return out.Table(), out.Differences, err
		}},
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	missed := false
	for _, m := range all {
		if only != "" && only != m.name {
			continue
		}
		bad, err := measure(ctx, m, bin)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", m.name, err)
			os.Exit(1)
		}
		missed = missed || bad
	}
	if missed {
		os.Exit(1)
	}
}

// measure runs one measurement in a folder of its own.
func measure(ctx context.Context, m measurement, bin string) (missed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return false, err
	}
	r, err := rig.New(dir, bin)
	if err != nil {
		return false, err
	}
	defer r.Close()
	rows, differences, err := m.run(ctx, r)
	if err != nil {
		return false, fmt.Errorf("%w; the logs are kept in %s", err, dir)
	}
	load.Print(os.Stdout, m.title, rows)
	if len(differences) > 0 {
		fmt.Println("  " + strings.Join(differences, "\n  "))
	}
	if load.Missed(rows) {
		fmt.Println("  a limit was missed; the logs are kept in", dir)
		return true, nil
	}
	r.Close()
	return false, os.RemoveAll(dir)
}
