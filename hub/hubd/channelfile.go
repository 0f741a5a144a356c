package hubd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/routing"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// ChannelFile is what "cashier-hub channel apply" takes: every channel of a hub, and the rules between them. What it does not
// name is gone afterwards.
type ChannelFile struct {
	Choose   string          `yaml:"choose,omitempty"` // order (the listed one first), weight or fee; order when empty
	Channels []ChannelConfig `yaml:"channels,omitempty"`
	Rules    []RuleConfig    `yaml:"rules,omitempty"` // the first that fits decides
}

// RouteConfig is what routing reads of a channel.
type RouteConfig struct {
	Weight      *int           `yaml:"weight,omitempty"`      // its share when chosen by weight; 1 when nothing is said, 0: only when no other can
	FeePPM      int64          `yaml:"fee_ppm,omitempty"`     // what the wallet keeps, parts per million: 6000 are 0.6 %
	AtOnce      int            `yaml:"at_once,omitempty"`     // pay calls at a time; 256 when nothing is said
	Maintenance []WindowConfig `yaml:"maintenance,omitempty"` // when the wallet takes nothing
	Breaker     *BreakerConfig `yaml:"breaker,omitempty"`     // when new payments are kept away by themselves
	Pace        *PaceConfig    `yaml:"pace,omitempty"`        // instead of the wallet's usual one
}

// WindowConfig is a span of China's week, or one that comes once.
type WindowConfig struct {
	Days  []string  `yaml:"days,omitempty"`  // mon … sun, on which it begins; every day when empty
	From  string    `yaml:"from,omitempty"`  // 02:00
	To    string    `yaml:"to,omitempty"`    // 04:30, not included; before from: of the day after
	Since time.Time `yaml:"since,omitempty"` // once instead: RFC 3339
	Until time.Time `yaml:"until,omitempty"`
}

// BreakerConfig is when a breaker opens and closes; what is not said is as usual.
type BreakerConfig struct {
	Failures int           `yaml:"failures,omitempty"` // in the window, at least; 10
	Percent  int           `yaml:"percent,omitempty"`  // of the calls, at least; 50
	Window   time.Duration `yaml:"window,omitempty"`   // 2m
	OpenFor  time.Duration `yaml:"open_for,omitempty"` // the first time, then twice as long each time; 10s
	OpenMost time.Duration `yaml:"open_most,omitempty"`
	Probes   int           `yaml:"probes,omitempty"` // payments at a time that try it; 1
	Proofs   int           `yaml:"proofs,omitempty"` // answered ones that close it; 3
}

// PaceConfig overrides a wallet's own pace. When money may still move is the wallet's, and stays.
type PaceConfig struct {
	CallTimeout time.Duration `yaml:"call_timeout,omitempty"` // of one call
	FirstQuery  time.Duration `yaml:"first_query,omitempty"`  // after a pay call without an end
	QueryEvery  time.Duration `yaml:"query_every,omitempty"`
	GiveUp      time.Duration `yaml:"give_up,omitempty"` // from the pay call until it is reversed
}

// RuleConfig says which channels some payments take. A condition that is not there fits every payment.
type RuleConfig struct {
	Name      string         `yaml:"name"`
	Merchants []string       `yaml:"merchants,omitempty"`
	Stores    []string       `yaml:"stores,omitempty"`
	Wallet    pay.Wallet     `yaml:"wallet,omitempty"`
	From      int64          `yaml:"from,omitempty"`    // fen, included
	To        int64          `yaml:"to,omitempty"`      // fen, included; no upper end when 0
	When      []WindowConfig `yaml:"when,omitempty"`    // one of them
	Use       []string       `yaml:"use,omitempty"`     // these channels alone, in this order
	Avoid     []string       `yaml:"avoid,omitempty"`   // never these
	Choose    string         `yaml:"choose,omitempty"`  // instead of the file's
	Weights   map[string]int `yaml:"weights,omitempty"` // instead of the channels' own
}

// maxChannelFile bounds a file, in bytes.
const maxChannelFile = 1_000_000

// LoadChannelFile reads and checks a file. Every fault is named with its line.
func LoadChannelFile(path string) (f ChannelFile, err error) { return readChannelFile(path, nil) }

// readChannelFile lets fill put in what the file leaves away.
func readChannelFile(path string, fill func(*ChannelFile)) (f ChannelFile, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return f, fault.Wrap(err, fault.NotFound, "channel.file", "cannot read the channels: give a file with -f")
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return f, fault.Wrap(err, fault.Invalid, "channel.file", "cannot tell the folder of %s", path)
	}
	return parseChannelFile(data, path, dir, fill)
}

