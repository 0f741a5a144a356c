package powercut

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// Fault makes one system call on a database go wrong.
type Fault struct {
	Call string // pwrite64, fsync, ftruncate, open, unlink
	How  string // an error's name, or KILL: the process dies as it enters the call
	N    int    // the how manieth of its kind since the start, over all threads
}

func (f Fault) String() string { return fmt.Sprintf("%s-%s-%d", f.Call, f.How, f.N) }

// arm has the next program on a data folder run with the fault; [disarm] ends that.
//
// The calls are counted by a library loaded before libc, not by strace: strace counts in each thread, and a
// program's commits move between threads, so that the sync of a later one is out of its reach.
func (b bench) arm(data, db string, f Fault) error {
	if err := os.Remove(data + ".hit"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := fmt.Sprintf("export LD_PRELOAD='%s' FAULT='%s %s %d' FAULT_DB='%s' FAULT_HIT='%s'\n",
		b.preload, f.Call, f.How, f.N, filepath.Join(data, db), data+".hit")
	return os.WriteFile(data+".fault", []byte(text), 0o600)
}

func disarm(data string) error { return os.Remove(data + ".fault") }

// Hit is what came of a fault.
type Hit struct {
	Fault
	Was    bool   // the fault happened
	File   string // it hit
	Ended  bool   // the process ended before it was asked to
	Said   string // what it said then
	Wrongs []string
}

func (h *Hit) wrong(format string, args ...any) {
	h.Wrongs = append(h.Wrongs, fmt.Sprintf(format, args...))
}

// read finds out whether the fault happened, and where.
func (h *Hit) read(data string) error {
	text, err := os.ReadFile(data + ".hit")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, h.File, h.Was = strings.Cut(strings.TrimSpace(string(text)), " ")
	return err
}

// judgeEnd checks how the process took the fault. A write or a sync of the log that fails is a record in doubt:
// the process must end by itself, and say what to do.
func (h *Hit) judgeEnd() {
	if !h.Was && h.Ended {
		h.wrong("ended without having been hit: %s", h.Said)
	}
	if !h.Was || h.How == "KILL" {
		return
	}
	if !h.Ended && strings.HasSuffix(h.File, "-wal") && (h.Call == "pwrite64" || h.Call == "fsync") {
		h.wrong("went on after %s of the log failed with %s", h.Call, h.How)
	}
	if !h.Ended {
		return
	}
	if strings.Contains(h.Said, "panic") || strings.Contains(h.Said, "goroutine ") {
		h.wrong("crashed: %s", h.Said)
	}
	for _, advice := range []string{"start again", "writable", "damaged", "free some space"} {
		if strings.Contains(h.Said, advice) {
			return
		}
	}
	h.wrong("ended without saying what to do: %s", h.Said)
}

// ended reports a process that is gone.
func ended(p *rig.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// complaint is the end of what a process said.
func complaint(p *rig.Process) string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-1500):])
}

// bench is where faults are tried. Each hub has wallets of its own: two that open accounts at the same ones take
// each other's keys.
type bench struct {
	rig     *rig.Rig
	preload string
}

// patience bounds one program's start or one sale under a fault; nothing is concluded from it but that it hangs.
const patience = 30 * time.Second

// tryAgent makes one sale at the till under the fault, starts the agent again without it, and sees the sale through.
func (b bench) tryAgent(ctx context.Context, lab *rig.Lab, till *rig.Till, f Fault) (h Hit, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	h.Fault = f
	if err := b.arm(till.Data, "journal.db", f); err != nil {
		return h, err
	}
	if err := till.Launch(); err != nil {
		return h, err
	}
	code, err := lab.Code(ctx, pay.WeChat, "00")
	if err != nil {
		return h, err
	}
	order := f.String()
	var told []localapi.Sale
	accepted := false
	err = rig.Await(ctx, "the sale is settled or the agent gone", func() (bool, error) {
		if ended(till.Agent) {
			return true, nil
		}
		sale, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 100, OrderNo: order, Code: code})
		if err == nil {
			accepted = true
			told = append(told, sale)
		}
		return err == nil && rig.Settled(sale), err
	})
	if err != nil {
		h.wrong("hangs: %v", err)
	}
	if h.Ended = settledEnd(ctx, till.Agent); h.Ended {
		h.Said = complaint(till.Agent)
	}
	till.Agent.Kill()
	if err := errors.Join(h.read(till.Data), disarm(till.Data)); err != nil {
		return h, err
	}
	h.judgeEnd()
	if err := till.Open(ctx); err != nil {
		h.wrong("does not start again: %v", err)
		return h, nil
	}
	defer till.Agent.Kill()
	h.after(ctx, till, order, code, accepted, told)
	return h, nil
}

