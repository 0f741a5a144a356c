package sandbox_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/unionpay"
	"cloudcashier/hub/internal/channel/wechat"
	"cloudcashier/shared/money"
)

// ear is a merchant's door for notices. Each sending stands in heard until somebody takes it out.
type ear struct {
	*httptest.Server
	heard chan string
	reply channel.Reply
}

func (l *lab) ear(reply channel.Reply) *ear {
	e := &ear{heard: make(chan string, 64), reply: reply}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.heard <- string(body)
		w.WriteHeader(e.reply.Status)
		_, _ = w.Write(e.reply.Body)
	}))
	l.t.Cleanup(e.Close)
	return e
}

// next waits for a sending; the clock goes on while nothing comes.
func (e *ear) next(l *lab) string {
	l.t.Helper()
	for range 200 {
		select {
		case body := <-e.heard:
			return body
		case <-time.After(50 * time.Millisecond):
			l.clock.advance(time.Minute)
		}
	}
	l.t.Fatal("no notice came")
	return ""
}

type noticeState struct {
	Count struct {
		Sent, Lost, Reordered, Forged, Waiting, Taken int
		ForgedTaken                                   int `json:"forged_taken"`
		GivenUp                                       int `json:"given_up"`
	}
}

// settled waits until no notice is on its way any more.
func (l *lab) settled() noticeState {
	l.t.Helper()
	return l.state(time.Minute, func(s noticeState) bool { return s.Count.Waiting == 0 })
}

// state waits for the notices to stand so; the clock goes on by steps while they do not.
func (l *lab) state(step time.Duration, want func(noticeState) bool) noticeState {
	l.t.Helper()
	for range 400 {
		var s noticeState
		if l.control("GET", "/sandbox/notices", nil, &s); want(s) {
			return s
		}
		<-time.After(10 * time.Millisecond)
		l.clock.advance(step)
	}
	l.t.Fatal("the notices do not come to stand as they should")
	return noticeState{}
}

// readers are our own connectors, which believe nothing that is not signed.
func (l *lab) readers(kind string) map[string]channel.Noticer {
	l.t.Helper()
	must := func(err error) {
		if err != nil {
			l.t.Fatal(err)
		}
	}
	cert, err := tls.X509KeyPair([]byte(l.WeChat.ClientCert), []byte(l.WeChat.ClientKey))
	must(err)
	w, err := wechat.New(wechat.Config{BaseURL: "https://127.0.0.1/", AppID: l.WeChat.AppID, MchID: l.WeChat.MchID, APIKey: l.WeChat.APIKey, SignType: kind,
		ClientCert: cert, DeviceIP: "127.0.0.1", Now: l.clock.now, Nonce: rand.Text})
	must(err)
	block, _ := pem.Decode([]byte(l.Alipay.PublicKey))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	must(err)
	a, err := alipay.New(alipay.Config{GatewayURL: "https://127.0.0.1/g", AppID: l.Alipay.AppID, SellerID: l.Alipay.SellerID, PrivateKey: l.appKey,
		WalletKey: key.(*rsa.PublicKey), Now: l.clock.now})
	must(err)
	sign, err := x509.ParsePKCS8PrivateKey(pemBlock(l.t, l.UnionPay.SignKey))
	must(err)
	roots := x509.NewCertPool()
	roots.AddCert(l.unionpayCert(l.UnionPay.Root))
	u, err := unionpay.New(unionpay.Config{BaseURL: "https://127.0.0.1/", MerID: l.UnionPay.MerID, PrivateKey: sign.(*rsa.PrivateKey),
		Cert: l.unionpayCert(l.UnionPay.SignCert), SignRoots: roots, SignMiddle: []*x509.Certificate{l.unionpayCert(l.UnionPay.Middle)}, Signer: l.UnionPay.Signer, Now: l.clock.now})
	must(err)
	return map[string]channel.Noticer{"wechat": w, "alipay": a, "unionpay": u}
}

