package printer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// TestTheReceiptOfTheLastPart lists all parts of the bill; the one before says what it is a part of, and no more.
func TestTheReceiptOfTheLastPart(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	p, _ := x.run()
	x.untilState(localapi.PrinterReady)
	for i, fen := range []int64{3720, 1280} {
		id := fmt.Sprintf("sale_01KB000000000000000000000%d", i)
		part := sale.Taken(id, id, "", money.Fen(fen), localapi.TenderCash, time.Now())
		part.Bill, part.Received = sale.Bill{Number: "B-7", Total: money.Fen(5000)}, money.Fen(4000)
		must(t, x.store.Update(func(tx *store.Tx) error {
			_, err := tx.Insert(part, time.Now())
			return err
		}))
		p.Look()
		x.untilSlips(i + 1)
	}
	s := x.untilSlips(2)
	x.clean(s)
	for i, wanted := range [][]string{{"B-7", "￥50.00", "实收", "￥40.00", "￥2.80"}, {"B-7", "￥37.20", "￥12.80", "￥27.20", "账单已付清"}} {
		for _, want := range wanted {
			if !strings.Contains(s.Slips[i], want) {
				t.Errorf("slip %d lacks %q\n%s", i, want, s.Slips[i])
			}
		}
	}
	if strings.Contains(s.Slips[0], "账单已付清") {
		t.Errorf("the first part says that the bill is paid\n%s", s.Slips[0])
	}
}
