package channel_test

import (
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
)

func TestUndoUntil(t *testing.T) {
	china := time.FixedZone("CST", 8*60*60)
	at := func(text string) time.Time {
		d, err := time.ParseInLocation(time.DateTime, text, china)
		if err != nil {
			t.Fatal(err)
		}
		return d.UTC()
	}
	plain := channel.Rules{UndoWindow: 24 * time.Hour}
	daily := channel.Rules{UndoWindow: 24 * time.Hour, UndoDayEnds: 23 * time.Hour}
	short := channel.Rules{UndoWindow: time.Hour, UndoDayEnds: 23 * time.Hour}
	for _, c := range []struct {
		rules      channel.Rules
		sent, ends string
	}{
		{plain, "2026-01-01 22:59:59", "2026-01-02 22:59:59"},
		{daily, "2026-01-01 12:00:00", "2026-01-01 23:00:00"},
		{daily, "2026-01-01 22:59:59", "2026-01-01 23:00:00"},
		{daily, "2026-01-01 23:00:00", "2026-01-02 23:00:00"},
		{daily, "2026-01-01 00:00:00", "2026-01-01 23:00:00"}, // still the day before in London
		{daily, "2025-12-31 23:30:00", "2026-01-01 23:00:00"},
		{short, "2026-01-01 12:00:00", "2026-01-01 13:00:00"},
		{short, "2026-01-01 22:30:00", "2026-01-01 23:00:00"},
	} {
		if got := c.rules.UndoUntil(at(c.sent)); !got.Equal(at(c.ends)) {
			t.Errorf("sent at %s, undone until %s, want %s", c.sent, got.In(china), c.ends)
		}
	}
}
