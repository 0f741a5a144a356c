package powercut

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// Fact is something that somebody was told, or that a wallet did: from then on it must be in the records.
type Fact struct {
	Who        string // "till", "api" or "wallet"
	ID         string // of the sale or the payment
	OrderNo    string
	Amount     int64
	State      string // empty: nothing is said about it
	Outcome    pay.Outcome
	OutTradeNo string
}

// Log is what one program did to its folder, and what was said meanwhile.
type Log struct {
	Program string
	Root    string
	DB      string // the database below Root
	Ops     []Op
}

// wrapper runs a program under strace, or with a fault, when a file beside its data folder says how.
const wrapper = `#!/bin/sh
for word; do
	[ "$before" = --data ] && data=$word
	before=$word
done
[ -n "$data" ] && [ -s "$data.fault" ] && . "$data.fault"
if [ -n "$data" ] && [ -s "$data.strace" ]; then
	exec strace $(cat "$data.strace") -- %[1]s "$@"
fi
exec %[1]s "$@"
`

// Stage makes a rig whose programs can be run under strace.
func Stage(dir, bin string) (*rig.Rig, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	staged := filepath.Join(dir, "bin")
	if err := os.MkdirAll(staged, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"cashier-hub", "cashier-agent", "firmware-sim"} {
		text := fmt.Sprintf(wrapper, filepath.Join(bin, name))
		if err := os.WriteFile(filepath.Join(staged, name), []byte(text), 0o700); err != nil {
			return nil, err
		}
	}
	return rig.New(dir, staged)
}

// watch has the next programs that run on a data folder traced with these arguments; none: not traced.
func watch(data string, args ...string) error {
	return os.WriteFile(data+".strace", []byte(strings.Join(args, " ")), 0o600)
}

// recorder runs the workload.
type recorder struct {
	rig   *rig.Rig
	lab   *rig.Lab
	till  *rig.Till
	runs  int
	tills []string // traces of the agent, in order
	owed  []string // sales accepted without the hub
	hubs  []string

	mu    sync.Mutex
	facts []Op // what the hub said, by the driver's clock
}

// Record runs the real programs through a shop's day and gives the logs of agent and hub: the till's activation,
// concurrent sales with every kind of end, both processes killed, sales of stored value without the hub, more sales.
func Record(ctx context.Context, r *rig.Rig, sales int) (agent, hub Log, err error) {
	w := &recorder{rig: r}
	data := filepath.Join(r.Dir, "hub")
	sandbox, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		return agent, hub, err
	}
	open := func() error {
		if err := watch(data, straceLine(w.trace("hub", &w.hubs), "-e", traced)...); err != nil {
			return err
		}
		w.lab, err = r.StartLab(ctx, data, "--sandbox", sandbox)
		return err
	}
	if err := open(); err != nil {
		return agent, hub, err
	}
	if err := w.activate(ctx); err != nil {
		return agent, hub, err
	}
	for part := range 2 {
		if err := w.openTill(ctx); err != nil {
			return agent, hub, err
		}
		if err := w.shift(ctx, part, sales/2); err != nil {
			return agent, hub, err
		}
		if err := w.collected(ctx); err != nil {
			return agent, hub, err
		}
		codes, err := w.stored(ctx)
		if err != nil {
			return agent, hub, err
		}
		if err := w.quiet(ctx); err != nil {
			return agent, hub, err
		}
		w.till.Agent.Kill()
		w.lab.Process.Kill()
		if part == 0 {
			if err := w.alone(ctx, codes); err != nil {
				return agent, hub, err
			}
			if err := open(); err != nil {
				return agent, hub, err
			}
		}
	}
	if err := w.charged(ctx); err != nil {
		return agent, hub, err
	}
	return w.logs()
}

func (w *recorder) trace(who string, list *[]string) string {
	w.runs++
	path := filepath.Join(w.rig.Dir, fmt.Sprintf("%s.%d.trace", who, w.runs))
	*list = append(*list, path)
	return path
}

func (w *recorder) activate(ctx context.Context) (err error) {
	data := filepath.Join(w.rig.Dir, "till")
	if err := watch(data, straceLine(w.trace("till", &w.tills), "-e", traced)...); err != nil {
		return err
	}
	w.till, err = w.rig.Activate(ctx, w.lab, "till")
	return err
}

func (w *recorder) openTill(ctx context.Context) error {
	if err := watch(w.till.Data, straceLine(w.trace("till", &w.tills), "-e", traced)...); err != nil {
		return err
	}
	return w.till.Open(ctx)
}

