package console_test

import (
	"context"
	"io"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/settings"
)

// office is what the agent knows beside sales.
type office struct {
	days     map[string]localapi.Day
	health   localapi.Health
	settings settings.Settings
	saved    []settings.Settings
	broken   error // of saving
	tested   []string
	hung     bool // the agent takes questions and answers none
}

func (o *office) save(s settings.Settings) error {
	if o.broken == nil {
		o.saved = append(o.saved, s)
	}
	return o.broken
}

func (a *agent) Day(_ context.Context, date string) (localapi.Day, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return localapi.Day{}, errDial
	}
	d := a.back.days[date]
	d.Date = date
	return d, nil
}

func (a *agent) Health(context.Context) (localapi.Health, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return localapi.Health{}, errDial
	}
	h := a.back.health
	h.At = time.Now()
	return h, nil
}

func (a *agent) SelfTest(_ context.Context, part string) (localapi.SelfTested, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.back.tested = append(a.back.tested, part)
	if part == localapi.PartVoice {
		return localapi.SelfTested{}, fault.New(fault.Conflict, "voice.none", "this till has no voice")
	}
	return localapi.SelfTested{Part: part, OK: true, Message: "Look for a slip that says TEST."}, nil
}

func (a *agent) Export(ctx context.Context, date string, w io.Writer) error {
	if _, err := io.WriteString(w, "record,date\r\nsale,"+date+"\r\n"); err != nil {
		return err
	}
	if a.lose != nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// busyDay is a day like many, with everything that can be named apart.
func busyDay(a *agent) {
	now := time.Now().In(time.FixedZone("CST", 8*3600))
	today, before := now.Format("2006-01-02"), now.AddDate(0, 0, -1).Format("2006-01-02")
	d := localapi.Day{Paid: 128, Gross: 1234567, Refunds: 3, Refunded: 9900, Net: 1224667, NotPaid: 7, Open: 2, OpenAmount: 2560,
		Deferred: 1, DeferredAmount: 990, OpenRefunds: 1, OpenRefundsAmount: 500,
		Lines: []localapi.DayLine{{Tender: localapi.TenderWallet, Wallet: pay.Alipay, Paid: 50, Gross: 400000, Net: 400000},
			{Tender: localapi.TenderWallet, Wallet: pay.StoredValue, Paid: 3, Gross: 4567, Net: 4567},
			{Tender: localapi.TenderWallet, Wallet: pay.UnionPay, Paid: 5, Gross: 30000, Net: 30000},
			{Tender: localapi.TenderWallet, Wallet: pay.WeChat, Paid: 60, Gross: 700000, Refunds: 3, Refunded: 9900, Net: 690100},
			{Tender: localapi.TenderCash, Paid: 10, Gross: 100000, Net: 100000}}}
	for h := 7; h < 23; h++ {
		d.Hours = append(d.Hours, localapi.DayHour{Hour: h, Paid: h, Gross: int64(h*h%17+1) * 10000})
	}
	a.back.days = map[string]localapi.Day{today: d, before: {Paid: 100, Gross: 1000000, Refunds: 1, Refunded: 20000, Net: 980000}}
}

// ill is a till with troubles.
func ill(a *agent) {
	offline(a)
	until, since := time.Now().Add(20*24*time.Hour), time.Now().Add(-10*time.Minute)
	a.status.Unsynced, a.status.UnsyncedSince = 42, &since
	a.status.Printer = &localapi.Printer{Path: "/dev/usb/lp0", State: localapi.PrinterPaperOut, Waiting: 2, Failed: 1}
	a.status.Display = &localapi.Display{Path: "/dev/ttyS1", State: localapi.DisplayStuck}
	a.status.Voice = &localapi.Voice{State: localapi.VoiceReady, Said: 12, Missed: 1}
	a.back.health = localapi.Health{CertificateUntil: &until, JournalBytes: 3 << 20, DiskFree: 300 << 20, Checks: []localapi.Check{
		{Name: "folder", Verdict: localapi.CheckOK, Found: "/var/lib/cashier"},
		{Name: "certificate", Verdict: localapi.CheckWarn, Found: "valid to 2026-12-15", Do: "ask"},
		{Name: "disk", Verdict: localapi.CheckWarn, Found: "300 MiB free", Do: "free some space"},
		{Name: "scanner /dev/scanner0", Verdict: localapi.CheckFail, Found: "not connected", Do: "plug it in"},
		{Name: "moon", Verdict: localapi.CheckWarn, Found: "full", Do: "wait for the new one"}}}
}