// settledEnd reports whether the process ended by itself. One that has been answered may still be about to: its
// answer and its end race, so it is given the time of a few status questions.
func settledEnd(ctx context.Context, p *rig.Process) bool {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	select {
	case <-p.Done():
		return true
	case <-ctx.Done():
		return false
	}
}

// after compares what was told under the fault with what is true after it.
func (h *Hit) after(ctx context.Context, till *rig.Till, order, code string, accepted bool, told []localapi.Sale) {
	list, err := till.Client.Sales(ctx, 1000)
	if err != nil {
		h.wrong("cannot list sales: %v", err)
		return
	}
	var now localapi.Sale
	for _, s := range list {
		if s.OrderNo == order {
			now = s
			break
		}
	}
	if now.ID == "" {
		if accepted {
			h.wrong("sale %s of order %s was answered and is gone", told[0].ID, order)
		}
		// Never stored: the cashier may sell again with the very same request.
		if now, err = till.Client.NewSale(ctx, localapi.NewSale{Amount: 100, OrderNo: order, Code: code}); err != nil {
			h.wrong("the sale that was never stored cannot be made: %v", err)
			return
		}
	}
	if now, err = till.AwaitSale(ctx, now.ID, "the sale is settled", rig.Settled); err != nil {
		h.wrong("%v", err)
		return
	}
	for _, s := range told {
		if s.ID != now.ID || s.Outcome != pay.Unknown && s.Outcome != now.Outcome {
			h.wrong("sale %s was shown %s, and %s is %s", s.ID, s.Outcome, now.ID, now.Outcome)
		}
	}
}

// tryHub makes one payment at the hub under the fault, starts it again without, and sees the payment through.
func (b bench) tryHub(ctx context.Context, data, sandbox string, f Fault) (h Hit, lab *rig.Lab, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	h.Fault = f
	if err := b.arm(data, "hub.db", f); err != nil {
		return h, nil, err
	}
	order, code := f.String(), ""
	var told []rig.Payment
	hub, started := b.rig.StartLab(ctx, data, "--sandbox", sandbox)
	if started != nil {
		h.Ended, h.Said = true, started.Error()
	} else {
		if code, err = hub.Code(ctx, pay.Alipay, "00"); err != nil {
			return h, nil, err
		}
		err := rig.Await(ctx, "the payment is settled or the hub gone", func() (bool, error) {
			if ended(hub.Process) {
				return true, nil
			}
			p, err := hub.Pay(ctx, order, 200, code, 5*time.Second)
			if err == nil {
				told = append(told, p)
			}
			return err == nil && p.Outcome != pay.Unknown, err
		})
		if err != nil {
			h.wrong("hangs: %v", err)
		}
		if h.Ended = settledEnd(ctx, hub.Process); h.Ended {
			h.Said = complaint(hub.Process)
		}
		hub.Process.Kill()
	}
	if err := errors.Join(h.read(data), disarm(data)); err != nil {
		return h, nil, err
	}
	h.judgeEnd()
	if lab, err = b.rig.StartLab(ctx, data, "--sandbox", sandbox); err != nil {
		h.wrong("does not start again: %v", err)
		return h, nil, nil
	}
	if code == "" {
		if code, err = lab.Code(ctx, pay.Alipay, "00"); err != nil {
			return h, lab, err
		}
	}
	h.afterHub(ctx, lab, order, code, told)
	return h, lab, nil
}

func (h *Hit) afterHub(ctx context.Context, lab *rig.Lab, order, code string, told []rig.Payment) {
	// The very same request. One that died between its record and its call is asked about until the wallet's word
	// is proof, which takes a minute: unknown is an answer here, and the books are compared at the end.
	p, err := lab.Pay(ctx, order, 200, code, time.Second)
	if err != nil {
		h.wrong("the same request again: %v (%s)", err, fault.MessageOf(err))
		return
	}
	for _, t := range told {
		if t.ID != p.ID || t.Outcome != pay.Unknown && t.Outcome != p.Outcome {
			h.wrong("payment %s was told %s, and %s is %s", t.ID, t.Outcome, p.ID, p.Outcome)
		}
	}
}
