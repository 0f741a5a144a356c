package agentd_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/agentd"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// TestStaffAskTheRunningAgent goes through the socket of a whole agent.
func TestStaffAskTheRunningAgent(t *testing.T) {
	dir := activated(t)
	client, _, stop := start(t, dir)
	defer stop()
	ctx := t.Context()
	sold, err := client.NewSale(ctx, api.NewSale{Amount: 1280, OrderNo: "0001", Tender: api.TenderCash})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.NewRefund(ctx, sold.ID, api.NewRefund{Amount: 280}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.NewSale(ctx, api.NewSale{Amount: 99, Code: code}); err != nil {
		t.Fatal(err)
	}
	date := sold.FinishedAt.In(time.FixedZone("CST", 8*3600)).Format("2006-01-02")
	day, err := client.Day(ctx, date)
	if err != nil || day.Gross != 1280 || day.Refunded != 280 || day.Net != 1000 || day.Open != 1 || day.OpenAmount != 99 {
		t.Errorf("%+v, %v", day, err)
	}
	if _, err := client.Day(ctx, "yesterday"); fault.CodeOf(err) != "books.day" {
		t.Errorf("a day that is none: %v", err)
	}
	var table, journal, resting bytes.Buffer
	if err := client.Export(ctx, date, &table); err != nil || !strings.Contains(table.String(), "\t0001") {
		t.Errorf("%s, %v", table.String(), err)
	}
	if err := client.Export(ctx, "", &journal); err != nil {
		t.Fatal(err)
	}
	if err := agentd.Export(dir, &resting); err != nil || resting.String() != journal.String() {
		t.Errorf("the running agent wrote %d bytes, its folder holds %d, %v", journal.Len(), resting.Len(), err)
	}
	if strings.Contains(table.String()+journal.String(), code) {
		t.Error("an export holds the code")
	}

	// Many ask at once; the doctor looks once.
	var asking sync.WaitGroup
	looks := make([]api.Health, 8)
	for i := range looks {
		asking.Go(func() {
			h, err := client.Health(ctx)
			if err != nil {
				t.Error(err)
			}
			looks[i] = h
		})
	}
	asking.Wait()
	for _, h := range looks {
		if !h.At.Equal(looks[0].At) || len(h.Checks) < 7 || h.Running || h.JournalBytes == 0 || h.DiskFree == 0 || h.CertificateUntil == nil {
			t.Fatalf("%+v", h)
		}
	}
	outside := map[string]agentd.Verdict{}
	for _, c := range agentd.Doctor(ctx, agentd.Config{Dir: dir}, world(&bytes.Buffer{})) {
		outside[c.Name] = c.Verdict
	}
	for _, c := range looks[0].Checks {
		if outside[c.Name] != c.Verdict {
			t.Errorf("inside %s is %s, outside %s", c.Name, c.Verdict, outside[c.Name])
		}
	}
}
