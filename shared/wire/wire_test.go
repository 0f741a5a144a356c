package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	at     = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	key    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	public = key.Public().(ed25519.PublicKey)
)

const terminal = "trm_01JGJ0000000000000000000"

var messages = []struct {
	kind wire.Kind
	dir  wire.Direction
	body any
}{
	{wire.KindHello, wire.Up, wire.Hello{Version: "1.2.3", Boot: "b1", SentAt: at}},
	{wire.KindPay, wire.Up, wire.Pay{Key: "sale_1", OrderNo: "A-1", Amount: 1280, Currency: "CNY", Code: "130061098828009406",
		CodeAgeMS: 40, Subject: "收款 <1> & more", ScannedAt: at}},
	{wire.KindFence, wire.Up, wire.Fence{Key: "sale_1"}},
	{wire.KindCancel, wire.Up, wire.Cancel{Key: "sale_1"}},
	{wire.KindAck, wire.Up, struct{}{}},
	{wire.KindWelcome, wire.Down, wire.Welcome{SentAt: at, Now: at.Add(time.Second)}},
	{wire.KindResult, wire.Down, wire.Result{Key: "sale_1", PaymentID: "pay_1", Status: pay.StatusSucceeded, Outcome: pay.Paid,
		Amount: 1280, Wallet: pay.WeChat, WalletRef: "4200001234", PaidAt: &at}},
	{wire.KindRefused, wire.Down, wire.Refused{Key: "sale_1", Code: "payment.order_conflict", Message: "no"}},
	{wire.KindRecords, wire.Up, wire.Records{After: 6, Hash: bytes.Repeat([]byte{6}, 32), Rows: []wire.Record{
		{Seq: 7, Sale: "sale_1", Kind: "new", Body: json.RawMessage(`{"state":"paid","order_no":"桌 5 \u003c1\u003e"}`), At: at, Prev: make([]byte, 32)},
		{Seq: 8, Kind: "unusable", Body: json.RawMessage(`{}`), At: at, Prev: bytes.Repeat([]byte{9}, 32)}}}},
	{wire.KindStored, wire.Down, wire.Stored{Through: 8, Fork: 7}},
	{wire.KindSkipped, wire.Down, wire.Skipped{Through: 5}},
	{wire.KindRefund, wire.Up, wire.Refund{Key: "ref_1", Sale: "sale_1", RefundNo: "R-1", Amount: 280, Currency: "CNY", Reason: "cold", AskedAt: at}},
	{wire.KindRefundResult, wire.Down, wire.RefundResult{Key: "ref_1", RefundID: "ref_2", Status: pay.RefundSucceeded, Outcome: pay.Refunded,
		Amount: 280, WalletRef: "5000001234", RefundedAt: &at}},
}

func seal(t *testing.T, i int) []byte {
	t.Helper()
	m := messages[i]
	data, err := wire.Seal(wire.Envelope{Kind: m.kind, ID: "msg_1", Seq: 3, Ack: 2, At: at, Exp: at.Add(45 * time.Second)},
		m.body, terminal, m.dir, key)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGolden(t *testing.T) {
	for i, m := range messages {
		path := filepath.Join("testdata", string(m.dir)+"_"+string(m.kind)+".json")
		got := seal(t, i)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s changed:\n%s\nwant\n%s", path, got, want)
		}
		e, err := wire.Open(want, terminal, m.dir, public)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		body := reflect.New(reflect.TypeOf(m.body))
		if err := json.Unmarshal(e.Body, body.Interface()); err != nil || !reflect.DeepEqual(body.Elem().Interface(), m.body) {
			t.Errorf("%s: body %+v, %v", path, body.Elem(), err)
		}
	}
}

