package console_test

import (
	"time"

	"cloudcashier/shared/localapi"
)

func init() {
	for name, sc := range map[string]scene{
		"cash-ask":    {prepare: history, act: func(r *rig) { r.amount("12.80"); r.keys("+") }},
		"cash-typed":  {act: func(r *rig) { r.amount("12.80"); r.keys("+"); r.amount("50") }},
		"cash-low":    {act: func(r *rig) { r.amount("12.80"); r.keys("+"); r.amount("10") }},
		"cash-change": {prepare: history, act: func(r *rig) { r.amount("12.80"); r.keys("+", "f6") }},
		"cash-large":  {act: func(r *rig) { r.amount("99999999.99"); r.keys("+", "f5") }},
		"bill":        {prepare: history, act: func(r *rig) { r.amount("100"); r.keys("*") }},
		"bill-part": {prepare: history, act: func(r *rig) {
			r.amount("100")
			r.keys("*")
			r.amount("40")
			r.keys("+", "f5", "enter")
		}},
		"bill-part-paid": {act: func(r *rig) { r.amount("100"); r.keys("*"); r.amount("40"); r.keys("+", "f5") }},
		"bill-open": {act: func(r *rig) {
			r.amount("100")
			r.keys("*")
			r.amount("40")
			r.wedge(wechatCode)
			r.state("sale_1", localapi.StateUnknown, "")
			r.keys("enter")
		}},
		"bill-too-much": {act: func(r *rig) { r.amount("100"); r.keys("*"); r.amount("200"); r.keys("enter") }},
		"bill-done":     {act: func(r *rig) { r.amount("100"); r.keys("*", "+", "enter") }},
		"bill-leave": {act: func(r *rig) {
			r.amount("100")
			r.keys("*")
			r.amount("40")
			r.keys("+", "enter", "enter", "esc")
		}},
		"bill-found":    {prepare: unfinished, act: func(*rig) {}},
		"search":        {prepare: history, act: func(r *rig) { r.keys("f3", "/"); r.amount("4455") }},
		"search-found":  {prepare: history, act: func(r *rig) { r.keys("f3", "/", "0"); r.keys("enter", "down", "down") }},
		"search-none":   {prepare: history, act: func(r *rig) { r.keys("f3", "/"); r.amount("4455"); r.keys("enter") }},
		"detail":        {prepare: history, act: func(r *rig) { r.keys("f3", "down", "down", "enter") }},
		"detail-back":   {prepare: history, act: func(r *rig) { r.keys("f3", "down", "down", "enter", "f7", "y"); r.pass(6 * time.Second) }},
		"receipt-alien": {act: func(r *rig) { r.wedge("0000000177") }},
		"receipt-busy":  {act: func(r *rig) { r.amount("5"); r.wedge("0000000177") }},
		"price":         {act: func(r *rig) { r.wedge("2012345012805") }},
		"price-busy":    {act: func(r *rig) { r.amount("5"); r.wedge("2012345012805") }},
		"confirm-large": {prepare: func(a *agent) { a.status.ConfirmAbove = 50000 }, act: func(r *rig) { r.amount("500"); r.keys("enter") }},
		"unknown-long":  {act: func(r *rig) { scanned(localapi.StateUnknown, "").act(r); r.pass(70 * time.Second) }},
	} {
		scenes[name] = sc
	}
}
