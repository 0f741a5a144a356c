// Command keyscan looks for the wallets' keys where they must not be: in the memory of a hub under load whose keys are in a
// token, and in the database, its log of writes, logs, exports, metrics and backups of one that keeps them sealed.
//
// It refuses a search that cannot find: a key that is planted in a file, and one that signs in the memory of a hub, must
// be found, or nothing was proven. Newcomers get one thing wrong: the hub closes its memory to its own user. Root may
// read it; everybody else must have traced it from its start, which this program then does (with strace).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/rig"
)

// longest bounds the whole.
const longest = 10 * time.Minute

func main() {
	var bin string
	var span time.Duration
	flag.StringVar(&bin, "bin", "bin", "folder of the built programs")
	flag.DurationVar(&span, "for", 20*time.Second, "how long each hub is under load")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	missed, err := scan(ctx, bin, span)
	if err != nil {
		fmt.Fprintln(os.Stderr, "keyscan:", err)
	}
	if missed || err != nil {
		os.Exit(1)
	}
}

// scan works in a folder of its own, which is kept when something is found.
func scan(ctx context.Context, bin string, span time.Duration) (missed bool, err error) {
	dir, err := os.MkdirTemp("", "keyscan-")
	if err != nil {
		return false, err
	}
	r, err := rig.New(dir, bin)
	if err != nil {
		return false, err
	}
	defer r.Close()
	s := &story{ctx: ctx, rig: r, span: span}
	defer s.close()
	if err := s.run(); err != nil {
		return false, fmt.Errorf("%w; everything is kept in %s", err, dir)
	}
	load.Print(os.Stdout, "keys where they must not be, "+s.how(), s.rows)
	for _, hit := range s.hits {
		fmt.Println("  " + hit)
	}
	if load.Missed(s.rows) {
		fmt.Println("  everything is kept in", dir)
		return true, nil
	}
	s.close()
	r.Close()
	return false, os.RemoveAll(dir)
}