// TestGoldenRare: the fields that most messages lack.
func TestGoldenRare(t *testing.T) {
	for name, body := range map[string]any{
		"up_pay_deferred": wire.Pay{Key: "sale_1", OrderNo: "A-1", Amount: 1280, Currency: "CNY", Code: "SV1C.eyJ2IjoxfQ.c2ln.cHJvb2Y",
			CodeAgeMS: 7_200_000, ScannedAt: at, DeferredAt: &at},
		"up_pay_qr": wire.Pay{Key: "sale_1", OrderNo: "A-1", Amount: 1280, Currency: "CNY", Subject: "tea", ScannedAt: at, Mode: wire.ModeQR, Wallet: pay.Alipay},
		"down_result_qr": wire.Result{Key: "sale_1", PaymentID: "pay_1", Status: pay.StatusPending, Outcome: pay.Unknown, Amount: 1280,
			Wallet: pay.Alipay, QR: "https://qr.alipay.com/bax03431ljhokirwl38f00a7", QRUntil: &at},
		"down_welcome_offline": wire.Welcome{SentAt: at, Now: at.Add(time.Second), Offline: "SVP1.eyJ2IjoxfQ.c2ln"},
	} {
		path := filepath.Join("testdata", name+".json")
		got, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s changed (%v):\n%s\nwant\n%s", path, err, got, want)
		}
		back := reflect.New(reflect.TypeOf(body))
		if err := json.Unmarshal(want, back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), body) {
			t.Errorf("%s: body %+v, %v", path, back.Elem(), err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	good := string(seal(t, 1))
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)).Public().(ed25519.PublicKey)
	for name, c := range map[string]struct {
		data     string
		terminal string
		dir      wire.Direction
		key      ed25519.PublicKey
		want     fault.Kind
	}{
		"another terminal": {good, "trm_other", wire.Up, public, fault.Denied},
		"another key":      {good, terminal, wire.Up, other, fault.Denied},
		"no key":           {good, terminal, wire.Up, nil, fault.Denied},
		"amount changed":   {strings.Replace(good, "1280", "1281", 1), terminal, wire.Up, public, fault.Denied},
		"seq changed":      {strings.Replace(good, `"seq":3`, `"seq":4`, 1), terminal, wire.Up, public, fault.Denied},
		"ack changed":      {strings.Replace(good, `"ack":2`, `"ack":9`, 1), terminal, wire.Up, public, fault.Denied},
		"expiry changed":   {strings.Replace(good, "03:04:50", "04:04:50", 1), terminal, wire.Up, public, fault.Denied},
		"id changed":       {strings.Replace(good, "msg_1", "msg_2", 1), terminal, wire.Up, public, fault.Denied},
		"kind changed":     {strings.Replace(good, `"kind":"pay"`, `"kind":"fence"`, 1), terminal, wire.Up, public, fault.Denied},
		"signature cut":    {strings.Replace(good, `"sig":"`, `"sig":"AA`, 1), terminal, wire.Up, public, fault.Denied},
		"sent back":        {good, terminal, wire.Down, public, fault.Invalid},
		"a result sent up": {string(seal(t, 6)), terminal, wire.Up, public, fault.Invalid},
		"an ack sent back": {string(seal(t, 4)), terminal, wire.Down, public, fault.Denied},
		"version":          {strings.Replace(good, `"v":1`, `"v":2`, 1), terminal, wire.Up, public, fault.Invalid},
		"unknown field":    {strings.Replace(good, `"v":1`, `"v":1,"w":1`, 1), terminal, wire.Up, public, fault.Invalid},
		"field twice":      {strings.Replace(good, `"v":1`, `"v":1,"v":1`, 1), terminal, wire.Up, public, fault.Invalid},
		"trailing":         {good + "{}", terminal, wire.Up, public, fault.Invalid},
		"cut":              {good[:len(good)-1], terminal, wire.Up, public, fault.Invalid},
		"empty":            {"", terminal, wire.Up, public, fault.Invalid},
		"big":              {good + strings.Repeat(" ", wire.MaxMessage), terminal, wire.Up, public, fault.Invalid},
	} {
		if _, err := wire.Open([]byte(c.data), c.terminal, c.dir, c.key); fault.KindOf(err) != c.want || err == nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestARecordsHashIsFixed: journals on tills' disks are chained by it.
func TestARecordsHashIsFixed(t *testing.T) {
	r := wire.Record{Seq: 7, Sale: "sale_1", Kind: "new", Body: json.RawMessage(`{"state":"paid"}`), At: at, Prev: make([]byte, 32)}
	const want = "25cea8b83e2a88f7555c6230a95894763ca8fe8205e106721476789b4033a44a"
	if got := hex.EncodeToString(r.Hash()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, change := range map[string]func(*wire.Record){
		"seq": func(r *wire.Record) { r.Seq++ }, "sale": func(r *wire.Record) { r.Sale = "sale_2" }, "kind": func(r *wire.Record) { r.Kind = "neW" },
		"body": func(r *wire.Record) { r.Body = json.RawMessage(`{"state":"Paid"}`) }, "prev": func(r *wire.Record) { r.Prev = bytes.Repeat([]byte{1}, 32) },
		"at": func(r *wire.Record) { r.At = r.At.Add(time.Millisecond) }, "a moved border": func(r *wire.Record) { r.Sale, r.Kind = "sale_1 3:", "w" },
	} {
		other := r
		if change(&other); bytes.Equal(other.Hash(), r.Hash()) {
			t.Errorf("%s does not count", name)
		}
	}
	// what travels hashes to the same
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back wire.Record
	if err := json.Unmarshal(data, &back); err != nil || !bytes.Equal(back.Hash(), r.Hash()) {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestRecordsCheck(t *testing.T) {
	hash := make([]byte, 32)
	row := func(seq uint64) wire.Record {
		return wire.Record{Seq: seq, Kind: "new", Body: json.RawMessage(`{}`), At: at, Prev: hash}
	}
	with := func(change func(*wire.Record)) wire.Records {
		r := row(1)
		change(&r)
		return wire.Records{Rows: []wire.Record{r}}
	}
	for name, m := range map[string]wire.Records{"none": {}, "one": {Rows: []wire.Record{row(1)}}, "a question": {After: 9, Hash: hash},
		"two": {After: 9, Hash: hash, Rows: []wire.Record{row(10), row(11)}}} {
		if err := m.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, m := range map[string]wire.Records{
		"a gap":         {Rows: []wire.Record{row(1), row(3)}},
		"a late start":  {Rows: []wire.Record{row(2)}},
		"out of order":  {Rows: []wire.Record{row(2), row(1)}},
		"no anchor":     {After: 9},
		"short anchor":  {After: 9, Hash: hash[:31]},
		"a false one":   {Hash: hash},
		"too many":      {Rows: make([]wire.Record, wire.MaxRecords+1)},
		"no kind":       with(func(r *wire.Record) { r.Kind = "" }),
		"no body":       with(func(r *wire.Record) { r.Body = nil }),
		"a big body":    with(func(r *wire.Record) { r.Body = bytes.Repeat([]byte("1"), wire.MaxRecordBody+1) }),
		"a short chain": with(func(r *wire.Record) { r.Prev = hash[:31] }),
		"a long name":   with(func(r *wire.Record) { r.Sale = strings.Repeat("x", 65) }),
	} {
		if err := m.Check(); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for i, body := range []any{shownPay, shownResult} {
		m := wire.Envelope{Kind: []wire.Kind{wire.KindPay, wire.KindResult}[i], ID: "msg_1", Seq: 3, At: at}
		data, err := wire.Seal(m, body, terminal, []wire.Direction{wire.Up, wire.Down}[i], key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, m := range messages {
		data, _ := os.ReadFile(filepath.Join("testdata", string(m.dir)+"_"+string(m.kind)+".json"))
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range []wire.Direction{wire.Up, wire.Down} {
			e, err := wire.Open(data, terminal, d, public)
			if err != nil {
				continue
			}
			if m, err := wire.Decode[wire.Records](e); e.Kind == wire.KindRecords && err == nil && m.Check() == nil {
				for _, r := range m.Rows {
					r.Hash()
				}
			}
			if m, err := wire.Decode[wire.Result](e); e.Kind == wire.KindResult && err == nil && len(m.QR) > wire.MaxQR {
				t.Fatalf("a code of %d bytes is believed", len(m.QR))
			}
			again, err := wire.Seal(wire.Envelope{Kind: e.Kind, ID: e.ID, Seq: e.Seq, Ack: e.Ack, At: e.At, Exp: e.Exp}, e.Body, terminal, d, key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := wire.Open(again, terminal, d, public); err != nil {
				t.Fatalf("resealed message is refused: %v", err)
			}
		}
	})
}