// pay has an order of 1.00 made whose merchant wants notices at an address; WeChat's payment codes have none.
func (l *lab) payNoticed(wallet, fate, address string) (number string) {
	l.t.Helper()
	number = l.number()
	code := l.code(wallet, fate)
	switch wallet {
	case "wechat":
		l.wechat("pay/micropay", l.wechatPay(number, code))
	case "alipay":
		f := l.alipayParams("alipay.trade.pay", l.alipayPay(number, code))
		l.alipayRaw("alipay.trade.pay", l.alipaySigned(f.without("sign").with("notify_url", address)))
	default:
		l.unionpay("backTransReq.do", l.unionpayPay(number, code).with("backUrl", address))
	}
	return number
}

func (l *lab) refundNoticed(wallet, of, ref, address string) (number string) {
	l.t.Helper()
	number = l.number()
	switch wallet {
	case "wechat":
		l.wechat("secapi/pay/refund", l.wechatRef(of).with("out_refund_no", number).with("total_fee", "100").with("refund_fee", "30").with("notify_url", address))
	case "alipay":
		l.alipay("alipay.trade.refund", fields{"out_trade_no": of, "out_request_no": number, "refund_amount": "0.30"})
	default:
		l.unionpay("backTransReq.do", l.unionpayBack("04/00", number, ref, "30").with("backUrl", address))
	}
	return number
}

func TestNoticesAreTheWallets(t *testing.T) {
	for _, wallet := range []string{"wechat", "alipay", "unionpay"} {
		for _, kind := range []string{"MD5", "HMAC-SHA256"} {
			if wallet != "wechat" && kind == "MD5" {
				continue
			}
			t.Run(wallet+" "+kind, func(t *testing.T) {
				l := start(t)
				reader := l.readers(kind)[wallet]
				e := l.ear(reader.Reply(true))
				order := l.payNoticed(wallet, "00", e.URL+"/n")
				if wallet == "wechat" {
					l.control("POST", "/sandbox/notices/send", map[string]string{"wallet": wallet, "out_trade_no": order, "url": e.URL + "/n", "sign_type": kind}, nil)
				}
				paid, err := reader.Notice(channel.Posted{Body: []byte(e.next(l))})
				if err != nil || paid.OutTradeNo != order || paid.Amount != money.Fen(100) || paid.Finding != channel.Approved || paid.WalletRef == "" || !paid.At.Equal(began) {
					t.Fatalf("%+v, %v", paid, err)
				}
				refund := l.refundNoticed(wallet, order, paid.WalletRef, e.URL+"/n")
				back, err := reader.Notice(channel.Posted{Body: []byte(e.next(l))})
				if err != nil || back.OutRefundNo != refund || back.Refund != channel.Refunded || back.OrderRef != paid.WalletRef || back.Amount != money.Fen(30) {
					t.Fatalf("%+v, %v", back, err)
				}
				if s := l.settled(); s.Count.Taken != 2 || s.Count.Sent != 2 || s.Count.GivenUp != 0 {
					t.Errorf("%+v", s.Count)
				}
			})
		}
	}
}

// Nobody asks after a password was typed: the wallet tells.
func TestALaterChargeIsTold(t *testing.T) {
	for _, wallet := range []string{"alipay", "unionpay"} {
		l := start(t)
		reader := l.readers("MD5")[wallet]
		e := l.ear(reader.Reply(true))
		order := l.payNoticed(wallet, "53", e.URL)
		l.clock.advance(6 * time.Second)
		if n, err := reader.Notice(channel.Posted{Body: []byte(e.next(l))}); err != nil || n.OutTradeNo != order || n.Finding != channel.Approved {
			t.Errorf("%s: %+v, %v", wallet, n, err)
		}
	}
}

func TestAlipayTellsThatATradeIsClosed(t *testing.T) {
	l := start(t)
	reader := l.readers("MD5")["alipay"]
	e := l.ear(reader.Reply(true))
	order := l.payNoticed("alipay", "55", e.URL)
	if _, word := l.alipay("alipay.trade.cancel", fields{"out_trade_no": order}); word != "close" {
		t.Fatal(word)
	}
	if n, err := reader.Notice(channel.Posted{Body: []byte(e.next(l))}); err != nil || n.OutTradeNo != order || n.Finding != channel.Reversed {
		t.Errorf("%+v, %v", n, err)
	}
}

