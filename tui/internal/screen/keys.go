package screen

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cloudcashier/tui/internal/words"
)

// Where is the screen on which a key does something.
type Where string

// The screens of the table.
const (
	Anywhere   Where = ""
	OnSale     Where = "sale"
	OnSales    Where = "sales"
	OnDetail   Where = "detail"
	OnMenu     Where = "menu"
	OnShift    Where = "shift"
	OnDuty     Where = "operators"
	OnTraining Where = "training"
	OnOverview Where = "overview"
	OnHealth   Where = "health"
	OnSelfTest Where = "self-test"
	OnSettings Where = "settings"
	OnKeys     Where = "keys"
	OnExport   Where = "export"
)

// places name the screens, in the order of the list of keys.
var places = []struct {
	where Where
	name  words.Key
}{
	{Anywhere, words.PlaceAnywhere}, {OnSale, words.PlaceSale}, {OnSales, words.ListTitle}, {OnDetail, words.PlaceDetail},
	{OnMenu, words.MenuTitle}, {OnShift, words.PlaceShift}, {OnDuty, words.PlaceDuty}, {OnTraining, words.MenuTraining},
	{OnOverview, words.OverviewTitle}, {OnHealth, words.HealthTitle}, {OnSelfTest, words.TestTitle},
	{OnSettings, words.SettingsTitle}, {OnKeys, words.KeysTitle}, {OnExport, words.ExportTitle},
}

// Action is what a key does on a screen.
type Action struct {
	Name  string // in the settings file; stable
	Where Where
	Key   Key // as it comes; a fixed one is written as people read it
	Text  words.Key
	Fixed bool // cannot be moved: what scanners send, and what every screen shares
}

// Actions is every key of every screen. A screen knows its keys by the ones that stand here, whatever a shop
// has moved them to: the console translates before it hands a key on, and hints after.
var Actions = []Action{
	{"keys", Anywhere, "f1", words.ActKeys, false},
	{"language", Anywhere, "f2", words.ActLanguage, false},
	{"sales", Anywhere, "f3", words.ActSales, false},
	{"send-now", Anywhere, "f8", words.ActSendNow, false},
	{"quit", Anywhere, "f10", words.ActQuit, false},
	{"menu", Anywhere, "f12", words.ActMenu, false},
	{"duty", Anywhere, "f11", words.ActDuty, false},
	{"", Anywhere, "Ctrl+Q", words.ActQuit, true},
	{"", Anywhere, "y", words.ActYes, true},
	{"", Anywhere, "Enter n Esc", words.ActNo, true},

	{"", OnSale, "0-9 .", words.ActAmount, true},
	{"", OnSale, "Enter", words.ActStart, true},
	{"", OnSale, "Backspace", words.ActErase, true},
	{"", OnSale, "Esc", words.ActStop, true},
	{"", OnSale, "+", words.ActCash, true},
	{"", OnSale, "*", words.ActSplit, true},
	{"", OnSale, "k r", words.ActLeaveBill, true},
	{"show-code", OnSale, "f4", words.ActShow, false},
	{"again", OnSale, "f5", words.ActAgain, false},
	{"next-customer", OnSale, "f6", words.ActNext, false},

	{"", OnSales, "Up Down", words.ActMove, true},
	{"", OnSales, "Esc", words.ActBack, true},
	{"", OnSales, "Enter", words.ActDetails, true},
	{"", OnSales, "/", words.ActSearch, true},
	{"", OnSales, "p r v", words.ActRefundHow, true},
	{"refund", OnSales, "f7", words.ActRefund, false},
	{"reprint", OnSales, "f9", words.ActReprint, false},

	{"", OnDetail, "Esc", words.ActBack, true},
	{"refund-detail", OnDetail, "f7", words.ActRefund, false},
	{"reprint-detail", OnDetail, "f9", words.ActReprint, false},

	{"", OnMenu, "1-9 Enter", words.ActOpen, true},
	{"", OnMenu, "Esc", words.ActBack, true},

	{"", OnShift, "O", words.ActShiftOpen, true},
	{"", OnShift, "I U D", words.ActShiftCash, true},
	{"", OnShift, "X Z P", words.ActShiftPaper, true},
	{"", OnShift, "C H", words.ActShiftClose, true},
	{"", OnShift, "Tab", words.ActShiftCount, true},
	{"", OnShift, "Esc", words.ActBack, true},

	{"", OnDuty, "Up Down Enter", words.ActSignOn, true},
	{"sign-off", OnDuty, "f6", words.ActDuty, false},
	{"", OnDuty, "Esc", words.ActBack, true},

	{"", OnTraining, "y", words.ActTraining, true},
	{"", OnTraining, "Esc", words.ActBack, true},

	{"", OnOverview, "Left Right", words.ActDays, true},
	{"", OnOverview, "Up Down", words.ActScroll, true},
	{"refresh-overview", OnOverview, "f5", words.ActRefresh, false},

	{"", OnHealth, "Up Down", words.ActScroll, true},
	{"refresh-health", OnHealth, "f5", words.ActRefresh, false},

	{"", OnSelfTest, "Up Down Enter", words.ActTest, true},
	{"", OnSettings, "Up Down Enter", words.ActChange, true},
	{"", OnKeys, "Up Down Enter", words.ActBind, true},
	{"", OnKeys, "Backspace", words.ActUnbind, true},
	{"", OnExport, "Up Down Enter", words.ActExport, true},
	{"", OnExport, "Esc", words.ActStopExport, true},
}

