package main

import (
	"slices"
	"strings"
	"testing"
)

// TestAgreementsMustBeTried: without any one row of them a run is not whole, and a row of another mode stands for none.
func TestAgreementsMustBeTried(t *testing.T) {
	var rows []row
	for sdk, names := range agreed {
		for _, call := range names {
			rows = append(rows, row{SDK: sdk + " 1", Call: call})
			if slices.Contains(struck, sdk) && strings.HasPrefix(call, "alipay.") {
				rows = append(rows, row{SDK: sdk + " 1", Call: call, Side: "request", Changes: 1}, row{SDK: sdk + " 1", Call: call, Side: "answer", Changes: 1})
			}
		}
	}
	if out := unagreed(rows); len(out) > 0 {
		t.Fatalf("a whole day is not enough: %v", out)
	}
	for i := range rows {
		if out := unagreed(slices.Delete(slices.Clone(rows), i, i+1)); len(out) != 1 || !strings.Contains(out[0], rows[i].Call) {
			t.Errorf("without %v: %v", rows[i], out)
		}
		other := slices.Clone(rows)
		other[i].SDK = "alipay-sdk 1"
		if out := unagreed(other); len(out) != 1 {
			t.Errorf("%v done by the usual way: %v", rows[i], out)
		}
		none := slices.Clone(rows)
		none[i].Changes = 0
		if out := unagreed(none); (rows[i].Side != "") != (len(out) == 1) {
			t.Errorf("with no change in %v: %v", rows[i], out)
		}
	}
	if out := uncovered(rows); len(out) == 0 {
		t.Error("the agreements stand for the usual day")
	}
}
