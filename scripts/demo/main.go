// Command demo shows the product's main job with the real programs: a lab hub, tills with pretended scanners,
// pretended wallets. It tells what it does line by line, then compares what the wallets took with what the hub
// and the tills say, and fails when anything differs.
//
// It needs no keyboard and leaves nothing behind. Newcomers get one thing wrong: nothing in it is canned. The
// programs in bin/ are the ones a shop runs, and they cannot tell that this is a demonstration.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/rig"
)

// longest bounds a demonstration: something hangs when it is not over by then.
const longest = 3 * time.Minute

func main() {
	bin := flag.String("bin", "bin", "folder of the built programs")
	screen := flag.Bool("screen", false, "open the till's screen instead of telling the stories")
	scan := flag.String("scan", "", "have a customer of this wallet pay at the open screen: wechat, alipay or unionpay")
	fate := flag.String("fate", "00", "with -scan: the last two digits of the payment code, which choose its fate")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, *bin, *screen, *scan, *fate)
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin string, screen bool, scan, fate string) error {
	if scan != "" {
		return customer(ctx, bin, scan, fate)
	}
	dir, err := os.MkdirTemp("", "cloud-cashier-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	r, err := rig.New(dir, bin)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if screen {
		err = live(ctx, r, bin)
	} else {
		ctx, cancel := context.WithTimeout(ctx, longest)
		err = tell(ctx, r)
		cancel()
	}
	r.Close()
	if err != nil {
		return fmt.Errorf("%w\nthe programs' logs are kept in %s", err, r.LogDir())
	}
	return os.RemoveAll(dir)
}
