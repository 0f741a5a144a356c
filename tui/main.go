// Command cashier-tui is the cashier's screen. It shows and asks what the agent on the same till
// does, over the agent's unix socket.
//
// It refuses to run without a terminal and holds no state of its own: it may be closed and opened
// at any time. Newcomers get one thing wrong: Ctrl+C does not end it, because scanners send it as
// the end of a frame; F10 or Ctrl+Q does, after a question.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/charmbracelet/x/term"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/screen"
	"cloudcashier/tui/internal/settings"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: 0 after leaving it, 1 when the screen failed, 2 when it was started wrongly.
func run(args []string, env func(string) string, in, out *os.File, errs io.Writer) int {
	o, err := options(args, env, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errs, "cashier-tui:", err)
		return 2
	}
	if !term.IsTerminal(in.Fd()) || !term.IsTerminal(out.Fd()) {
		fmt.Fprintln(errs, "cashier-tui: needs a terminal for its input and output: run it at the till's keyboard and screen")
		return 2
	}
	keep, saved, trouble := settings.Open(o.settings)
	told := ""
	if trouble != nil {
		told = fault.MessageOf(trouble)
	} else if saved.Lang != "" && !o.asked && (saved.Lang == "en" || env("TERM") != "linux") { // the console has no Chinese
		o.lang = words.Lang(saved.Lang)
	}
	if _, err := screen.NewKeys(saved.Keys); err != nil {
		keep.Refuse() // its first save must not lose what somebody wrote there
	}
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	agent := localapi.NewClient(o.socket)
	defer agent.Close()
	ids := id.NewSource(time.Now, nil)
	err = console.Run(ctx, console.Config{
		Doors: screen.DoorsOf(agent), Sync: agent.Sync, Events: agent.Events, Now: time.Now, NewOrder: ids.OutTradeNo, Zone: zone(),
		Lang: o.lang, Chinese: o.lang == words.ZH || env("TERM") != "linux", Theme: theme(env), In: in, Out: out,
		Settings: saved, Save: keep.Save, Trouble: told, Continued: continued,
	})
	if err != nil {
		fmt.Fprintln(errs, "cashier-tui:", err)
		return 1
	}
	return 0
}

// asked is what the command line says.
type asked struct {
	socket   string
	settings string
	lang     words.Lang
	asked    bool // for the language
}

func options(args []string, env func(string) string, errs io.Writer) (o asked, err error) {
	flags := flag.NewFlagSet("cashier-tui", flag.ContinueOnError)
	flags.SetOutput(errs)
	data := flags.String("data", "", "the agent's data folder; its socket is agent.sock in there")
	flags.StringVar(&o.socket, "socket", "", "the agent's socket, instead of --data")
	lang := flags.String("lang", "", "zh or en (default: as the settings say, else by LC_ALL, LC_MESSAGES, LANG; en on the Linux console)")
	flags.StringVar(&o.settings, "settings", "", "the file of this screen's settings (default: tui.json beside the socket)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q is not understood: see cashier-tui -h", flags.Arg(0))
	case (o.socket == "") == (*data == ""):
		return o, errors.New("say where the agent is: --data DIR or --socket PATH")
	case o.socket == "":
		o.socket = filepath.Join(*data, "agent.sock")
	}
	if o.settings == "" {
		o.settings = filepath.Join(filepath.Dir(o.socket), settings.FileName)
	}
	o.asked = *lang != ""
	o.lang, err = words.Pick(*lang, env("LC_ALL"), env("LC_MESSAGES"), env("LANG"), env("TERM"))
	return o, err
}

// zone is the shop's. A till without time zone files still knows China's, which has no summer time.
func zone() *time.Location {
	if loc, err := time.LoadLocation("Asia/Shanghai"); err == nil {
		return loc
	}
	return time.FixedZone("CST", 8*60*60)
}

// theme is what the terminal can show. The Linux console's font lacks the signs.
func theme(env func(string) string) widget.Theme {
	kind := env("TERM")
	attr := kind != "" && kind != "dumb"
	return widget.Theme{Attr: attr, Colour: attr && env("NO_COLOR") == "", ASCII: kind == "linux"}
}
