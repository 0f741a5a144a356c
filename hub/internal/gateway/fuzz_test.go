package gateway_test

import (
	"testing"

	"cloudcashier/hub/internal/gateway"
)

func FuzzAuthorization(f *testing.F) {
	f.Add(apple.sign(newCall("GET", "/", "")))
	f.Add(`CASHIER-ED25519 key_id="a",timestamp="1",nonce="12345678",signature="AA=="`)
	f.Add(`CASHIER-ED25519 =,"`)
	f.Fuzz(func(t *testing.T, header string) {
		keyID, nonce, ok := gateway.ParseAuthorization(header)
		if ok && (keyID == "" || len(nonce) < 8 || len(nonce) > 64) {
			t.Fatalf("%q gave %q %q", header, keyID, nonce)
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(order("A-1", `,"metadata":{"a":[1,{"b":null}]},"wait_ms":1`)))
	f.Add([]byte(`{"order_no":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ask, err := gateway.ParseAsk(body)
		if err != nil {
			return
		}
		if ask.OrderNo == "" || ask.Amount.Charge() != nil || ask.Code.IsZero() || ask.Subject == "" || ask.BodyHash == "" {
			t.Fatalf("%q gave %+v", body, ask)
		}
	})
}