// A notice that is not taken comes again by the wallet's own ladder, the same, also after a restart, and then no more.
func TestTheLadder(t *testing.T) {
	for wallet, sendings := range map[string]int{"wechat": 10, "alipay": 8, "unionpay": 5} {
		l := start(t)
		reader := l.readers("MD5")[wallet]
		e := l.ear(reader.Reply(false))
		order := l.payNoticed(wallet, "00", e.URL)
		if wallet == "wechat" {
			l.control("POST", "/sandbox/notices/send", map[string]string{"wallet": wallet, "out_trade_no": order, "url": e.URL}, nil)
		}
		pace := func() { l.control("POST", "/sandbox/notices", map[string]int{"pace_ms": 1}, nil) }
		pace()
		var refs []string
		for i := range sendings {
			n, err := reader.Notice(channel.Posted{Body: []byte(e.next(l))})
			if err != nil {
				t.Fatal(err)
			}
			if refs = append(refs, n.OutTradeNo+n.WalletRef); i == 2 {
				l.restart()
				pace()
			}
		}
		if refs = slices.Compact(refs); len(refs) != 1 {
			t.Errorf("%s: different notices came: %q", wallet, refs)
		}
		if s := l.settled(); s.Count.GivenUp != 1 || len(e.heard) > 1 { // one whose end was not noted when the sandbox stopped is sent again
			t.Errorf("%s: %+v, and %d more sendings", wallet, s.Count, len(e.heard))
		}
	}
}

func TestWhatBefallsNotices(t *testing.T) {
	l := start(t)
	reader := l.readers("MD5")["alipay"]
	e := l.ear(reader.Reply(true))
	set := func(rates map[string]float64) {
		l.control("POST", "/sandbox/notices", map[string]any{"seed": 7, "rates": rates, "delay_ms": 5, "pace_ms": 10}, nil)
	}
	set(map[string]float64{"lose": 1})
	l.payNoticed("alipay", "00", e.URL)
	if s := l.settled(); s.Count.Lost != 8 || s.Count.GivenUp != 1 || len(e.heard) != 0 {
		t.Errorf("all lost: %+v", s.Count)
	}
	set(map[string]float64{"duplicate": 1})
	l.payNoticed("alipay", "00", e.URL)
	if a, b := e.next(l), e.next(l); a != b {
		t.Error("the double is another notice")
	}
	l.settled()
	set(map[string]float64{"reorder": 1})
	first := l.payNoticed("alipay", "00", e.URL)
	l.state(0, func(s noticeState) bool { return s.Count.Reordered == 1 })
	set(nil)
	second := l.payNoticed("alipay", "00", e.URL)
	a, b := e.next(l), e.next(l)
	if !strings.Contains(a, second) || !strings.Contains(b, first) {
		t.Error("the notices came in their order")
	}
	set(map[string]float64{"forge": 1})
	l.payNoticed("alipay", "00", e.URL)
	if _, err := reader.Notice(channel.Posted{Body: []byte(e.next(l))}); err == nil {
		t.Error("the forged notice verifies")
	}
	if _, err := reader.Notice(channel.Posted{Body: []byte(e.next(l))}); err != nil {
		t.Error(err)
	}
	if s := l.settled(); s.Count.Forged != 1 || s.Count.ForgedTaken != 1 { // this ear takes everything
		t.Errorf("%+v", s.Count)
	}
}

// A test never posts to strangers.
func TestNoticesStayOnThisMachine(t *testing.T) {
	l := start(t)
	for _, address := range []string{"http://192.0.2.1/n", "https://example.com/n", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/", "http://127.0.0.1/?a=1"} {
		l.payNoticed("alipay", "00", address)
	}
	if s := l.settled(); s.Count.Sent+s.Count.Taken+s.Count.GivenUp != 0 {
		t.Errorf("%+v", s.Count)
	}
}
