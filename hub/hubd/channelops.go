package hubd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

const channelsPath = "/v1/channels"

// Applied is what applying a file changes.
type Applied struct {
	Version   int      `json:"version"` // in force afterwards
	Added     []string `json:"added"`
	Changed   []string `json:"changed"`
	Removed   []string `json:"removed"`
	Unchanged []string `json:"unchanged"`
	Rules     int      `json:"rules"`
	DryRun    bool     `json:"dry_run"`
	Notes     []string `json:"notes,omitempty"`
}

// ApplyChannels stores a file's channels and rules as the version in force. Every channel is made first, with its keys, so that
// what cannot work is refused here. A hub that runs takes it over within seconds; nothing needs a restart.
func ApplyChannels(cfg Config, deps Deps, path, by string, dryRun bool) (a Applied, err error) {
	f, err := LoadChannelFile(path)
	if err != nil {
		return a, err
	}
	if by == "" || len(by) > 64 {
		return a, fault.New(fault.Invalid, "channel.by", "say who applies it: a name of up to 64 bytes")
	}
	body, err := yaml.Marshal(f)
	if err != nil {
		return a, fmt.Errorf("write the channels: %w", err)
	}
	if _, err := parseChannelFile(body, path, "", nil); err != nil || len(body) > maxChannelFile {
		return a, fault.New(fault.Invalid, "channel.form", "%s cannot be stored: %v", path, err)
	}
	before, err := cfg.channelsInForce()
	if err != nil {
		return a, err
	}
	if err := openAll(cfg, deps, f.Channels); err != nil {
		return a, err
	}
	a = differences(before.file, f)
	a.Version, a.DryRun = before.version+1, dryRun
	s, err := store.Open(cfg.DatabaseFile(), deps.Now)
	if err != nil {
		return a, err
	}
	defer func() {
		if closed := s.DB().Close(); err == nil {
			err = closed
		}
	}()
	err = s.Update(func(tx *store.Tx) error {
		if err := leaving(tx, &a); err != nil || dryRun {
			return err
		}
		return tx.ApplyChannelSet(store.ChannelSet{Version: a.Version, Body: string(body), By: by, At: deps.Now()},
			map[string]any{"version": a.Version, "file": filepath.Base(path), "added": a.Added, "changed": a.Changed, "removed": a.Removed, "rules": a.Rules})
	})
	return a, err
}

// leaving refuses to take a channel away that is still asked about something.
func leaving(tx *store.Tx, a *Applied) error {
	for _, name := range a.Removed {
		n, err := tx.Underway(name)
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.New(fault.Conflict, "channel.under_way", "channel %s has %d payments or refunds under way: drain it, and apply this when it has none", name, n)
		}
		a.Notes = append(a.Notes, fmt.Sprintf("payments that %s took cannot be refunded through the hub until it is put back", name))
	}
	return nil
}

func differences(before, after ChannelFile) (a Applied) {
	of := map[string]ChannelConfig{}
	for _, c := range before.Channels {
		of[c.Name] = c
	}
	for _, c := range after.Channels {
		was, known := of[c.Name]
		switch {
		case !known:
			a.Added = append(a.Added, c.Name)
		case reflect.DeepEqual(was, c):
			a.Unchanged = append(a.Unchanged, c.Name)
		default:
			a.Changed = append(a.Changed, c.Name)
			if was.number() != c.number() {
				a.Notes = append(a.Notes, fmt.Sprintf("%s has another merchant number: the wallet does not know the old one's payments under it", c.Name))
			}
		}
		delete(of, c.Name)
	}
	for name := range of {
		a.Removed = append(a.Removed, name)
	}
	slices.Sort(a.Removed)
	a.Rules = len(after.Rules)
	return a
}

// openAll makes every channel with its keys, and keeps none.
func openAll(cfg Config, deps Deps, list []ChannelConfig) error {
	return eachConnector(cfg, deps, list, func(c ChannelConfig, _ channel.Channel, err error) error {
		if err != nil {
			return fmt.Errorf("channel %s: %w", c.Name, err)
		}
		return nil
	})
}

