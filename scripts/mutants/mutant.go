package main

import (
	"fmt"
	"slices"
	"strings"
)

// module is the name in go.mod.
const module = "cloudcashier"

// mutant is one bug and the tests that must notice it.
type mutant struct {
	name  string
	wrong string // what a shop, a customer or a merchant would suffer
	file  string
	edits []edit
	tests string // package folder
	run   string // pattern of its tests: the fewest that should notice
	env   string // "NAME=value", blanks between
	hangs bool   // standing still is a way to notice
	long  bool   // thousands of schedules may be needed
}

// edit replaces a text that stands in the file exactly once.
type edit struct{ old, new string }

// apply gives the file with the bug in it.
func (m mutant) apply(source []byte) ([]byte, error) {
	text := string(source)
	for _, e := range m.edits {
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("%s holds the text to change %d times, not once: bring the bug up to date\n%s", m.file, n, e.old)
		}
		text = strings.Replace(text, e.old, e.new, 1)
	}
	return []byte(text), nil
}

// table is every bug, rooms in the order of a payment's way.
func table() []mutant {
	return slices.Concat(
		slabBugs,
		// the till
		tillBugs,
		backBugs,
		deskBugs,
		operatorBugs,
		staffBugs,
		showingBugs,
		shiftBugs,
		scannerBugs,
		trainingBugs,
		deviceBugs,
		paperBugs,
		counterBugs,
		linkBugs,
		// the hub
		brokerBugs, gatewayBugs, engineBugs, lawBugs, refundBugs, shownBugs, routingBugs,
		walletBugs, wechatv3Bugs, unionpayBugs, noticeBugs, storedBugs, vaultBugs, measureBugs,
		chainBugs, conformanceBugs,
	)
}

// in fills what the bugs of one package share: its folder, and its own tests where no others are named.
func in(folder string, bugs ...mutant) []mutant {
	for i := range bugs {
		b := &bugs[i]
		if b.tests == "" {
			b.tests = folder
		}
		b.file = folder + "/" + b.file
	}
	return bugs
}

// swap is one edit.
func swap(old, new string) []edit { return []edit{{old, new}} }