func parseChannelFile(data []byte, path, dir string, fill func(*ChannelFile)) (f ChannelFile, err error) {
	if len(data) > maxChannelFile {
		return f, fault.New(fault.Invalid, "channel.file", "%s has more than %d bytes", path, maxChannelFile)
	}
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		return f, fault.New(fault.Invalid, "channel.form", "%s: %s", path, yaml.FormatError(err, false, true))
	}
	if dir != "" {
		of := Config{Channels: f.Channels}
		of.rebase(dir)
	}
	if fill != nil {
		fill(&f)
	}
	faults := f.faults()
	if len(faults) == 0 {
		return f, nil
	}
	tree, _ := parser.ParseBytes(data, 0) // it was read a moment ago
	for i, one := range faults {
		key, _, _ := strings.Cut(one.Error(), ": ")
		faults[i] = fmt.Errorf("%s:%d: %w", path, lineOf(tree, key), one)
	}
	return f, fault.Wrap(errors.Join(faults...), fault.Invalid, "channel.values", "the channels need mending")
}

// lineOf is where a key stands, or the nearest key around it that is there.
func lineOf(tree *ast.File, key string) int {
	for ; key != ""; key = key[:max(0, strings.LastIndexAny(key, ".["))] {
		path, err := yaml.PathString("$." + key)
		if err != nil {
			continue
		}
		if node, err := path.FilterFile(tree); err == nil && node != nil && node.GetToken() != nil {
			return node.GetToken().Position.Line
		}
	}
	return 1
}