// quiet waits until the traces do not grow any more: of a call that a kill cuts off nobody knows what it did.
func (w *recorder) quiet(ctx context.Context) error {
	const enough = 10 // looks in a row, 20 ms apart
	var before int64
	same := 0
	return rig.Await(ctx, "the programs are quiet", func() (bool, error) {
		var size int64
		for _, path := range append(slices.Clone(w.tills), w.hubs...) {
			info, err := os.Stat(path)
			if err != nil {
				return false, err
			}
			size += info.Size()
		}
		if same++; size != before {
			same = 0
		}
		before = size
		return same >= enough, errors.New("they still write")
	})
}

// fates are how the sales end, most of them paid at once, the others declined. The slow ones are seen by the
// fault runs: here they would only make the recording long.
var fates = []string{"00", "07", "00", "50", "12", "33", "00", "49", "21", "51"}

// shift sells at the till from several hands at once while a merchant asks for payments one after the other, and
// somebody reads the till's events.
func (w *recorder) shift(ctx context.Context, part, sales int) error {
	stream, stop := context.WithCancel(ctx)
	defer stop()
	var reading sync.WaitGroup
	reading.Go(func() { _ = w.till.Client.Events(stream, func(localapi.Event) {}) }) // its words are in the trace
	defer reading.Wait()
	defer stop()
	const hands = 3
	errs := make([]error, hands+1)
	var all sync.WaitGroup
	for hand := range hands {
		all.Go(func() {
			for i := hand; i < sales && errs[hand] == nil; i += hands {
				errs[hand] = w.sell(ctx, fmt.Sprintf("till-%d-%d", part, i), int64(100+i), i)
			}
		})
	}
	all.Go(func() {
		for i := 0; i < sales/3 && errs[hands] == nil; i++ {
			errs[hands] = w.collect(ctx, fmt.Sprintf("api-%d-%d", part, i), int64(500+i), i)
		}
	})
	all.Wait()
	return errors.Join(errs...)
}

func (w *recorder) sell(ctx context.Context, order string, amount int64, i int) error {
	code, err := w.lab.Code(ctx, []pay.Wallet{pay.WeChat, pay.Alipay}[i%2], fates[i%len(fates)])
	if err != nil {
		return err
	}
	sale, err := w.till.Client.NewSale(ctx, localapi.NewSale{Amount: amount, OrderNo: order, Code: code})
	if err != nil {
		return err
	}
	_, err = w.till.AwaitSale(ctx, sale.ID, "the sale is settled", rig.Settled)
	return err
}

func (w *recorder) collect(ctx context.Context, order string, amount int64, i int) error {
	code, err := w.lab.Code(ctx, []pay.Wallet{pay.Alipay, pay.WeChat}[i%2], fates[i%len(fates)])
	if err != nil {
		return err
	}
	p, err := w.lab.Pay(ctx, order, amount, code, 10*time.Second)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.facts = append(w.facts, Op{Kind: Known, At: time.Now().UnixNano(), Fact: Fact{Who: "api", ID: p.ID, OrderNo: p.OrderNo,
		Amount: p.Amount, State: string(p.Status), Outcome: p.Outcome}})
	return nil
}

// charged adds what the wallets' own ledger knows: a charge means that till and hub had their records before.
func (w *recorder) charged(ctx context.Context) error {
	entries, err := w.lab.Ledger(ctx)
	if err != nil {
		return err
	}
	if err := watch(w.lab.Data); err != nil { // the export is not part of the log
		return err
	}
	payments, err := w.lab.Payments(ctx)
	if err != nil {
		return err
	}
	orders := map[string]rig.Record{}
	for _, p := range payments {
		orders[p.OutTradeNo] = p
	}
	for _, e := range entries {
		if p := orders[e.OutTradeNo]; e.Kind == "charge" {
			// The ledger's clock may be cut to the millisecond: a later moment is the safe one.
			w.facts = append(w.facts, Op{Kind: Known, At: e.At.Add(2 * time.Millisecond).UnixNano(),
				Fact: Fact{Who: "wallet", OrderNo: p.OrderNo, OutTradeNo: e.OutTradeNo, Amount: e.Amount, Outcome: pay.Unknown}})
		}
	}
	return nil
}