// eachConnector makes every channel but stored value, which is the hub's own, and hands it on with what went wrong.
func eachConnector(cfg Config, deps Deps, list []ChannelConfig, do func(ChannelConfig, channel.Channel, error) error) error {
	w, err := openSafe(cfg, deps, &keys{}, fileRecords(cfg.DatabaseFile()), false)
	defer w.close()
	if err == nil {
		err = w.openVault(cfg, deps)
	}
	if err != nil {
		return err
	}
	var faults []error
	for _, c := range list {
		if c.Wallet == pay.StoredValue {
			continue
		}
		ch, err := openWallet(c, chest{w.vault, c}, deps.Now, deps.Random)
		faults = append(faults, do(c, ch, err))
	}
	err = errors.Join(faults...)
	return fault.Wrap(err, fault.Invalid, "channel.open", "the channels do not open as they are described")
}

// Channel is a channel as operators see it.
type Channel struct {
	Name        string     `json:"name"`
	Wallet      pay.Wallet `json:"wallet"`
	Merchant    string     `json:"merchant,omitempty"`
	Number      string     `json:"merchant_number,omitempty"`
	URL         string     `json:"url,omitempty"`
	Weight      int        `json:"weight"`
	FeePPM      int64      `json:"fee_ppm"`
	Maintenance bool       `json:"maintenance"` // just now
	Drained     bool       `json:"drained"`
	DrainedBy   string     `json:"drained_by,omitempty"`
	DrainNote   string     `json:"drain_note,omitempty"`
	State       *Pulse     `json:"state,omitempty"` // as the running hub sees it; nothing when none runs
}

// Pulse is how a channel stands in the hub that runs.
type Pulse struct {
	Breaker   string    `json:"breaker"` // "closed", "open", "half-open"
	Refuses   bool      `json:"refuses"` // no new payment is let through just now
	Since     time.Time `json:"since,omitzero"`
	Answered  int       `json:"answered"` // pay calls in the window
	Failed    int       `json:"failed"`
	MeanMS    int64     `json:"mean_ms"`
	LongestMS int64     `json:"longest_ms"`
	Paying    int       `json:"paying"`  // calls under way
	Waiting   int       `json:"waiting"` // payments that wait for their turn
	Asking    int       `json:"asking"`  // queries, reversals, refunds under way
	Queued    int       `json:"queued"`  // and waiting
}

// pulses tells operators how the channels stand.
func (h *Hub) pulses(_ *http.Request, _ struct{}) (any, error) {
	out := map[string]Pulse{}
	for _, s := range h.engine.ChannelStates() {
		out[s.Name] = Pulse{Breaker: string(s.Health.Breaker()), Refuses: s.Refuses, Since: s.Health.Since, Answered: s.Figures.Answered, Failed: s.Figures.Failed,
			MeanMS: s.Figures.Mean.Milliseconds(), LongestMS: s.Figures.Longest.Milliseconds(), Paying: s.Paying, Waiting: s.Waiting, Asking: s.Asking, Queued: s.Queued}
	}
	return out, nil
}

// pulsesOf asks the hub that runs on a folder; nothing when none does.
func pulsesOf(ctx context.Context, folder string) (out map[string]Pulse, err error) {
	err = operate(ctx, folder, channelsPath, struct{}{}, &out)
	if fault.CodeOf(err) == "hub.not_running" {
		return nil, nil
	}
	return out, err
}

// ChannelList are the channels in force.
type ChannelList struct {
	Source    string     `json:"source"` // where they stand
	Version   int        `json:"version"`
	AppliedBy string     `json:"applied_by,omitempty"`
	AppliedAt *time.Time `json:"applied_at,omitempty"`
	Running   bool       `json:"running"` // a hub told the states
	Channels  []Channel  `json:"channels"`
	Rules     []string   `json:"rules"`
}

// Channels lists the channels in force of a hub that may be running. It changes nothing.
func Channels(ctx context.Context, cfg Config, deps Deps) (l ChannelList, err error) {
	s, err := cfg.channelsInForce()
	if err != nil {
		return l, err
	}
	states, err := pulsesOf(ctx, cfg.Data)
	if err != nil {
		return l, err
	}
	l = ChannelList{Source: s.source(), Version: s.version, AppliedBy: s.by, Running: states != nil, Rules: []string{}, Channels: []Channel{}}
	if s.version > 0 {
		l.AppliedAt = &s.at
	}
	for _, r := range s.file.Rules {
		l.Rules = append(l.Rules, r.Name)
	}
	for _, c := range s.file.Channels {
		d, drained := s.drained(c.Name)
		one := Channel{Name: c.Name, Wallet: c.Wallet, Merchant: c.Merchant, Number: c.number(), URL: c.URL, Weight: c.Route.weight(), FeePPM: c.Route.FeePPM,
			Drained: drained, DrainedBy: d.By, DrainNote: d.Note}
		for _, w := range windows(c.Route.Maintenance) {
			one.Maintenance = one.Maintenance || w.Covers(deps.Now())
		}
		if p, known := states[c.Name]; known {
			one.State = &p
		}
		l.Channels = append(l.Channels, one)
	}
	return l, nil
}

