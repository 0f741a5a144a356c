package console_test

import "time"

func init() {
	overLimit := func(keys ...string) scene {
		return scene{prepare: manned, act: func(r *rig) { r.keys(append([]string{"f3", "down", "down", "f7", "y"}, keys...)...) }}
	}
	for name, s := range map[string]scene{
		"duty":          {prepare: manned, act: func(r *rig) { r.keys("f12", "2") }},
		"duty-nobody":   {prepare: unmanned, act: func(r *rig) { r.keys("f11") }},
		"duty-empty":    {prepare: history, act: func(r *rig) { r.keys("f11") }},
		"duty-pin":      {prepare: unmanned, act: func(r *rig) { r.keys("f11", "2", "2", "2", "2") }},
		"duty-wrong":    {prepare: unmanned, act: func(r *rig) { r.keys("f11", "2", "9", "9", "9", "9", "enter") }},
		"duty-locked":   {prepare: unmanned, act: func(r *rig) { lockOut(r, "2") }},
		"duty-expired":  {prepare: func(a *agent) { unmanned(a); past := time.Now().Add(-time.Hour); a.expires = &past }, act: func(r *rig) { r.keys("f11") }},
		"duty-till":     {prepare: manned, act: func(*rig) {}},
		"approve":       overLimit(),
		"approve-pin":   overLimit("enter", "2", "2"),
		"approve-wrong": overLimit("1", "9", "9", "9", "9", "enter"),
		"approve-not":   overLimit("esc"),
		"refund-part":   {prepare: manned, act: func(r *rig) { r.keys("f3", "down", "down", "f7", "p", "4", "0") }},
		"refund-reason": {prepare: manned, act: func(r *rig) { r.keys("f3", "down", "down", "f7", "r", "c", "o", "l", "d", "enter") }},
		"refund-offline-part": {prepare: func(a *agent) { manned(a); offline(a) }, act: func(r *rig) {
			r.keys("f3", "down", "down", "f7", "p", "4", "0", "enter", "y")
		}},
	} {
		scenes[name] = s
	}
}

// lockOut types wrong PINs until the operator is locked.
func lockOut(r *rig, number string) {
	r.keys("f11")
	for range 5 {
		r.keys(number, "9", "9", "9", "9", "enter")
	}
}
