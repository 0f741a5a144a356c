package sandbox_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	backTrans  = "backTransReq.do"
	queryTrans = "queryTrans.do"
)

// unionpayText joins the parameters as they are signed; an empty value counts, as it does at UnionPay.
func unionpayText(f fields) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(f)) {
		if k != "signature" {
			parts = append(parts, k+"="+f[k])
		}
	}
	return strings.Join(parts, "&")
}

func twice(text string) []byte {
	first := sha256.Sum256([]byte(text))
	second := sha256.Sum256([]byte(hex.EncodeToString(first[:])))
	return second[:]
}

func pemBlock(t *testing.T, text string) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	return block.Bytes
}

func (l *lab) unionpayCert(text string) *x509.Certificate {
	l.t.Helper()
	cert, err := x509.ParseCertificate(pemBlock(l.t, text))
	if err != nil {
		l.t.Fatal(err)
	}
	return cert
}

// moment is the txnTime of a number: the moment it was first asked for, for ever.
func (l *lab) moment(number string) string {
	if l.moments == nil {
		l.moments = map[string]string{}
	}
	if l.moments[number] == "" {
		l.moments[number] = l.clock.now().In(time.FixedZone("", 8*3600)).Format("20060102150405")
	}
	return l.moments[number]
}

// unionpayBase is what every request holds.
func (l *lab) unionpayBase(kind, number string) fields {
	txn, sub, _ := strings.Cut(kind, "/")
	return fields{"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "bizType": "000000", "accessType": "0", "merId": l.UnionPay.MerID,
		"certId": l.unionpayCert(l.UnionPay.SignCert).SerialNumber.String(), "txnType": txn, "txnSubType": sub, "orderId": number, "txnTime": l.moment(number)}
}

func (l *lab) unionpayPay(number, code string) fields {
	f := l.unionpayBase("01/06", number)
	maps.Copy(f, fields{"channelType": "08", "txnAmt": "100", "currencyCode": "156", "qrNo": code, "termId": "00000001", "backUrl": "http://127.0.0.1/n"})
	return f
}

func (l *lab) unionpayBack(kind, number, of, fen string) fields {
	f := l.unionpayBase(kind, number)
	maps.Copy(f, fields{"channelType": "08", "txnAmt": fen, "origQryId": of, "backUrl": "http://127.0.0.1/n"})
	return f
}

func (l *lab) unionpaySigned(f fields) fields {
	l.t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(pemBlock(l.t, l.UnionPay.SignKey))
	if err != nil {
		l.t.Fatal(err)
	}
	sign, err := rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA256, twice(unionpayText(f)))
	if err != nil {
		l.t.Fatal(err)
	}
	return f.with("signature", base64.StdEncoding.EncodeToString(sign))
}

// unionpay signs and sends a request; see unionpayRaw for what it gives.
func (l *lab) unionpay(path string, f fields) (fields, string) {
	l.t.Helper()
	form := url.Values{}
	for k, v := range l.unionpaySigned(f) {
		form.Set(k, v)
	}
	return l.unionpayRaw(path, form.Encode())
}

// unionpayRaw sends a body. It gives the answer's fields once certificate and signature are proven,
// and one word for what came: respCode, for a query also origRespCode, with an R before that of a
// reversal.
func (l *lab) unionpayRaw(path, body string) (fields, string) {
	l.t.Helper()
	status, answer, cut := l.send(l.bare, "POST", "https://"+l.s.Addr()+"/unionpay/gateway/api/"+path, "application/x-www-form-urlencoded;charset=UTF-8", []byte(body))
	switch {
	case cut:
		return nil, "cut"
	case status != http.StatusOK:
		return nil, fmt.Sprint(status)
	}
	got := fields{}
	for _, part := range strings.Split(string(answer), "&") {
		k, v, ok := strings.Cut(part, "=")
		if _, twice := got[k]; !ok || twice {
			return nil, "garbled"
		}
		got[k] = v
	}
	if got["signature"] == "" || got["signPubKeyCert"] == "" {
		return nil, "garbled"
	}
	cert, roots, middle := l.unionpayCert(got["signPubKeyCert"]), x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(l.unionpayCert(l.UnionPay.Root))
	middle.AddCert(l.unionpayCert(l.UnionPay.Middle))
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		l.t.Errorf("the certificate in the answer: %v", err)
	}
	if parts := strings.Split(cert.Subject.CommonName, "@"); len(parts) < 3 || parts[2] != l.UnionPay.Signer {
		l.t.Errorf("the certificate in the answer is %q's", cert.Subject.CommonName)
	}
	raw, err := base64.StdEncoding.DecodeString(got["signature"])
	if err != nil || rsa.VerifyPKCS1v15(cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, twice(unionpayText(got)), raw) != nil {
		return got, "forged"
	}
	word := got["respCode"]
	if orig := got["origRespCode"]; orig != "" {
		if got["txnType"] == "99" {
			orig = "R" + orig
		}
		word += ":" + orig
	}
	return got, word
}