// bindable are the keys that an action may be moved to: no scanner types them, and no screen needs them for
// anything else.
var bindable = func() []Key {
	list := []Key{"insert", "delete", "home", "end", "pgup", "pgdown"}
	for i := 1; i <= 20; i++ {
		list = append(list, Key(fmt.Sprintf("f%d", i)))
	}
	return list
}()

// Keys are the places of the keys that a shop has moved.
type Keys struct{ moved map[string]Key }

// NewKeys reads moved keys as the settings have them. It refuses an action it does not know, a key that cannot be
// bound, and two actions on one key.
func NewKeys(moved map[string]string) (Keys, error) {
	k := Keys{moved: map[string]Key{}}
	for _, name := range slices.Sorted(maps.Keys(moved)) {
		if !slices.ContainsFunc(Actions, func(a Action) bool { return a.Name == name && name != "" }) {
			return Keys{}, fmt.Errorf("keys: no action is called %q", name)
		}
		if !slices.Contains(bindable, Key(moved[name])) {
			return Keys{}, fmt.Errorf("keys: %s cannot be on %q", name, moved[name])
		}
		k.moved[name] = Key(moved[name])
	}
	for _, a := range Actions { // only now: two may have changed places
		if other, taken := k.taken(a, k.Of(a)); !a.Fixed && taken {
			return Keys{}, fmt.Errorf("keys: %s and %s are both on %q", a.Name, other.Name, k.Of(a))
		}
	}
	return k, nil
}

// Moved gives the keys as the settings keep them.
func (k Keys) Moved() map[string]string {
	out := map[string]string{}
	for name, key := range k.moved {
		out[name] = string(key)
	}
	return out
}

// Of is the key an action is on.
func (k Keys) Of(a Action) Key {
	if to, ok := k.moved[a.Name]; ok && !a.Fixed {
		return to
	}
	return a.Key
}

// taken finds another action that has a key where it would be in the way.
func (k Keys) taken(a Action, key Key) (Action, bool) {
	for _, b := range Actions {
		if b.Fixed || b.Name == a.Name || k.Of(b) != key {
			continue
		}
		if a.Where == Anywhere || b.Where == Anywhere || a.Where == b.Where {
			return b, true
		}
	}
	return Action{}, false
}

// Bind moves an action to a key. When that is another's there, that one is given and nothing is moved; ok is
// false also for a key that cannot be bound.
func (k Keys) Bind(a Action, key Key) (moved Keys, other Action, ok bool) {
	if !slices.Contains(bindable, key) && key != a.Key {
		return k, Action{}, false
	}
	if other, taken := k.taken(a, key); taken {
		return k, other, false
	}
	moved = Keys{moved: maps.Clone(k.moved)}
	if moved.moved == nil {
		moved.moved = map[string]Key{}
	}
	if moved.moved[a.Name] = key; key == a.Key {
		delete(moved.moved, a.Name)
	}
	return moved, Action{}, true
}

// Canonical is the key a screen knows for the one that was pressed: itself when nothing was moved, "" when what
// it did has moved elsewhere.
func (k Keys) Canonical(where Where, pressed Key) Key {
	if len(k.moved) == 0 {
		return pressed
	}
	left := false
	for _, a := range Actions {
		if a.Fixed || a.Where != Anywhere && a.Where != where {
			continue
		}
		if k.Of(a) == pressed {
			return a.Key
		}
		left = left || a.Key == pressed
	}
	if left {
		return ""
	}
	return pressed
}

// Shown writes the key that an action's usual key was moved to, as a hint shows it.
func (k Keys) Shown(where Where, hint string) string {
	for _, a := range Actions {
		if !a.Fixed && (a.Where == Anywhere || a.Where == where) && string(a.Key) == strings.ToLower(hint) {
			return keyName(k.Of(a))
		}
	}
	return hint
}

// keyName writes a key for people.
func keyName(k Key) string {
	s := string(k)
	switch {
	case s == "pgup":
		return "PgUp"
	case s == "pgdown":
		return "PgDn"
	case strings.HasPrefix(s, "ctrl+"), strings.HasPrefix(s, "alt+"), strings.HasPrefix(s, "shift+"):
		mod, rest, _ := strings.Cut(s, "+")
		return strings.ToUpper(mod[:1]) + mod[1:] + "+" + keyName(Key(rest))
	case len(s) > 1 && s[0] < 0x80:
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// On is the screen that is shown; a page that names none has only the keys that work anywhere.
func (d *Desk) On() Where {
	if p, ok := d.Page.(interface{ where() Where }); ok {
		return p.where()
	}
	return Anywhere
}

// KeyOf is how the key of an action is called now.
func (d *Desk) KeyOf(where Where, usual string) string { return d.Prefs.Keys.Shown(where, usual) }

func (t *Till) where() Where  { return OnSale }
func (s *Sales) where() Where { return OnSales }
func (m *Menu) where() Where  { return OnMenu }
func (f *Found) where() Where { return OnSales }

func (p *Detail) where() Where   { return OnDetail }
func (s *Shifts) where() Where   { return OnShift }
func (p *Duty) where() Where     { return OnDuty }
func (p *Training) where() Where { return OnTraining }
