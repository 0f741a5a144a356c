package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// maxBody bounds every request; the longest legal one has about 8 KiB.
const maxBody = 64 << 10

func (s *Sandbox) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/wechat/pay/micropay", s.wallet(s.wechat.Micropay))
	mux.Handle("/wechat/pay/orderquery", s.wallet(s.wechat.OrderQuery))
	mux.Handle("/wechat/pay/unifiedorder", s.wallet(s.wechat.UnifiedOrder))
	mux.Handle("/wechat/pay/closeorder", s.wallet(s.wechat.CloseOrder))
	mux.Handle("/wechat/secapi/pay/reverse", s.wallet(s.wechat.Reverse))
	mux.Handle("/wechat/secapi/pay/refund", s.wallet(s.wechat.Refund))
	mux.Handle("/wechat/pay/refundquery", s.wallet(s.wechat.RefundQuery))
	mux.Handle("/wechat/pay/downloadbill", s.wallet(s.wechat.DownloadBill))
	mux.Handle("/wechat/pay/downloadfundflow", s.wallet(s.wechat.DownloadFundFlow))
	mux.Handle("/wechat/v3/", s.wallet(s.wechatv3.Serve))
	mux.Handle("/alipay/gateway.do", s.wallet(s.alipay.Gateway))
	mux.Handle("/alipay/v3/", s.wallet(s.alipay.Rest))
	mux.Handle("/alipay/downloadBillFile.resource", s.wallet(s.alipay.Download))
	mux.Handle("/unionpay/gateway/api/backTransReq.do", s.wallet(s.unionpay.BackTrans))
	mux.Handle("/unionpay/gateway/api/queryTrans.do", s.wallet(s.unionpay.QueryTrans))
	mux.Handle("/unionpay/filedownload/{$}", s.wallet(s.unionpay.FileTransfer))
	mux.Handle("GET /sandbox/bills/unionpay/{date}", local(s.unionpayBill))
	mux.Handle("GET /sandbox/health", local(s.health))
	mux.Handle("GET /sandbox/busy", local(s.showBusy))
	mux.Handle("GET /sandbox/ledger", local(s.ledger))
	mux.Handle("POST /sandbox/merchants", local(s.addMerchant))
	mux.Handle("POST /sandbox/terms", local(s.setTerms))
	mux.Handle("POST /sandbox/age", local(s.age))
	mux.Handle("POST /sandbox/codes", local(s.issueCode))
	mux.Handle("POST /sandbox/pay", local(s.customerPays))
	mux.Handle("GET /sandbox/faults", local(s.showFaults))
	mux.Handle("POST /sandbox/faults", local(s.setFaults))
	mux.Handle("GET /sandbox/notices", local(s.showNotices))
	mux.Handle("POST /sandbox/notices", local(s.setNotices))
	mux.Handle("POST /sandbox/notices/send", local(s.sendNotice))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, http.StatusNotFound, "sandbox.not_found", "there is no such endpoint, or not with this method")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil && !loopback(r) {
			problem(w, http.StatusForbidden, "sandbox.plain_http", "plain HTTP is for this machine only: use https")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// loopback reports a caller on this machine.
func loopback(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// local keeps the control endpoints to this machine: who reaches them holds the merchants' keys.
func local(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r) {
			problem(w, http.StatusForbidden, "sandbox.remote", "the control endpoints answer callers on this machine only")
			return
		}
		err := h(w, r)
		switch fault.KindOf(err) {
		case fault.Invalid:
			problem(w, http.StatusBadRequest, fault.CodeOf(err), fault.MessageOf(err))
		default:
			if err != nil {
				problem(w, http.StatusInternalServerError, fault.CodeOf(err), fault.MessageOf(err))
			}
		}
	})
}

// problem is an RFC 9457 answer.
func problem(w http.ResponseWriter, status int, code, detail string) {
	body, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail})
	if err != nil {
		panic(err) // a map of strings and a number
	}
	write(w, status, "application/problem+json", body)
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that hung up has no use for the error
}

// read takes the whole body, or says false and has answered.
func read(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	var whole bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= maxBody {
		whole.Grow(int(n) + bytes.MinRead) // ReadFrom wants that much room to find the end in
	}
	_, err := whole.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		problem(w, http.StatusRequestEntityTooLarge, "sandbox.too_large", "the body is above 64 KiB")
	case err != nil:
		panic(http.ErrAbortHandler) // the client broke off
	}
	return whole.Bytes(), err == nil
}

// wallet puts a wallet's door on the wire, with the faults that are switched on.
func (s *Sandbox) wallet(answer func(door.Request) (door.Reply, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := read(w, r)
		if !ok {
			return
		}
		began := s.now()
		defer func() { s.busy.add(s.now().Sub(began)) }()
		f := s.faults.draw()
		if f.kind == lostBefore || f.kind == errorBefore {
			s.fail(w, f.kind)
			return
		}
		asked := door.Request{Method: r.Method, Path: r.URL.Path, URI: r.RequestURI, Base: "http://" + r.Host, Header: r.Header,
			Query: r.URL.RawQuery, Body: body, Now: s.now().UTC().Truncate(time.Millisecond)}
		if r.TLS != nil {
			asked.Base = "https://" + r.Host
			asked.Certificates = r.TLS.PeerCertificates
		}
		reply, err := answer(asked)
		if err != nil {
			s.log.Error("wallet request failed", logs.Channel, r.URL.Path, logs.Err, err)
			problem(w, http.StatusInternalServerError, "sandbox.internal", "internal error; the sandbox's log has the cause")
			return
		}
		s.log.LogAttrs(r.Context(), slog.LevelDebug, "wallet request", slog.String(logs.Channel, r.URL.Path),
			slog.String(logs.Order, reply.Order), slog.String(logs.Kind, reply.Verdict))
		if hold := reply.After + f.hold; hold > 0 {
			if s.wait(r.Context(), hold); r.Context().Err() != nil {
				reply.Cut = true // the sandbox stops: whoever waits learns nothing
			}
		}
		if reply.Cut {
			panic(http.ErrAbortHandler) // closes the connection without a byte
		}
		switch f.kind {
		case lostAfter, errorAfter:
			s.fail(w, f.kind)
			return
		case garbled:
			if len(reply.Body) == 0 {
				reply.Header = nil // with what signs it
			}
			reply.Body = door.Garble(reply.Body)
		}
		for name, values := range reply.Header {
			w.Header()[name] = values
		}
		write(w, reply.Status, reply.ContentType, reply.Body)
	})
}

func (s *Sandbox) fail(w http.ResponseWriter, kind faultKind) {
	if kind == lostBefore || kind == lostAfter {
		panic(http.ErrAbortHandler)
	}
	write(w, http.StatusBadGateway, "text/html; charset=utf-8", []byte("<html><body>502 Bad Gateway</body></html>\n"))
}