// unionpayFates is the table of fates as UnionPay's merchants see it; see fates for its language.
var unionpayFates = []struct{ code, script string }{
	{"00", `pay=00 query=00:00 pay=12 ledger=charge@0 +3s undo=00 query=00:R00 undo=00 pay=12 ledger=charge@0,reversal@3000`},
	{"49", `pay=00 ledger=charge@0`},
	{"57", `pay=00 ledger=charge@0`},
	{"50", `pay=00 query=00:64 pay=12 undo=00 query=00:R00 ledger=`},
	{"51", `pay=61 query=34 ledger=`},
	{"52", `pay=61 query=34 ledger=`},
	{"53", `pay=00 query=00:05 +4999ms query=00:05 ledger= +1ms query=00:00 +1h ledger=charge@5000 undo=00 ledger=charge@5000,reversal@3605000`},
	{"53", `pay=00 +2s undo=00 +1h query=00:R00 ledger=`},
	{"54", `pay=00 +4999ms query=00:05 +1ms query=00:01 undo=00 query=00:R00 +1h ledger=`},
	{"55", `pay=00 +599999ms query=00:05 +1ms query=00:01 ledger=`},
	{"60", `pay=cut query=00:00 pay=12 ledger=charge@0`},
	{"61", `pay=cut query=34 undo=34 pay=cut ledger=`},
	{"62", `pay=04 query=00:00 pay=12 ledger=charge@0`},
	{"63", `pay=04 query=34 pay=04 query=34 ledger=`},
	{"64", `pay=00 held=8s pay=12 held= ledger=charge@0`},
	{"65", `pay=forged query=00:00 pay=12 ledger=charge@0`},
	{"66", `pay=garbled query=00:00 pay=12 ledger=charge@0`},
	{"70", `pay=cut query=00:05 undo=04 query=00:05 undo=04 undo=00 query=00:R00 undo=00 ledger=`},
	{"71", `pay=cut query=00:05 +20s undo=00 query=00:R00 +5999ms undo=00 query=00:R00 ledger= +1ms query=00:00 +4s ledger=charge@26000
		undo=00 query=00:R00 undo=00 ledger=charge@26000,reversal@30000`},
	{"72", `pay=cut query=34 query=34 query=00:00 query=00:00 ledger=charge@0`},
	{"72", `pay=cut query=34 undo=00 query=00:R00 ledger=charge@0,reversal@0`},
	{"80", `pay=503 query=503 undo=503 +9999ms query=503 +1ms query=34 pay=503 query=34 undo=34 ledger=`},
	{"90", `pay=06 query=34 pay=00 query=00:00 pay=12 ledger=charge@0`},
}

func TestUnionPayFates(t *testing.T) {
	l := start(t)
	for _, f := range unionpayFates {
		t.Run(f.code, func(t *testing.T) { l.play(t, "unionpay", f.code, f.script, false) })
	}
}

func TestUnionPayFatesAcrossCrashes(t *testing.T) {
	for _, f := range unionpayFates {
		switch f.code {
		case "00", "71", "72":
			t.Run(f.code, func(t *testing.T) { start(t).play(t, "unionpay", f.code, f.script, true) })
		}
	}
}

