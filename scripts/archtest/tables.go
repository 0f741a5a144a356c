package main

import "strings"

// book is the plan that the rules read.
type book struct {
	rooms     table
	testRooms table
	modules   []owner
	law       []string
	roots     []string
	worldly   map[string]string
	money     []string
	floats    map[string]string
	panics    map[string]string
}

// table maps a folder, or all folders below one with "/*", to the folders it may import.
type table map[string]string

// words are what law speaks; slab is all that any program may lean on but the database.
const (
	words = "shared/fault shared/money shared/pay "
	slab  = words + "shared/id shared/localapi shared/logs shared/roster shared/run shared/shift shared/storedvalue shared/strictjson shared/ticket shared/wire "
)

// find gives the row of a folder; its own row wins over that of its parents.
func (t table) find(dir string) ([]string, bool) {
	if may, ok := t[dir]; ok {
		return strings.Fields(may), true
	}
	for parent := dir; strings.Contains(parent, "/"); {
		parent = parent[:strings.LastIndex(parent, "/")]
		if may, ok := t[parent+"/*"]; ok {
			return strings.Fields(may), true
		}
	}
	return nil, false
}

// owner says which folders import a third-party module, and which only in tests.
type owner struct {
	module  string
	folders []string
	tests   []string
}

// ownerOf finds the module an import path belongs to; the longest name wins.
func (b book) ownerOf(importPath string) (best owner, ok bool) {
	for _, o := range b.modules {
		if (importPath == o.module || strings.HasPrefix(importPath, o.module+"/")) && len(o.module) > len(best.module) {
			best, ok = o, true
		}
	}
	return best, ok
}

