// Command conformance has the wallets' own SDKs do a merchant's day at the sandbox: pay, ask, undo, refund, over TLS and
// with all their own signature checks on. What our hub proves against the sandbox is worth as much as the sandbox is
// true to the wallets; the SDKs are the part of the wallets that can be had.
//
// It refuses to believe either side: a byte of every answer's signed part is changed on the way, one at a time, and the
// SDK must refuse each; a byte of every request, and the sandbox must refuse it with the wallet's own code. At the end
// the sandbox's ledger must say, to the fen, what the SDKs' answers said.
//
// Newcomers get one thing wrong: the SDKs are not ours to mend. Where one does not get on with the sandbox, the sandbox
// is wrong, and gets a Go test beside the mending; this command needs Node and the npm registry, and `make test` does not.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/rig"
)

// longest bounds a run. WeChat wants a minute between two refunds of an order, so a run takes more than one.
const longest = 10 * time.Minute

func main() {
	bin := flag.String("bin", "bin", "folder of the built programs; the SDKs go into a folder beside them")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*bin); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(bin string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	kit, err := install(ctx, filepath.Join(bin, "conformance"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return err
	}
	r, err := rig.New(dir, bin)
	if err != nil {
		return err
	}
	defer r.Close()
	differences, err := kit.day(ctx, r)
	if err != nil {
		return fmt.Errorf("%w; the logs are kept in %s", err, dir)
	}
	for _, d := range differences {
		fmt.Println("  DIFFERENCE:", d)
	}
	if len(differences) > 0 {
		return fmt.Errorf("%d differences between the sandbox and what the SDKs expect of the wallets; the logs are kept in %s", len(differences), dir)
	}
	r.Close()
	return os.RemoveAll(dir)
}

// day runs the SDKs through everything at a fresh sandbox and says what was not as it should be.
func (k kit) day(ctx context.Context, r *rig.Rig) ([]string, error) {
	url, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "sandbox"))
	if err != nil {
		return nil, err
	}
	w := wallets{url: url}
	key, err := w.register(ctx, "Conformance")
	if err != nil {
		return nil, err
	}
	others, err := w.others(ctx)
	if err != nil {
		return nil, err
	}
	p := plan{Sandbox: url, Account: w.account, AlipayKey: key, Liar: map[string]string{}, Others: others}
	trusted := w.account.CA
	for _, x := range []struct {
		name   string
		strike strikes
	}{{"wechat", wechatStrikes}, {"wechatv3", wechatv3Strikes}, {"alipay", alipayStrikes}} {
		l, err := newLiar(w, x.strike)
		if err != nil {
			return nil, err
		}
		defer l.close()
		p.Liar[x.name], trusted = l.url, trusted+l.authority
	}
	began := time.Now()
	stranger, err := k.stranger(ctx, p)
	if err != nil {
		return nil, err
	}
	said, err := k.speak(ctx, r, p, trusted)
	if err != nil {
		return nil, err
	}
	said.rows = append(stranger, said.rows...)
	slices.SortStableFunc(said.rows, func(a, b row) int { return strings.Compare(a.SDK, b.SDK) })
	table(os.Stdout, said)
	booked, err := w.ledger(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Printf("\n%d rows in %d s; the sandbox's ledger has %d lines of %d fen in all, the SDKs' answers told of %d\n", len(said.rows),
		int(time.Since(began).Seconds()), len(booked), total(booked), len(said.money))
	return append(append(append(wrong(said.rows), uncovered(said.rows)...), unagreed(said.rows)...), compare(said.money, booked)...), nil
}
