package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"cloudcashier/firmware-sim/speaker"
	"cloudcashier/shared/announce"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/strictjson"
)

const speakerUsage = `Pretends to be a speaker on the shop's network: takes the till's signed messages at ADDR (port 0 picks one),
prints "ready http://ADDR", and then what it would say, a line each. A message that is not signed with the
key in FILE, that is too old, from the future, or was said before is refused.

With --control ADDR (127.0.0.1:PORT; port 0 picks one and prints "control http://ADDR") it also answers:
  GET  /spoken    everything it said, and how many it refused, found too old, and had said before
  POST /busy      {"times":N}: it answers the next N messages with "busy"
  POST /unplug    pulls its power: nobody gets an answer
  POST /replug    power is back

Example:
  openssl rand -hex 32 > /tmp/till/speaker.key; chmod 600 /tmp/till/speaker.key
  firmware-sim speaker --listen 127.0.0.1:7080 --key /tmp/till/speaker.key --control 127.0.0.1:7073
  cashier-agent run --data /tmp/till --voice-speaker http://127.0.0.1:7080 --voice-speaker-key /tmp/till/speaker.key

Flags:
`

// runSpeaker is the command "speaker".
func runSpeaker(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flag.NewFlagSet("speaker", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	listen := set.String("listen", "", "`address` where it takes messages (required)")
	keyFile := set.String("key", "", "`file` with the secret shared with the till (required)")
	control := set.String("control", "", "`address` of the control door, such as 127.0.0.1:7073")
	token := set.String("token", "", "`file` with the token that callers of the control door must know; without one it opens on loopback only")
	if err := parse(set, args, speakerUsage, stdout); err != nil {
		return err
	}
	if *listen == "" || *keyFile == "" {
		return wrongUse{errors.New("a speaker needs --listen ADDR and --key FILE")}
	}
	key, err := readKey(*keyFile)
	if err != nil {
		return err
	}
	log, err := logs.New(stderr, "text", "info")
	if err != nil {
		return err
	}
	device := speaker.New(key, time.Now, func(s speaker.Said) { fmt.Fprintln(stdout, "spoken", s.Text) })
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("open the speaker's port: %w", err)
	}
	fmt.Fprintf(stdout, "ready http://%s\n", listener.Addr())
	return withDoor(ctx, *control, *token, log, stdout, func(d *door) { routeSpeaker(d, device) }, func(ctx context.Context) error {
		return serveSpeaker(ctx, listener, device, log)
	})
}

func readKey(file string) ([]byte, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, wrongUse{fmt.Errorf("read the speaker's key: %w", err)}
	}
	key, err := announce.ParseKey(raw)
	if err != nil {
		return nil, wrongUse{err}
	}
	return key, nil
}

// serveSpeaker takes messages until ctx ends.
func serveSpeaker(ctx context.Context, listener net.Listener, device *speaker.Speaker, log *slog.Logger) error {
	server := &http.Server{Handler: device, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // nothing of a speaker is worth waiting for
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the speaker's port: %w", err)
	}
	return nil
}

// routeSpeaker makes a door one of a speaker.
func routeSpeaker(d *door, device *speaker.Speaker) {
	state := func() (any, error) { return device.State(), nil }
	d.handle("GET /spoken", func(*http.Request, []byte) (any, error) { return state() })
	d.handle("POST /unplug", func(*http.Request, []byte) (any, error) { device.Plug(false); return state() })
	d.handle("POST /replug", func(*http.Request, []byte) (any, error) { device.Plug(true); return state() })
	d.handle("POST /busy", func(_ *http.Request, body []byte) (any, error) {
		var ask struct {
			Times int `json:"times"`
		}
		if err := strictjson.Decode(body, &ask); err != nil {
			return nil, err
		}
		device.Busy(ask.Times)
		return state()
	})
}