// logs reads the traces and puts what was said where it was said.
func (w *recorder) logs() (agent, hub Log, err error) {
	agent = Log{Program: "agent", Root: w.till.Data, DB: "journal.db"}
	hub = Log{Program: "hub", Root: w.lab.Data, DB: "hub.db"}
	if err := agent.read(w.tills); err != nil {
		return agent, hub, err
	}
	if err := hub.read(w.hubs); err != nil {
		return agent, hub, err
	}
	var shown []Op // to the cashier, about the hub's payments
	for i, op := range agent.Ops {
		if op.Kind != Said || !strings.HasPrefix(op.Path, "UNIX") {
			continue
		}
		for _, s := range heard(op.Data) {
			known := Op{Kind: Known, At: op.At, Fact: Fact{Who: "till", ID: s.ID, OrderNo: s.OrderNo, Amount: s.Amount,
				State: string(s.State), Outcome: s.Outcome}}
			agent.Ops[i] = known
			if s.Outcome != pay.Unknown && s.PaymentID != "" {
				known.Fact.ID, known.Fact.State = s.PaymentID, ""
				shown = append(shown, known)
			}
		}
	}
	api := strings.TrimPrefix(w.lab.API, "https://")
	for i := range w.facts {
		if f := &w.facts[i]; f.Fact.Who == "api" {
			f.At = hub.answered(api, f.At)
		}
	}
	hub.merge(append(shown, w.facts...))
	agent.merge(slices.DeleteFunc(w.facts, func(op Op) bool { return op.Fact.Who != "wallet" || !strings.HasPrefix(op.Fact.OrderNo, "till") }))
	return agent, hub, errors.Join(agent.checkAgainst(), hub.checkAgainst())
}

// answered is the moment the hub wrote the answer that the merchant had at a time: the last bytes it sent from
// the API's door before. One call at a time is made there.
func (l *Log) answered(api string, got int64) (at int64) {
	at = got
	for _, op := range l.Ops {
		if op.At > got {
			break
		}
		if op.Kind == Said && strings.HasPrefix(op.Path, "TCP:["+api+"->") {
			at = op.At
		}
	}
	return at
}

func (l *Log) read(traces []string) error {
	for _, path := range traces {
		ops, err := ReadTrace(path, l.Root)
		if err != nil {
			return err
		}
		for i := range ops { // calls are numbered in each trace
			ops[i].Call += len(l.Ops) + 1
		}
		l.Ops = append(l.Ops, ops...)
	}
	return nil
}

// merge puts facts among the operations by their time, each after what happened until then.
func (l *Log) merge(facts []Op) {
	l.Ops = append(slices.DeleteFunc(l.Ops, func(op Op) bool { return op.Kind == Said }), facts...)
	slices.SortStableFunc(l.Ops, func(a, b Op) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return 0
	})
	said := map[Fact]bool{} // the first time counts
	l.Ops = slices.DeleteFunc(l.Ops, func(op Op) bool {
		again := op.Kind == Known && said[op.Fact]
		said[op.Fact] = true
		return again
	})
}

// heard finds the sales in what the agent wrote to a socket: an answer, or an event of the stream.
func heard(data []byte) []localapi.Sale {
	var found []localapi.Sale
	for _, line := range bytes.Split(data, []byte("\n")) {
		line = bytes.TrimPrefix(line, []byte("data: "))
		if !bytes.HasPrefix(line, []byte("{")) {
			continue
		}
		var any struct {
			localapi.Sale
			Inner *localapi.Sale  `json:"sale"`
			List  []localapi.Sale `json:"sales"`
		}
		if json.Unmarshal(line, &any) != nil {
			continue
		}
		for _, s := range append(any.List, any.Sale) {
			if s.ID != "" && s.State != "" {
				found = append(found, s)
			}
		}
		if any.Inner != nil {
			found = append(found, *any.Inner)
		}
	}
	return found
}

// checkAgainst compares the log, followed to its end, with the folder as it is: a log that misses anything
// would make every image wrong.
func (l *Log) checkAgainst() error {
	d := newDisk(Ordered, l.Root)
	for _, op := range l.Ops {
		if err := d.do(op); err != nil {
			return fmt.Errorf("%s: %w", l.Program, err)
		}
	}
	followed := d.whole()
	return filepath.WalkDir(l.Root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !ours(path) {
			return err
		}
		real, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(real, followed[path]) {
			return fmt.Errorf("the trace of the %s does not explain %s: %d bytes there, %d followed", l.Program, path, len(real), len(followed[path]))
		}
		return nil
	})
}
