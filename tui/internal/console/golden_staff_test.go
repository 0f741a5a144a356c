package console_test

import (
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/settings"
)

func init() {
	menu := func(line string, keys ...string) func(*rig) {
		return func(r *rig) {
			r.keys("f12", line)
			r.keys(keys...)
			r.pass(100 * time.Millisecond)
		}
	}
	for name, sc := range map[string]scene{
		"staff-menu":     {act: func(r *rig) { r.keys("f12") }},
		"overview":       {prepare: busyDay, act: menu("3")},
		"overview-below": {prepare: busyDay, act: menu("3", "down", "down", "down", "down", "down", "down")},
		"overview-empty": {act: menu("3", "left")},
		"overview-away":  {prepare: func(a *agent) { a.gone = true }, act: menu("3")},
		"health":         {prepare: ill, act: menu("4")},
		"health-below":   {prepare: ill, act: menu("4", "down", "down", "down", "down", "down", "down", "down", "down", "down")},
		"health-good":    {act: menu("4")},
		"selftest":       {act: menu("5")},
		"selftest-done":  {act: menu("5", "down", "down", "enter", "down", "down", "down", "enter")},
		"selftest-scan": {act: func(r *rig) {
			menu("5", "enter")(r)
			r.wedge(wechatCode)
			r.wedge("6901234567892")
			r.wedge("]C1" + "12345678")
		}},
		"selftest-keys":         {act: menu("5", "down", "enter", "f7", "5", "home", "esc")},
		"selftest-screen":       {act: menu("5", "down", "down", "down", "down", "down", "down", "down", "enter")},
		"settings":              {act: menu("6")},
		"settings-changed":      {act: menu("6", "down", "enter", "enter", "down", "enter", "down", "down", "enter", "1", "5", "enter")},
		"settings-above":        {act: menu("6", "down", "down", "down", "enter", "5", "0")},
		"settings-damaged-keys": {prepare: func(a *agent) { a.back.settings.Keys = map[string]string{"refund": "5"} }, act: menu("6")},
		"keys":                  {act: func(r *rig) { r.keys("f1") }},
		"keys-press":            {act: func(r *rig) { r.keys("f1", "down", "enter") }},
		"keys-taken":            {act: func(r *rig) { r.keys("f1", "down", "enter", "f12") }},
		"keys-moved": {prepare: func(a *agent) {
			history(a)
			a.back.settings.Keys = map[string]string{"refund": "end", "language": "f9", "reprint": "f2"}
		}, act: func(r *rig) { r.keys("f3", "down", "down") }},
		"export":       {act: menu("8")},
		"export-where": {act: menu("8", "left", "enter", "/", "m")},
		"export-wrong": {act: menu("8", "enter", "/", "n", "enter")},
		"contrast":     {prepare: func(a *agent) { a.back.settings.Theme = settings.ThemeContrast; history(a) }, act: func(*rig) {}},
		"large":        {prepare: func(a *agent) { a.back.settings.ConfirmAbove = 1_000_000 }, act: func(r *rig) { r.amount("12345"); r.keys("enter") }},
		"agent-hung": {act: func(r *rig) {
			scanned(localapi.StateAccepted, "").act(r)
			r.agent.mu.Lock()
			r.agent.back.hung = true
			r.agent.mu.Unlock()
			r.pass(12 * time.Second)
		}},
	} {
		scenes[name] = sc
	}
}