var plan = book{
	rooms: table{
		// One slab that sees nobody above it.
		"shared/fault":      "",
		"shared/strictjson": "shared/fault",
		"shared/money":      "shared/fault",
		"shared/pay":        "shared/fault",
		"shared/id":         "shared/fault",
		"shared/logs":       "",
		"shared/run":        "",
		"shared/freeport":   "",
		"shared/sqlite":     "shared/fault",
		"shared/ticket":     "",
		"shared/announce":   "shared/fault shared/pay shared/strictjson",
		"shared/wire":       "shared/fault shared/pay shared/strictjson",
		"shared/localapi":   "shared/fault shared/pay",

		"shared/storedvalue": words + "shared/strictjson",
		"shared/roster":      words + "shared/localapi shared/strictjson",
		"shared/shift":       words + "shared/localapi", // law: till and hub sum up one log, each its own copy

		// The till, from the law up to main.
		"agent/internal/footprint": "",
		"agent/internal/pulse":     "",
		"agent/internal/watchdog":  slab,
		"agent/internal/sale":      words + "shared/localapi shared/storedvalue shared/wire", // the hub's words come as wire has them
		"agent/internal/duty":      words + "shared/localapi",                                // law: who stands for what
		"agent/internal/printjob":  "shared/fault",
		"agent/internal/store":     slab + "shared/sqlite agent/internal/duty agent/internal/printjob agent/internal/sale",
		"agent/internal/till":      slab + "agent/internal/duty agent/internal/hublink agent/internal/pulse agent/internal/sale agent/internal/store", // hublink: the words of its interface
		"agent/internal/books":     slab + "agent/internal/store",                                                                                     // the journal, read by people
		"agent/internal/scanner":   slab + "agent/internal/pulse agent/internal/serialline",
		"agent/internal/identity":  slab,
		"agent/internal/hublink":   slab + "agent/internal/identity agent/internal/pulse",
		"agent/internal/localapi":  slab + "agent/internal/till",

		"agent/internal/rehearsal": slab + "agent/internal/hublink", // the words of its interface; no line, no key

		// Its devices. The till sees none of them: a printer cannot be in a payment's way.
		"agent/internal/serialline": slab,
		"agent/internal/receipt":    words + "shared/localapi agent/internal/gbtext",
		"agent/internal/gbtext":     "",
		"agent/internal/spell":      words,
		"agent/internal/display":    slab + "agent/internal/gbtext agent/internal/sale agent/internal/serialline agent/internal/store",
		"agent/internal/voice":      slab + "shared/announce agent/internal/spell agent/internal/store",
		"agent/internal/printer":    slab + "agent/internal/printjob agent/internal/receipt agent/internal/serialline agent/internal/store",

		"agent/agentd":    slab + "shared/sqlite agent/internal/*",
		"agent/agenttest": slab + "shared/sqlite agent/internal/*", // test support only
		"agent":           slab + "agent/agentd agent/internal/footprint agent/internal/identity agent/internal/store",

		// The hub, from the law up to main. The engine never sees a door (broker, gateway).
		"hub/internal/payment":             words + "hub/internal/channel", // the contract's words, not its carriers
		"hub/internal/registry":            words,
		"hub/internal/routing":             words, // law: which channel, and why
		"hub/internal/channel":             words,
		"hub/internal/channel/carry":       "",
		"hub/internal/channel/statement":   words, // what readers of bills share
		"hub/internal/channel/wechat":      words + "shared/strictjson hub/internal/channel hub/internal/channel/carry hub/internal/channel/statement",
		"hub/internal/channel/wechatv3":    words + "hub/internal/channel hub/internal/channel/carry hub/internal/channel/statement",
		"hub/internal/channel/alipay":      words + "shared/strictjson hub/internal/channel hub/internal/channel/carry hub/internal/channel/statement",
		"hub/internal/channel/unionpay":    words + "hub/internal/channel hub/internal/channel/carry hub/internal/channel/statement",
		"hub/internal/channel/storedvalue": words + "shared/id shared/storedvalue hub/internal/channel hub/internal/store", // its books are in the hub's own
		"hub/internal/channel/channeltest": words + "hub/internal/channel hub/sandbox",                                     // test support only
		"hub/internal/vault":               words,                                                                          // wallet keys at rest, signing
		"hub/internal/vault/*":             words + "hub/internal/vault",                                                   // where RSA keys live: OpenSSL's memory, a token
		"hub/internal/shiftbook":           words + "shared/localapi shared/shift",                                         // law: a till's shifts against the hub's books
		"hub/internal/store":               slab + "shared/sqlite hub/internal/payment hub/internal/registry hub/internal/vault",
		"hub/internal/engine":              slab + "hub/internal/channel hub/internal/payment hub/internal/registry hub/internal/routing hub/internal/store",
		"hub/internal/broker":              slab + "hub/internal/registry",
		"hub/internal/gateway":             slab + "hub/internal/engine hub/internal/payment hub/internal/registry hub/internal/store",
		"hub/internal/noticedoor":          slab + "hub/internal/channel hub/internal/engine",
		"hub/internal/portal":              slab + "hub/internal/payment",
		"hub/sandbox":                      slab + "shared/sqlite hub/sandbox/internal/*",
		"hub/sandbox/internal/*":           slab + "shared/sqlite hub/sandbox/internal/*",
		"hub/sandbox/internal/keys":        slab + "hub/internal/vault hub/internal/vault/openssl", // signs as the hub does; verifies on its own
		"hub/hubd":                         slab + "shared/sqlite hub/sandbox hub/internal/*",
		"hub/hubtest":                      slab + "shared/sqlite hub/internal/*",             // test support only
		"hub/hubtest/signing":              words + "hub/internal/vault hub/internal/vault/*", // test support only: for measurements
		"hub/lab":                          slab + "shared/freeport hub/hubd hub/sandbox",     // sandbox: the words of its accounts
		"hub":                              slab + "hub/hubd hub/lab hub/sandbox",

		// The screen.
		"tui/internal/*": slab + "tui/internal/*",
		"tui":            slab + "tui/internal/*",

		// The pretended hardware.
		"firmware-sim/escpos":      "",
		"firmware-sim/linedisplay": "",
		"firmware-sim/board":       slab + "firmware-sim/escpos firmware-sim/linedisplay",
		"firmware-sim/speaker":     slab + "shared/announce",
		"firmware-sim/script":      slab,
		"firmware-sim/fleet":       slab,
		"firmware-sim":             slab + "shared/announce firmware-sim/board firmware-sim/fleet firmware-sim/linedisplay firmware-sim/script firmware-sim/speaker",

		// What a till's machine needs beside the programs.
		"deploy": "",

		// What looks at the programs from outside: their sockets, files and doors, never their insides.
		"scripts/archtest":           "",
		"scripts/internal/rig":       slab + "shared/freeport",
		"scripts/internal/load":      slab + "scripts/internal/rig",
		"scripts/internal/device":    slab + "scripts/internal/load scripts/internal/rig",
		"scripts/internal/hsm":       "",
		"scripts/internal/needle":    "",
		"scripts/internal/tuidrive":  "",
		"scripts/internal/profile":   "",
		"scripts/internal/counter":   slab + "scripts/internal/load scripts/internal/profile scripts/internal/rig scripts/internal/signrate",
		"scripts/internal/signrate":  "hub/hubtest/signing scripts/internal/hsm scripts/internal/load",
		"scripts/internal/mqttproxy": "",
		"scripts/conformance":        slab + "scripts/internal/rig",
		"scripts/demo":               slab + "scripts/internal/rig",
		"scripts/e2e":                slab + "scripts/internal/rig",
		"scripts/keyscan":            slab + "scripts/internal/hsm scripts/internal/load scripts/internal/needle scripts/internal/rig",
		"scripts/history":            "shared/pay",
		"scripts/mutants":            "",
		"scripts/bench":              slab + "scripts/internal/counter scripts/internal/device scripts/internal/load scripts/internal/rig scripts/internal/signrate",
		"scripts/released":           slab + "scripts/internal/rig",
		"scripts/storm":              slab + "scripts/internal/load scripts/internal/rig",
		"scripts/soak":               slab + "scripts/internal/device scripts/internal/load scripts/internal/rig",
		"scripts/torture":            slab + "shared/freeport scripts/internal/rig scripts/internal/mqttproxy",
		"scripts/powercut":           slab + "shared/sqlite scripts/internal/rig",

		// The whole chain in one process, through the programs' own test support.
		"scripts/simtest":       "",
		"scripts/simtest/disk":  "",
		"scripts/simtest/world": slab + "agent/agenttest hub/hubtest scripts/simtest/disk",
	},

	testRooms: table{
		"agent/internal/books":             "agent/internal/sale",
		"agent/internal/watchdog":          "agent/internal/pulse",
		"agent/internal/printer":           "firmware-sim/board agent/internal/sale",
		"agent/internal/display":           "firmware-sim/board firmware-sim/linedisplay",
		"agent/internal/voice":             "agent/internal/sale firmware-sim/speaker",
		"agent/internal/rehearsal":         "agent/internal/sale agent/internal/store agent/internal/till",
		"agent/internal/scanner":           "firmware-sim/board",
		"agent/internal/serialline":        "firmware-sim/board",
		"agent/internal/till":              "shared/sqlite", // a report against the database's own sums
		"agent/agentd":                     "firmware-sim/board firmware-sim/speaker",
		"hub/internal/channel/wechat":      "hub/internal/channel/channeltest hub/sandbox",
		"hub/internal/channel/wechatv3":    "hub/internal/channel/channeltest hub/sandbox",
		"hub/internal/channel/alipay":      "hub/internal/channel/channeltest hub/sandbox",
		"hub/internal/channel/unionpay":    "hub/internal/channel/channeltest hub/sandbox",
		"hub/internal/channel/storedvalue": "hub/internal/registry",
		"hub/internal/vault":               "hub/internal/vault/* hub/internal/store",
		"hub/internal/engine":              "scripts/history hub/internal/channel/channeltest hub/sandbox hub/internal/channel/*",
		"hub/internal/noticedoor":          "hub/internal/channel/* hub/internal/payment hub/internal/registry hub/internal/store",
		"hub/sandbox":                      "hub/internal/channel hub/internal/channel/*",
		"scripts/simtest/disk":             "shared/sqlite",
		"shared/roster":                    "shared/wire", // its longest list against the longest message
		"shared/shift":                     "shared/wire", // its longest event against the longest record
		"scripts/e2e":                      "scripts/history scripts/internal/load scripts/internal/needle scripts/internal/tuidrive",
	},

	modules: []owner{
		{"github.com/ThalesGroup/crypto11", []string{"hub/internal/vault/token"}, nil},
		{"github.com/anishathalye/porcupine", []string{"scripts/history"}, []string{"hub/internal/engine"}}, // its users are tests
		{"github.com/boombuler/barcode", []string{"firmware-sim/escpos"}, nil},
		{"github.com/charmbracelet", []string{"tui", "tui/internal/*"}, nil},
		{"github.com/charmbracelet/x/vt", []string{"scripts/internal/tuidrive"}, nil},
		{"github.com/coreos/go-systemd/v22", []string{"agent/internal/watchdog"}, nil},
		{"github.com/creack/pty", []string{"firmware-sim/board", "scripts/internal/device", "scripts/internal/tuidrive"}, []string{"agent/internal/scanner", "tui", "tui/internal/*", "scripts/e2e"}},
		{"github.com/danielgtaylor/huma/v2", []string{"hub/internal/gateway"}, nil},
		{"github.com/eclipse/paho.mqtt.golang", []string{"agent/internal/hublink"}, []string{"hub/internal/broker", "firmware-sim/fleet"}},
		{"github.com/goccy/go-yaml", []string{"hub/hubd"}, nil},
		{"github.com/hajimehoshi/bitmapfont/v3", []string{"firmware-sim/escpos"}, nil},
		{"github.com/makiuchi-d/gozxing", nil, []string{"agent/internal/printer", "firmware-sim/escpos", "tui/internal/console"}}, // reads our codes back
		{"github.com/mattn/go-runewidth", []string{"tui", "tui/internal/*"}, nil},
		{"github.com/mattn/go-sqlite3", []string{"shared/sqlite", "scripts/simtest/disk"}, nil},
		{"github.com/miekg/pkcs11", []string{"hub/internal/vault/token"}, nil},
		{"github.com/mochi-mqtt/server/v2", []string{"hub/internal/broker"}, []string{"agent/internal/hublink"}},
		{"github.com/oklog/ulid/v2", []string{"shared/id"}, nil},
		{"github.com/prometheus/client_golang", []string{"hub/internal/gateway"}, nil},
		{"github.com/spf13/cobra", []string{"agent", "hub"}, nil},
		{"go.bug.st/serial", []string{"agent/internal/serialline"}, nil},
		{"go.uber.org/goleak", nil, []string{"agent/*", "hub/*", "tui/*", "firmware-sim/*", "scripts/*", "shared/*"}},
		{"golang.org/x/image", []string{"firmware-sim/escpos"}, nil},
		{"golang.org/x/sys", []string{"agent/internal/serialline", "firmware-sim/board", "hub/internal/vault"}, nil},
		{"golang.org/x/text", []string{"agent/internal/gbtext", "firmware-sim/escpos", "firmware-sim/linedisplay", // what one writes, the others read
			"hub/internal/channel/alipay", "hub/sandbox/internal/alipay"}, // GBK, of Alipay's bills
			[]string{"agent/internal/receipt"}},
		{"golang.org/x/time", []string{"hub/internal/broker", "hub/internal/noticedoor"}, nil},
		{"pgregory.net/rapid", nil, []string{"shared/shift"}},
		{"rsc.io/qr", []string{"tui/internal/qr", "firmware-sim/escpos"}, nil},
	},

	law: []string{
		"agent/internal/duty", "agent/internal/sale", "agent/internal/printjob", "agent/internal/receipt", "agent/internal/spell", "agent/internal/gbtext", "shared/money", "shared/shift",
		"hub/internal/payment", "hub/internal/registry", "hub/internal/routing", "hub/internal/shiftbook", "hub/internal/risk",
		"hub/internal/ledger", "hub/internal/recon", "hub/internal/settlement",
	},

	// Where clock, chance and environment enter.
	roots: []string{"agent", "agent/agentd", "hub", "hub/hubd", "hub/lab", "hub/sandbox", "tui", "firmware-sim", "scripts/*"},

	// Folder and package that read the world themselves, each with its reason.
	worldly: map[string]string{
		"agent/internal/identity crypto/rand":          "the till's key is the system's randomness or nothing: a seed here would be a key that can be repeated",
		"agent/internal/localapi time":                 "deadlines of connections are read by the kernel, which has no other clock",
		"agent/internal/store crypto/rand":             "the key of the code digests, made once with the journal",
		"firmware-sim/fleet crypto/rand":               "keys of pretended tills: real ones, as anybody's would do who can reach the hub",
		"firmware-sim/fleet time":                      "load is made and measured in the world's time",
		"hub/internal/channel/channeltest crypto/rand": "test support: throw-away wallet keys and certificates",
		"hub/internal/channel/channeltest time":        "test support: throw-away wallet keys and certificates",
		"hub/internal/portal crypto/rand":              "the salt of a password",
		"hub/sandbox/internal/keys crypto/rand":        "the pretended wallets' keys",
		"hub/sandbox/internal/merchant crypto/rand":    "the pretended wallets' merchant numbers and keys",
		"shared/freeport math/rand/v2":                 "only so that programs which look at the same moment rarely find the same port",
		"shared/id crypto/rand":                        "a nil source means the system's: a root that forgets it still mints unguessable identifiers",
	},

	money: []string{
		"shared/money", "shared/pay", "shared/roster", "shared/storedvalue", "shared/wire", "shared/localapi",
		"agent/internal/duty", "agent/internal/sale", "agent/internal/store", "agent/internal/till", "agent/internal/books", "agent/internal/localapi",
		"agent/internal/receipt", "agent/internal/printer", "agent/internal/spell", "agent/internal/display", "agent/internal/voice", "shared/announce",
		"hub/internal/*", "hub/sandbox", "tui/internal/*", "scripts/internal/rig", "scripts/conformance", "scripts/demo", "scripts/e2e",
	},

	// Files in those folders that may hold floats, each with its reason.
	floats: map[string]string{
		"hub/internal/gateway/gateway.go": "Deps.Gauges, for Prometheus",
		"hub/sandbox/faults.go":           "rates of pretended faults",
		"hub/sandbox/notices.go":          "rates of pretended faults of notices",
		"hub/internal/gateway/metrics.go": "Prometheus counts in floats; what it counts is never read back",
	},

	// Packages that may panic, each with its reason.
	panics: map[string]string{
		"hub":                              "a flag's name spelt wrong in main.go",
		"hub/hubd":                         "no randomness: nothing can go on",
		"hub/internal/channel/channeltest": "test support: a test that cannot make its keys is over",
		"hub/internal/gateway":             "a handler wired past authentication must never answer",
		"hub/sandbox":                      "http.ErrAbortHandler, which is how net/http is told to cut a connection",
		"hub/sandbox/internal/keys":        "no randomness: nothing can go on",
		"hub/sandbox/internal/merchant":    "no randomness: nothing can go on",
		"scripts/conformance":              "http.ErrAbortHandler, which is how net/http is told to cut a connection",
		"shared/id":                        "no randomness: nothing can go on, and every caller would only pass the error up",
	},
}
