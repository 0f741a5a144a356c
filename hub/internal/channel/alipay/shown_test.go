package alipay_test

import (
	"net/http"
	"net/url"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/shared/pay"
)

const (
	precreateNode = "alipay_trade_precreate_response"
	qrCode        = "https://qr.alipay.com/bavh4wjlxf12tper3a"
)

func codeToShow() map[string]string {
	return map[string]string{"code": "10000", "msg": "Success", "out_trade_no": channeltest.SampleNumber, "qr_code": qrCode}
}

// present asks for a code of a gateway that gives one answer, and tells what was asked.
func present(t *testing.T, node map[string]string) (a channel.Answer, content string) {
	key := testKey(t)
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		form, err := url.ParseQuery(string(body))
		if err != nil || form.Get("method") != "alipay.trade.precreate" {
			t.Errorf("asked for %q (%v)", form.Get("method"), err)
		}
		content = form.Get("biz_content")
		w.Write([]byte(wrap(key, precreateNode, object(node))))
	})
	o := channeltest.SampleOrder(pay.Alipay)
	o.Code = pay.Code{}
	return connect(t, s.URL, s.Roots).Present(t.Context(), o), content
}

func TestPresent(t *testing.T) {
	a, content := present(t, codeToShow())
	if a.Finding != channel.Pending || a.QR != qrCode || !a.Working {
		t.Errorf("present found %q, %q (%v)", a.Finding, a.QR, a.Err)
	}
	want := `{"out_trade_no":"` + channeltest.SampleNumber + `","product_code":"FACE_TO_FACE_PAYMENT","subject":"tea   \"cake\" <2> 茶","total_amount":"88.88",` +
		`"seller_id":"2088101106499364","store_id":"sto_01J00000000000000000000001","terminal_id":"trm_01J00000000000000000000001","time_expire":"2026-01-01 12:01:15"}`
	if content != want {
		t.Errorf("asked for\n%s, want\n%s", content, want)
	}
	for name, k := range map[string]struct {
		node map[string]string
		want channel.Finding
	}{
		"another order's":   {map[string]string{"code": "10000", "qr_code": qrCode}, channel.Unknown},
		"no text":           {success(nil), channel.Unknown},
		"a text of blanks":  {success(map[string]string{"qr_code": "https://qr alipay"}), channel.Unknown},
		"paid before":       {map[string]string{"code": "40004", "sub_code": "ACQ.TRADE_HAS_SUCCESS"}, channel.Unknown},
		"closed":            {map[string]string{"code": "40004", "sub_code": "ACQ.TRADE_HAS_CLOSE"}, channel.Unknown},
		"another amount":    {map[string]string{"code": "40004", "sub_code": "ACQ.CONTEXT_INCONSISTENT"}, channel.Unknown},
		"system error":      {map[string]string{"code": "40004", "sub_code": "ACQ.SYSTEM_ERROR"}, channel.Unknown},
		"a buyer's refusal": {map[string]string{"code": "40004", "sub_code": "ACQ.BUYER_BALANCE_NOT_ENOUGH"}, channel.Unknown},
		"in process":        {map[string]string{"code": "10003"}, channel.Unknown},
		"no right":          {map[string]string{"code": "40006", "sub_code": "isv.insufficient-isv-permissions"}, channel.Declined},
		"bad parameter":     {map[string]string{"code": "40004", "sub_code": "ACQ.INVALID_PARAMETER"}, channel.Declined},
		"limited":           {map[string]string{"code": "40005", "sub_code": "isv.app-call-limited"}, channel.Busy},
	} {
		if a, _ := present(t, k.node); a.Finding != k.want || a.QR != "" || a.Err == nil {
			t.Errorf("%s: found %q, %q (%v), want %q", name, a.Finding, a.QR, a.Err, k.want)
		}
	}
}