// TestUnionPayFields changes one field of a good consumption at a time.
func TestUnionPayFields(t *testing.T) {
	l := start(t)
	long := strings.Repeat("x", 1025)
	for _, c := range []struct{ name, value, want string }{
		{"orderId", "1234567", "10"}, {"orderId", strings.Repeat("1", 41), "10"}, {"orderId", "N000-0001", "10"}, {"orderId", "N000_0001", "10"}, {"orderId", "", "10"}, {"orderId", strings.Repeat("1", 40), "00"},
		{"txnTime", "20260101115459", "10"}, {"txnTime", "20260101120501", "10"}, {"txnTime", "20260101040000", "10"}, {"txnTime", "2026-01-01 12:00:00", "10"}, {"txnTime", "20261301120000", "10"},
		{"txnTime", "20260101115500", "00"}, {"txnTime", "20260101120500", "00"},
		{"txnAmt", "0", "10"}, {"txnAmt", "-1", "10"}, {"txnAmt", "1.00", "10"}, {"txnAmt", "007", "10"}, {"txnAmt", "999999999999", "10"}, {"txnAmt", "1234567890123", "10"}, {"txnAmt", "1", "00"},
		{"currencyCode", "840", "10"}, {"currencyCode", "CNY", "10"}, {"qrNo", "62204850736304699", "61"}, {"qrNo", "130061098828009406", "61"}, {"qrNo", "hQVDUFYwMWET", "10"}, {"qrNo", "", "10"},
		{"termId", "T0000001", "10"}, {"termId", "1", "10"}, {"backUrl", "", "10"}, {"backUrl", "ftp://x", "10"}, {"backUrl", "http://" + strings.Repeat("x", 249), "10"},
		{"channelType", "", "10"}, {"channelType", "09", "10"}, {"channelType", "07", "00"}, {"accessType", "1", "10"}, {"bizType", "000201", "10"},
		{"reqReserved", "a=b", "10"}, {"reqReserved", "{x}", "10"}, {"reqReserved", long, "10"}, {"reqReserved", "till 1", "00"}, {"accType", "01", "00"}, {"accType", "02", "10"},
		{"unknown", "x", "10"}, {"queryId", "202601012010000000001", "10"}, {"txnSubType", "07", "30"}, {"txnType", "02", "30"}, {"txnType", "00", "30"},
		{"version", "5.0.0", "10"}, {"encoding", "GBK", "10"}, {"signMethod", "12", "11"}, {"certId", "1", "11"}, {"merId", "777000000000000", "31"}, {"merId", "", "31"},
	} {
		f := l.unionpayPay(l.number(), l.code("unionpay", "00"))
		if f[c.name] = c.value; c.value == "" {
			delete(f, c.name)
		}
		if got, word := l.unionpay(backTrans, f); word != c.want {
			t.Errorf("%s=%.40q: %s %v, want %s", c.name, c.value, word, got, c.want)
		}
	}
	good := l.unionpaySigned(l.unionpayPay(l.number(), l.code("unionpay", "00")))
	encode := func(f fields) string {
		form := url.Values{}
		for k, v := range f {
			form.Set(k, v)
		}
		return form.Encode()
	}
	for name, c := range map[string]struct{ body, want string }{
		"an amount after the signature": {encode(good.with("txnAmt", "1")), "11"}, "unsigned": {encode(good.without("signature")), "11"},
		"hashed once":    {encode(good.with("signature", once(t, l, good))), "11"},
		"an empty field": {encode(good) + "&reserved=", "10"}, "twice": {encode(good) + "&txnAmt=100", "10"}, "broken escape": {encode(good) + "&x=%zz", "10"},
		"nothing": {"", "10"}, "no form": {"<xml/>", "10"},
	} {
		if got, word := l.unionpayRaw(backTrans, c.body); word != c.want {
			t.Errorf("%s: %s %v, want %s", name, word, got, c.want)
		}
	}
	if _, word := l.unionpayRaw(backTrans+"?a=b", encode(good)); word != "10" {
		t.Errorf("with a query: %s", word)
	}
	if status, _, _ := l.send(l.bare, "GET", "https://"+l.s.Addr()+"/unionpay/gateway/api/"+backTrans, "", nil); status != 405 {
		t.Errorf("GET: %d", status)
	}
}

