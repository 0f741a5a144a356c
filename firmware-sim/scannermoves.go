package main

import (
	"context"
	"encoding/hex"
	"flag"
	"log/slog"
	"strings"
	"time"

	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// stickEvery is how often a gun with a stuck trigger reads, when nobody says.
const stickEvery = 100 * time.Millisecond

// moreScannerFlags are those of a make.
func moreScannerFlags(set *flag.FlagSet, o *board.Options) {
	set.Func("dialect", "the `make` whose commands it obeys: honeywell, ssi, datalogic, newland or box", func(s string) error {
		o.Dialect = board.Dialect(s)
		return nil
	})
	set.BoolVar(&o.HostTrigger, "host-trigger", false, "read only when the host has triggered it, once each time")
	set.IntVar(&o.BadSum, "bad-sum", 0, "ssi: of 1000 packets, how many have a wrong checksum (`0 to 1000`)")
	set.DurationVar(&o.AckWait, "ack-wait", 0, "ssi: `time` to wait for the host before a packet is repeated (2s when 0)")
}

// isOrder tells an order from a code: "!unplug" is one, "!!x" is the code "!x".
func isOrder(line string) (order string, is bool) {
	order, is = strings.CutPrefix(line, "!")
	return order, is && !strings.HasPrefix(order, "!")
}

// move does what a person or a fault does to a scanner.
func move(ctx context.Context, device *board.Scanner, log *slog.Logger, order string) error {
	words := strings.Fields(order)
	word := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	log.Info("scanner moved", "order", word(0)) // the rest may be a code
	switch word(0) {
	case "unplug":
		return device.Unplug()
	case "replug":
		return device.Replug()
	case "noread":
		return device.Fail()
	case "free":
		device.Free()
		return nil
	case "half":
		return device.Half(word(1))
	case "raw":
		raw, err := hex.DecodeString(word(1))
		if err != nil {
			return fault.New(fault.Invalid, "scanner.raw", "raw takes bytes in hexadecimal: raw 02313203")
		}
		return device.Write(raw)
	case "stick":
		every, err := span(word(2), stickEvery)
		if err == nil && word(1) != "" {
			go stick(device, log, word(1), every)
		}
		return err
	case "pause":
		d, err := span(word(1), time.Second)
		if err != nil {
			return err
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return nil
	}
	return fault.New(fault.Invalid, "scanner.order", "there is no %q: see firmware-sim scanner --help", word(0))
}

// stick lasts until the trigger is freed, the plug is pulled, or the device closes.
func stick(device *board.Scanner, log *slog.Logger, code string, every time.Duration) {
	if err := device.Stick(code, every); err != nil {
		log.Info("stuck no more", logs.Err, err)
	}
}

func span(text string, usual time.Duration) (time.Duration, error) {
	if text == "" {
		return usual, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > time.Hour {
		return 0, fault.New(fault.Invalid, "scanner.time", "%q is no time such as 100ms or 2s", text)
	}
	return d, nil
}
