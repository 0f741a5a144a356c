package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Board is a whole pretended counter: scanner, printer, display, speaker and drawer, in one process.
type Board struct {
	Scanner string `json:"scanner"`
	Printer string `json:"printer"`
	Display string `json:"display"`
	Speaker string `json:"speaker"`
	Key     string `json:"speaker_key"` // file
	Control string `json:"control"`
	Slips   string `json:"slips"` // folder
	PID     int    `json:"pid"`
}

// PlugBoard starts a whole counter for the till, with further arguments; the agent is opened on all of it.
func (t *Till) PlugBoard(ctx context.Context, args ...string) (*Board, error) {
	dir := filepath.Join(t.rig.Dir, t.Name+".dev")
	p, err := t.rig.Start(t.Name+"-board", "firmware-sim", append([]string{"board", "--dir", dir}, args...)...)
	if err != nil {
		return nil, err
	}
	var b Board
	if err := Await(ctx, "the counter is set up", func() (bool, error) {
		select {
		case <-p.Done():
			return true, nil // looked at below
		default:
		}
		text, err := os.ReadFile(filepath.Join(dir, "board.json"))
		if err != nil {
			return false, err
		}
		err = json.Unmarshal(text, &b)
		return err == nil && b.PID == p.PID(), err
	}); err != nil {
		return nil, err
	}
	if b.PID != p.PID() {
		return nil, fmt.Errorf("the counter's board ended by itself: %s", tail(p.Log))
	}
	key, err := os.ReadFile(b.Key)
	if err != nil {
		return nil, fmt.Errorf("read the speaker's key: %w", err)
	}
	t.rig.Remember("the speaker's key", string(bytes.TrimSpace(key)))
	t.flags = []string{"--scanner", b.Scanner, "--printer", b.Printer, "--printer-baud", "115200", "--drawer", "--receipt-title", "示例小店 Demo",
		"--display", b.Display, "--display-profile", "cd5220-gb", "--voice-speaker", b.Speaker, "--voice-speaker-key", b.Key}
	return &b, nil
}

// Play has the counter play a script (firmware-sim board --help) and returns when it has happened.
func (b *Board) Play(ctx context.Context, script string) error {
	return b.ask(ctx, http.MethodPost, "/script", strings.NewReader(script), nil)
}

// Spoken is what the speaker has said, oldest first.
func (b *Board) Spoken(ctx context.Context) (texts []string, err error) {
	var state struct {
		Spoken []struct {
			Text string `json:"text"`
		} `json:"spoken"`
	}
	err = b.ask(ctx, http.MethodGet, "/speaker/spoken", nil, &state)
	for _, s := range state.Spoken {
		texts = append(texts, s.Text)
	}
	return texts, err
}

// Screens are all that the customer saw, oldest first, each as one text.
func (b *Board) Screens(ctx context.Context) (texts []string, err error) {
	var state struct {
		Screens [][]string `json:"screens"`
	}
	err = b.ask(ctx, http.MethodGet, "/display/state", nil, &state)
	for _, s := range state.Screens {
		texts = append(texts, strings.Join(s, "\n"))
	}
	return texts, err
}

func (b *Board) ask(ctx context.Context, method, path string, body io.Reader, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, b.Control+path, body)
	if err != nil {
		return fmt.Errorf("ask the counter: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the counter: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("ask the counter: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the counter answers %s: %s", response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