// once signs a text the way other wallets do: with one hash.
func once(t *testing.T, l *lab, f fields) string {
	key, err := x509.ParsePKCS8PrivateKey(pemBlock(t, l.UnionPay.SignKey))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(unionpayText(f)))
	sign, err := rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(sign)
}

// TestUnionPayEchoes reads an answer to a consumption and to the question about it.
func TestUnionPayEchoes(t *testing.T) {
	l := start(t)
	f := l.unionpayPay("ECHO0001", l.code("unionpay", "00")).with("reqReserved", "till 1")
	got, _ := l.unionpay(backTrans, f)
	for _, k := range []string{"merId", "orderId", "txnTime", "txnAmt", "currencyCode", "txnType", "txnSubType", "bizType", "accessType", "reqReserved", "version", "encoding", "signMethod"} {
		if got[k] != f[k] {
			t.Errorf("%s is %q, want %q", k, got[k], f[k])
		}
	}
	ref := got["queryId"]
	if len(ref) != 21 {
		t.Errorf("queryId is %q", ref)
	}
	for _, leak := range []string{"qrNo", "backUrl", "certId"} {
		if got[leak] != "" {
			t.Errorf("%s comes back: %q", leak, got[leak])
		}
	}
	got, _ = l.unionpay(queryTrans, l.unionpayBase("00/00", "ECHO0001"))
	want := fields{"queryId": ref, "txnAmt": "100", "currencyCode": "156", "orderId": "ECHO0001", "txnTime": f["txnTime"], "txnType": "01", "txnSubType": "06",
		"traceTime": "0101120000", "settleDate": "0101", "settleAmt": "100", "reqReserved": "till 1", "origRespCode": "00"}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("the query's %s is %q, want %q", k, got[k], v)
		}
	}
	byNumber := l.unionpayBase("00/02", "ECHO0001").without("orderId").without("txnTime").with("queryId", ref)
	if got, word := l.unionpay(queryTrans, byNumber); word != "00:00" || got["orderId"] != "ECHO0001" {
		t.Errorf("by queryId: %s %v", word, got)
	}
}

// TestUnionPayNames: an order is its number and its moment, and it is one merchant's.
func TestUnionPayNames(t *testing.T) {
	l := start(t)
	if _, word := l.unionpay(backTrans, l.unionpayPay("NAMED001", l.code("unionpay", "00"))); word != "00" {
		t.Fatal(word)
	}
	ask := func(f fields) string { _, word := l.unionpay(queryTrans, f); return word }
	q := l.unionpayBase("00/00", "NAMED001")
	r := l.unionpayBase("99/01", "NAMED001").with("channelType", "08")
	if word := ask(q.with("txnTime", "20260101120001")); word != "34" {
		t.Errorf("a second later: %s", word)
	}
	if _, word := l.unionpay(backTrans, r.with("txnTime", "20260101120001")); word != "34" {
		t.Errorf("reversed a second later: %s", word)
	}
	if word := ask(q.with("orderId", "NAMED002")); word != "34" {
		t.Errorf("another number: %s", word)
	}
	if _, word := l.unionpay(backTrans, l.unionpayPay("NAMED001", l.code("unionpay", "00")).with("txnTime", "20260101120001")); word != "12" {
		t.Errorf("the number at another moment: %s", word)
	}
	if word := ask(q); word != "00:00" {
		t.Errorf("its own name: %s", word)
	}
	var other merchant
	l.control("POST", "/sandbox/merchants", map[string]string{"name": "other"}, &other)
	mine := l.merchant
	l.merchant = other
	if word := ask(l.unionpayBase("00/00", "NAMED001")); word != "34" {
		t.Errorf("another merchant: %s", word)
	}
	l.UnionPay.MerID = mine.UnionPay.MerID
	if word := ask(l.unionpayBase("00/00", "NAMED001")); word != "11" {
		t.Errorf("with another merchant's certificate: %s", word)
	}
	if lines := l.ledger(); len(lines) != 1 {
		t.Errorf("the ledger has %d lines", len(lines))
	}
}