// ChannelsYAML writes the channels in force as a file for "channel apply".
func ChannelsYAML(cfg Config, w io.Writer) error {
	s, err := cfg.channelsInForce()
	if err != nil {
		return err
	}
	body, err := yaml.Marshal(s.file)
	if err == nil {
		_, err = w.Write(body)
	}
	return err
}

// ChannelTest is what a harmless call over a channel showed.
type ChannelTest struct {
	Channel string `json:"channel"`
	OK      bool   `json:"ok"`
	Verdict string `json:"verdict"`
	TookMS  int64  `json:"took_ms"`
}

// TestChannels asks over each channel, or the named one, how an order stands that cannot exist: signed, over TLS, with the
// channel's keys, and moving nothing. A wallet that says "no such order" has understood and answered.
func TestChannels(ctx context.Context, cfg Config, deps Deps, name string) (list []ChannelTest, err error) {
	cfg, err = cfg.withChannels()
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(slices.Clone(cfg.Channels), func(c ChannelConfig) bool { return name != "" && c.Name != name })
	if len(chosen) == 0 {
		return nil, fault.New(fault.NotFound, "channel.unknown", "there is no channel %q: look with \"channel list\"", name)
	}
	ids := id.NewSource(deps.Now, deps.Random)
	err = eachConnector(cfg, deps, chosen, func(c ChannelConfig, ch channel.Channel, err error) error {
		t := ChannelTest{Channel: c.Name}
		if err != nil {
			t.Verdict = "it does not open: " + err.Error()
		} else {
			t = probe(ctx, ch, c.Name, ids.OutTradeNo(), deps.Now)
		}
		list = append(list, t)
		return nil
	})
	return list, err
}

func probe(ctx context.Context, ch channel.Channel, name, number string, now func() time.Time) ChannelTest {
	ctx, cancel := context.WithTimeout(ctx, ch.Rules().CallTimeout)
	defer cancel()
	began := now()
	a := ch.Query(ctx, channel.Ref{OutTradeNo: number, Amount: money.Fen(1), SentAt: began})
	t := ChannelTest{Channel: name, TookMS: now().Sub(began).Milliseconds()}
	switch {
	case a.Finding == channel.Absent:
		t.OK, t.Verdict = true, "it answers and knows no such order, as it should"
	case a.Err != nil:
		t.Verdict = fmt.Sprintf("%s: %v", a.Finding, a.Err)
	default:
		t.Verdict = fmt.Sprintf("it says %s of an order that cannot exist", a.Finding)
	}
	return t
}

// DrainChannel keeps new payments away from a channel, or lets them come again. Queries, reversals and refunds go on. changed: it
// was not so already.
func DrainChannel(cfg Config, deps Deps, name, by, note string, on bool) (changed bool, err error) {
	set, err := cfg.channelsInForce()
	if err != nil {
		return false, err
	}
	known := slices.ContainsFunc(set.file.Channels, func(c ChannelConfig) bool { return c.Name == name })
	if _, drained := set.drained(name); !known && !(drained && !on) {
		return false, fault.New(fault.NotFound, "channel.unknown", "there is no channel %q: look with \"channel list\"", name)
	}
	if by = strings.TrimSpace(by); by == "" || len(by) > 64 || len(note) > 1000 {
		return false, fault.New(fault.Invalid, "channel.by", "say who does it (a name of up to 64 bytes), and why in up to 1000")
	}
	s, err := store.Open(cfg.DatabaseFile(), deps.Now)
	if err != nil {
		return false, err
	}
	defer func() {
		if closed := s.DB().Close(); err == nil {
			err = closed
		}
	}()
	err = s.Update(func(tx *store.Tx) error {
		changed, err = tx.SetDrain(store.Drain{Channel: name, By: by, Note: note, At: deps.Now()}, on)
		return err
	})
	return changed, err
}
