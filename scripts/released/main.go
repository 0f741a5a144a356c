// Command released runs what a release holds: each program's version, the till's doctor, and a sale from a
// pretended scanner over the hub to a pretended wallet and back, on foreign processors through an emulator.
//
// It refuses to time anything: an emulated processor tells nothing about a real one. Newcomers get one thing wrong:
// that a program runs in the emulator proves its code and its alignment, not the board's C library or kernel.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// emulators are Debian's qemu-user-static, and where the cross compilers have the C library of the hub.
var emulators = map[string]struct{ native, program, library string }{
	"amd64": {"amd64", "qemu-x86_64-static", "/"},
	"arm64": {"arm64", "qemu-aarch64-static", "/usr/aarch64-linux-gnu"},
	"armv7": {"", "qemu-arm-static", "/usr/arm-linux-gnueabihf"},
}

// longest is for an emulator on a busy machine.
const longest = 5 * time.Minute

func main() {
	var bin, arch, version string
	flag.StringVar(&bin, "bin", "", "folder of the released programs")
	flag.StringVar(&arch, "arch", runtime.GOARCH, "amd64, arm64 or armv7")
	flag.StringVar(&version, "version", "", "what the programs must say they are")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	if err := run(ctx, bin, arch, version); err != nil {
		fmt.Fprintf(os.Stderr, "released: %s: %v\n", arch, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, arch, version string) error {
	dir, err := os.MkdirTemp("", "released-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	wrapped, how, err := wrap(bin, arch, filepath.Join(dir, "bin"))
	if err != nil {
		return err
	}
	r, err := rig.New(dir, wrapped)
	if err != nil {
		return err
	}
	defer r.Close()
	for program, ask := range map[string]string{"cashier-agent": "version", "cashier-hub": "--version"} {
		out, _, err := r.Run(ctx, program, ask)
		if err != nil {
			return err
		}
		if got := strings.TrimSpace(string(out)); version != "" && !strings.HasSuffix(got, version) {
			return fmt.Errorf("%s says it is %q, and not %q", program, got, version)
		}
	}
	wallets, err := r.StartSandbox(ctx, filepath.Join(dir, "wallets")) // by us: an emulated program cannot start another
	if err != nil {
		return err
	}
	lab, err := r.StartLab(ctx, filepath.Join(dir, "hub"), "--sandbox", wallets)
	if err != nil {
		return err
	}
	till, err := r.Activate(ctx, lab, "till")
	if err != nil {
		return err
	}
	if err := till.PlugScanner(ctx); err != nil {
		return err
	}
	if err := till.Open(ctx); err != nil {
		return err
	}
	for _, wallet := range []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay} {
		code, err := lab.Code(ctx, wallet, "00")
		if err != nil {
			return err
		}
		sale, err := till.Sell(ctx, 1280, code)
		if err != nil {
			return err
		}
		if sale.Outcome != pay.Paid {
			return fmt.Errorf("a sale by %s ended as %s: %s", wallet, sale.State, sale.Message)
		}
	}
	if _, _, err := r.Run(ctx, "cashier-agent", "doctor", "--data", till.Data); err != nil {
		return fmt.Errorf("the doctor: %w", err)
	}
	if err := errors.Join(till.Agent.Stop(), lab.Process.Stop()); err != nil {
		return err
	}
	fmt.Printf("released: %s: versions, three sales and the doctor are well (%s)\n", arch, how)
	return nil
}

// wrap makes programs that this machine can start of those in bin.
func wrap(bin, arch, into string) (folder, how string, err error) {
	if bin, err = filepath.Abs(bin); err != nil {
		return "", "", err
	}
	e, ok := emulators[arch]
	if !ok {
		return "", "", fmt.Errorf("there is no emulator for it here")
	}
	if e.native == runtime.GOARCH {
		return bin, "on this processor", nil
	}
	if err := os.MkdirAll(into, 0o700); err != nil {
		return "", "", err
	}
	for _, name := range []string{"cashier-agent", "cashier-tui", "cashier-hub", "firmware-sim"} {
		script := fmt.Sprintf("#!/bin/sh\nexec %s -L %s '%s' \"$@\"\n", e.program, e.library, filepath.Join(bin, name))
		if err := os.WriteFile(filepath.Join(into, name), []byte(script), 0o700); err != nil {
			return "", "", err
		}
	}
	return into, e.program, nil
}