var (
	channelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	clockTime   = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$`)
	choices     = []string{"", string(routing.ByOrder), string(routing.ByWeight), string(routing.ByFee)}
	weekdays    = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // as time.Weekday counts
)

// faults names everything that is wrong, each with its key.
func (f ChannelFile) faults() (faults []error) {
	whole := Config{Data: "x", HTTP: "x:1", MQTT: "x:1", Hosts: []string{"x"}, Channels: f.Channels} // what every configuration asks of its channels
	faults = whole.faults()
	bad := func(key, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if !slices.Contains(choices, f.Choose) {
		bad("choose", "%q is no choice: use order, weight or fee", f.Choose)
	}
	wallets := map[string]pay.Wallet{}
	for i, c := range f.Channels {
		key := fmt.Sprintf("channels[%d]", i)
		wallets[c.Name] = c.Wallet
		if !channelName.MatchString(c.Name) {
			bad(key+".name", "a name has 1 to 64 letters, digits, dots, dashes and underscores")
		}
		if c.URL != "" && !strings.HasPrefix(c.URL, "https://") {
			bad(key+".url", "payment codes go over TLS alone: write https://")
		}
	}
	names := map[string]bool{}
	for i, r := range f.Rules {
		key := fmt.Sprintf("rules[%d]", i)
		if !channelName.MatchString(r.Name) || names[r.Name] {
			bad(key+".name", "give each rule a name of its own, of letters, digits, dots, dashes and underscores")
		}
		names[r.Name] = true
		r.check(key, wallets, bad)
	}
	return faults
}

type complain func(key, format string, args ...any)

func (r RouteConfig) check(key string, bad complain) {
	if r.Weight != nil && (*r.Weight < 0 || *r.Weight > 10_000) {
		bad(key+".weight", "a weight is 0 to 10000")
	}
	if r.FeePPM < 0 || r.FeePPM > 1_000_000 {
		bad(key+".fee_ppm", "a fee is 0 to 1000000 parts per million: 6000 are 0.6 %%")
	}
	if r.AtOnce < 0 || r.AtOnce > 4096 {
		bad(key+".at_once", "1 to 4096 calls at a time")
	}
	for i, w := range r.Maintenance {
		w.check(fmt.Sprintf("%s.maintenance[%d]", key, i), bad)
	}
	if b := r.Breaker; b != nil && (b.Failures < 0 || b.Percent < 0 || b.Percent > 100 || b.Probes < 0 || b.Probes > 64 || b.Proofs < 0 ||
		!within(b.Window, time.Second, time.Hour) || !within(b.OpenFor, time.Second, time.Hour) || !within(b.OpenMost, time.Second, 24*time.Hour)) {
		bad(key+".breaker", "failures and proofs are above zero, percent up to 100, probes up to 64, times from a second to an hour")
	}
	if p := r.Pace; p != nil && (!within(p.CallTimeout, time.Second, 30*time.Second) || !within(p.FirstQuery, time.Second, 30*time.Second) ||
		!within(p.QueryEvery, time.Second, 30*time.Second) || !within(p.GiveUp, 20*time.Second, 70*time.Second)) {
		bad(key+".pace", "call_timeout, first_query and query_every are 1s to 30s, give_up is 20s to 70s")
	}
}

// within takes the zero duration for one that is not said.
func within(d, least, most time.Duration) bool { return d == 0 || d >= least && d <= most }

func (w WindowConfig) check(key string, bad complain) {
	once := !w.Since.IsZero() || !w.Until.IsZero()
	switch {
	case once && (!w.Since.Before(w.Until) || w.From != "" || w.To != "" || len(w.Days) > 0):
		bad(key, "a window that comes once has since before until, and nothing else")
	case !once && (!clockTime.MatchString(w.From) || !clockTime.MatchString(w.To) || w.From == w.To):
		bad(key, "write from and to like 02:00 and 04:30, China's time, or since and until for one that comes once")
	}
	for _, d := range w.Days {
		if !slices.Contains(weekdays, d) {
			bad(key+".days", "%q is no day: write mon, tue, wed, thu, fri, sat, sun", d)
		}
	}
}

func (r RuleConfig) check(key string, wallets map[string]pay.Wallet, bad complain) {
	if !slices.Contains(choices, r.Choose) {
		bad(key+".choose", "%q is no choice: use order, weight or fee", r.Choose)
	}
	if r.From < 0 || r.To < 0 || r.To > 0 && r.To < r.From || max(r.From, r.To) > money.Max {
		bad(key+".from", "from and to are fen, from not above to")
	}
	for i, w := range r.When {
		w.check(fmt.Sprintf("%s.when[%d]", key, i), bad)
	}
	for what, list := range map[string][]string{"use": r.Use, "avoid": r.Avoid, "weights": mapKeys(r.Weights)} {
		for _, name := range list {
			wallet, known := wallets[name]
			if !known || r.Wallet != "" && r.Wallet != wallet {
				bad(key+"."+what, "there is no channel %q of the rule's wallet", name)
			}
		}
	}
	for name, w := range r.Weights {
		if w < 0 || w > 10_000 {
			bad(key+".weights", "the weight of %s is not 0 to 10000", name)
		}
	}
}

func mapKeys(m map[string]int) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func (w WindowConfig) window() routing.Window {
	of := func(text string) time.Duration {
		var h, m int
		_, _ = fmt.Sscanf(text, "%d:%d", &h, &m) // checked
		return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	}
	out := routing.Window{From: of(w.From), To: of(w.To), Since: w.Since, Until: w.Until}
	for _, d := range w.Days {
		out.Days = append(out.Days, time.Weekday(slices.Index(weekdays, d)))
	}
	return out
}

func windows(list []WindowConfig) (out []routing.Window) {
	for _, w := range list {
		out = append(out, w.window())
	}
	return out
}

func (r RouteConfig) weight() int {
	if r.Weight == nil {
		return 1
	}
	return *r.Weight
}

func (r RouteConfig) limits() routing.Limits {
	if r.Breaker == nil {
		return routing.Limits{}
	}
	return routing.Limits(*r.Breaker)
}

func (r RouteConfig) pace() channel.Rules {
	if r.Pace == nil {
		return channel.Rules{}
	}
	return channel.Rules{CallTimeout: r.Pace.CallTimeout, FirstQuery: r.Pace.FirstQuery, QueryEvery: r.Pace.QueryEvery, GiveUp: r.Pace.GiveUp}
}

// table is what routing reads of the file.
func (f ChannelFile) table(version int) routing.Table {
	t := routing.Table{Version: version, Choose: routing.Choice(f.Choose)}
	for _, c := range f.Channels {
		t.Channels = append(t.Channels, routing.Channel{Name: c.Name, Merchant: c.Merchant, Wallet: c.Wallet, Weight: c.Route.weight(), Fee: c.Route.FeePPM,
			Closed: windows(c.Route.Maintenance)})
	}
	for _, r := range f.Rules {
		t.Rules = append(t.Rules, routing.Rule{Name: r.Name, Merchants: r.Merchants, Stores: r.Stores, Wallet: r.Wallet, From: money.Fen(r.From), To: money.Fen(r.To),
			When: windows(r.When), Use: r.Use, Avoid: r.Avoid, Choose: routing.Choice(r.Choose), Weights: r.Weights})
	}
	return t
}

// number is the merchant number at the wallet.
func (c ChannelConfig) number() string {
	switch {
	case c.WeChat != nil:
		return c.WeChat.MchID
	case c.WeChatV3 != nil:
		return c.WeChatV3.MchID
	case c.Alipay != nil:
		return c.Alipay.AppID
	case c.UnionPay != nil:
		return c.UnionPay.MerID
	}
	return ""
}
