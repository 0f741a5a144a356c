package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"cloudcashier/firmware-sim/board"
	"cloudcashier/firmware-sim/script"
	"cloudcashier/firmware-sim/speaker"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// waitLongest bounds a wait of a script: what has not come by then does not come.
const waitLongest = time.Minute

// readScript reads a script's file; no file is no steps.
func readScript(file string) ([]script.Step, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, wrongUse{fmt.Errorf("read the script: %w", err)}
	}
	steps, err := script.Parse(string(text))
	if err != nil {
		return nil, wrongUse{fmt.Errorf("%s: %w", file, err)}
	}
	if len(steps) == 0 {
		return nil, wrongUse{fmt.Errorf("%s: nothing happens in it", file)}
	}
	return steps, nil
}

// script plays what the control door is sent.
func (b *tillBoard) script(r *http.Request, body []byte) (any, error) {
	steps, err := script.Parse(string(body))
	if err != nil {
		return nil, err
	}
	if err := b.play(r.Context(), steps); err != nil {
		return nil, err
	}
	return map[string]int{"done": len(steps)}, nil
}

// obey plays the lines of standard input as they come, until ctx ends. A line that fails is told, and the
// next is played all the same.
func (b *tillBoard) obey(ctx context.Context, stdin io.Reader) error {
	lines := make(chan string)
	// A read of standard input cannot be called off: this goroutine stays in it until the process ends.
	go func() {
		input := bufio.NewScanner(stdin)
		input.Buffer(nil, lineMax)
		for input.Scan() {
			select {
			case lines <- input.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-lines:
			steps, err := script.Parse(line)
			if err == nil {
				err = b.play(ctx, steps)
			}
			if err != nil {
				b.log.Error("not done", logs.Err, err)
			}
		}
	}
}

// play lets the steps of a script happen, one script at a time.
func (b *tillBoard) play(ctx context.Context, steps []script.Step) error {
	if !b.playing.TryLock() {
		return fault.New(fault.Conflict, "script.busy", "another script is being played: wait for its end")
	}
	defer b.playing.Unlock()
	for _, s := range steps {
		if err := b.do(ctx, s); err != nil {
			return fault.Wrap(err, fault.KindOf(err), "script.step", "line %d: %s", s.Line, fault.MessageOf(err))
		}
	}
	return nil
}

// do lets one thing happen.
func (b *tillBoard) do(ctx context.Context, s script.Step) error {
	switch s.Verb {
	case script.Scan:
		return scan(b.scanner, b.log, s.Text)
	case script.Noise:
		return b.scanner.SetNoise(s.N)
	case script.PaperAfter:
		b.printer.PaperAfter(s.N)
	case script.PaperLow:
		b.printer.NearEnd(true)
	case script.PaperIn:
		b.printer.Refill()
	case script.CoverOpen, script.CoverClose:
		b.printer.Cover(s.Verb == script.CoverOpen)
	case script.DrawerClose:
		b.printer.CloseDrawer()
	case script.Stick, script.Free:
		b.display.Stick(s.Verb == script.Stick)
	case script.Plug, script.Unplug:
		return b.plug(s.Text, s.Verb == script.Plug)
	case script.Sleep:
		rest := time.NewTimer(s.For)
		defer rest.Stop()
		select {
		case <-rest.C:
		case <-ctx.Done():
			return stopped()
		}
	default:
		return b.wait(ctx, s)
	}
	return nil
}

func stopped() error {
	return fault.New(fault.Unavailable, "script.stopped", "the script was stopped before its end")
}

// plug puts a device in or pulls it out. What is as wanted stays so.
func (b *tillBoard) plug(device string, in bool) error {
	move := func(out, back func() error, plugged bool) error {
		switch {
		case in && !plugged:
			return back()
		case !in:
			return out()
		}
		return nil
	}
	switch device {
	case "scanner":
		return move(b.scanner.Unplug, b.scanner.Replug, b.scanner.State().Plugged)
	case "printer":
		return move(b.printer.Unplug, b.printer.Replug, b.printer.State().Plugged)
	case "display":
		return move(b.display.Unplug, b.display.Replug, b.display.State().Plugged)
	}
	b.speaker.Plug(in)
	return nil
}

// wait waits for something, counted from what the last wait for the same has seen.
func (b *tillBoard) wait(ctx context.Context, s script.Step) error {
	ctx, cancel := context.WithTimeout(ctx, waitLongest)
	defer cancel()
	came := false
	switch s.Verb {
	case script.WaitPrinted:
		b.printed += s.N
		came = b.printer.Await(ctx, func(p board.PrinterState) bool { return len(p.Slips) >= b.printed })
	case script.WaitDrawer:
		b.pulses += s.N
		came = b.printer.Await(ctx, func(p board.PrinterState) bool { return p.Pulses >= b.pulses })
	case script.WaitSpoken:
		b.spoken += s.N
		came = b.speaker.Await(ctx, func(p speaker.State) bool { return p.Total >= b.spoken })
	case script.WaitShown:
		came = b.display.Await(ctx, func(d board.DisplayState) bool { return d.Shows(s.Text) })
	}
	if !came {
		return fault.New(fault.Unavailable, "script.in_vain", "%s: it did not come", s.Verb)
	}
	return nil
}
