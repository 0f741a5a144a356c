package agentd_test

import (
	"bytes"
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/agentd"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// paid writes a sale of 1280 fen that a wallet paid into the journal of a till that does not run.
func paid(t *testing.T, dir string) (saleID string) {
	t.Helper()
	journal, err := store.Open(filepath.Join(dir, store.FileName), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	s := sale.New("sale_1", "W-1", "", money.Fen(1280), at)
	if err := journal.Update(func(tx *store.Tx) error {
		row, err := tx.Insert(s, at)
		for _, n := range []sale.News{{Event: sale.Scan, Wallet: pay.WeChat}, {Event: sale.Approved, PaymentID: "pay_1", Amount: 1280}} {
			after, failed := sale.Default.Step(row.Sale, n, at)
			if err != nil || failed != nil {
				t.Fatal(err, failed)
			}
			row, err = tx.Change(row, after, n.Event, at)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	return s.ID
}

// TestARefundWithoutAHub: a wallet's money is only asked back, and that survives; cash goes back at once.
func TestARefundWithoutAHub(t *testing.T) {
	dir := activated(t)
	saleID := paid(t, dir)
	client, _, stop := start(t, dir)
	ctx := t.Context()
	events := make(chan api.Event, 100)
	go func() { _ = client.Events(ctx, func(e api.Event) { events <- e }) }()
	if e := <-events; e.Kind != api.EventStatus {
		t.Errorf("the first event is %+v", e)
	}
	ask := api.NewRefund{Amount: 500, RefundNo: "R-1", Reason: "cold"}
	x, err := client.NewRefund(ctx, saleID, ask)
	if err != nil || x.State != api.RefundQueued || x.Outcome != pay.RefundInDoubt || x.Amount != 500 || x.Sale != saleID ||
		x.RefundNo != "R-1" || x.Reason != "cold" || !strings.HasPrefix(x.ID, "ref_") || !strings.HasPrefix(x.Message, "Not refunded yet: it is sent when") {
		t.Fatalf("%+v, %v", x, err)
	}
	for e := range events {
		if e.Kind == api.EventRefund {
			if *e.Refund != x {
				t.Errorf("told %+v", e.Refund)
			}
			break
		}
	}
	if again, err := client.NewRefund(ctx, saleID, ask); err != nil || again != x {
		t.Errorf("%+v, %v", again, err)
	}
	cash, err := client.NewSale(ctx, api.NewSale{Amount: 700, Tender: api.TenderCash})
	if err != nil {
		t.Fatal(err)
	}
	byHand, err := client.NewRefund(ctx, cash.ID, api.NewRefund{Amount: 700})
	if err != nil || byHand.State != api.RefundSucceeded || byHand.Outcome != pay.Refunded || byHand.FinishedAt == nil {
		t.Errorf("%+v, %v", byHand, err)
	}
	waits, err := client.NewSale(ctx, api.NewSale{Amount: 1})
	if err != nil {
		t.Fatal(err)
	}
	for want, call := range map[string]func() error{
		"sale.unknown":       func() error { _, err := client.NewRefund(ctx, "sale_none", api.NewRefund{Amount: 1}); return err },
		"refund.not_paid":    func() error { _, err := client.NewRefund(ctx, waits.ID, api.NewRefund{Amount: 1}); return err },
		"refund.too_much":    func() error { _, err := client.NewRefund(ctx, saleID, api.NewRefund{Amount: 781}); return err },
		"money.not_positive": func() error { _, err := client.NewRefund(ctx, saleID, api.NewRefund{}); return err },
		"refund.other_content": func() error {
			_, err := client.NewRefund(ctx, saleID, api.NewRefund{Amount: 1, RefundNo: "R-1"})
			return err
		},
		"refund.unknown": func() error { _, err := client.Refund(ctx, "ref_none"); return err },
	} {
		if err := call(); fault.CodeOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	stop() // as after a power cut

	client, _, stop = start(t, dir)
	if got, err := client.Refund(ctx, x.ID); err != nil || got != x {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	if list, err := client.Refunds(ctx, saleID); err != nil || len(list) != 1 || list[0] != x {
		t.Errorf("%+v, %v", list, err)
	}
	if s, err := client.Sale(ctx, saleID); err != nil || s.RefundingAmount != 500 || s.RefundedAmount != 0 || s.Outcome != pay.Paid {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := client.Sale(ctx, cash.ID); err != nil || s.RefundingAmount != 0 || s.RefundedAmount != 700 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := client.Status(ctx); err != nil || s.QueuedRefunds != 1 || s.OpenRefunds != 1 || s.PendingRefundsAmount != 500 || s.Queue != 1 || s.OldestWaiting == nil {
		t.Errorf("%+v, %v", s, err)
	}
	stop()
	wantChecks(t, dir, map[string]agentd.Verdict{"journal": agentd.Warn})
	var out bytes.Buffer
	if err := agentd.Export(dir, &out); err != nil || strings.Count(out.String(), `"type":"refund"`) != 2 ||
		!strings.Contains(out.String(), `"event":"refund.new"`) || !strings.Contains(out.String(), `"refunding_amount":500`) {
		t.Errorf("%v\n%s", err, out.String())
	}
}
