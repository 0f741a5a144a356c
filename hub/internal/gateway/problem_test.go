package gateway_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"cloudcashier/hub/internal/gateway"
	"cloudcashier/shared/fault"
)

var update = flag.Bool("update", false, "write the golden files anew; read them afterwards")

// TestProblemsGolden holds what programs outside build on: statuses, codes and the two answers to
// "did it charge?" and "may I send it again?".
func TestProblemsGolden(t *testing.T) {
	h := open(t, nil)
	const one = "/v1/payments/pay_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	var got strings.Builder
	show := func(name string, a answer) {
		fmt.Fprintf(&got, "%s\n%d %s", name, a.status, a.body)
		if retry := a.header.Get("Retry-After"); retry != "" {
			fmt.Fprintf(&got, "Retry-After: %s\n", retry)
		}
		got.WriteByte('\n')
	}
	for _, err := range []error{
		fault.New(fault.Invalid, "code.nobody", "this is no wallet's code"),
		fault.New(fault.NotFound, "payment.unknown", "there is no payment \"pay_1\""),
		fault.New(fault.Conflict, "payment.paid", "this payment is paid: refund it instead of cancelling"),
		fault.New(fault.Conflict, "payment.order_open", "order A-1 is being paid: wait for its outcome"),
		fault.New(fault.Conflict, gateway.OrderConflict, "order A-1 was asked with another body"),
		fault.New(fault.Denied, "store.foreign", "the store is not yours"),
		fault.New(fault.Unavailable, "channel.busy", "the wallet is away"),
		fault.New(fault.InDoubt, "store.lost", "the commit was not confirmed"),
		fault.New(fault.Internal, "store.disk", "the disk at /dev/sda burns"),
		errors.New("nobody classified this"),
	} {
		h.script(func(b *books) { b.fail = err })
		kind := fault.KindOf(err)
		show(fmt.Sprintf("POST %s (%s)", kind, fault.CodeOf(err)), h.do(t, apple, "POST", "/v1/payments", order("A-1", "")))
		show(fmt.Sprintf("GET %s (%s)", kind, fault.CodeOf(err)), h.do(t, apple, "GET", one, ""))
	}
	for _, code := range []string{"payment.qr_unavailable", "payment.wallet_needed"} {
		h.script(func(b *books) { b.fail = fault.New(fault.Invalid, code, "no code can be shown") })
		show("mode qr ("+code+")", h.do(t, apple, "POST", "/v1/payments", `{"order_no":"A","amount":1,"subject":"tea","mode":"qr"}`))
	}
	show("no route", h.do(t, apple, "GET", "/v1/nothing", ""))
	show("no method", h.do(t, apple, "POST", one, ""))
	c := newCall("POST", "/v1/payments", "")
	show("not signed", h.send(t, c))
	golden(t, "testdata/problems.golden", got.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

func TestStrictBodies(t *testing.T) {
	h := open(t, nil)
	whole := order("A-1", "")
	edit := func(old, new string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("%q is not in %s", old, whole)
		}
		return strings.Replace(whole, old, new, 1)
	}
	for body, code := range map[string]string{
		"":                                      "json.malformed",
		"null":                                  "request.body",
		"[]":                                    "json.field",
		whole + "{}":                            "json.malformed",
		whole[:len(whole)-1]:                    "json.malformed",
		order("A-1", `,"amount":1280`):          "json.malformed",
		order("A-1", `,"AMOUNT":1280`):          "request.field",
		order("A-1", `,"price":1`):              "request.field",
		edit(`"amount"`, `"Amount"`):            "request.field",
		edit(`"subject":"tea"`, `"subject":1`):  "request.subject",
		edit("1280", "12.80"):                   "request.amount",
		edit("1280", "1.28e3"):                  "request.amount",
		edit("1280", `"1280"`):                  "request.amount",
		edit("1280", "null"):                    "request.amount",
		edit("1280", "99999999999999999999"):    "request.amount",
		edit("1280", "0"):                       "money.not_positive",
		edit("1280", "-1"):                      "money.not_positive",
		edit("1280", "10000000001"):             "money.too_large",
		edit("A-1", ""):                         "request.order_no",
		edit("A-1", "A 1"):                      "request.order_no",
		edit("A-1", `A\n1`):                     "request.order_no",
		edit("A-1", "订单"):                       "request.order_no",
		edit("A-1", strings.Repeat("n", 65)):    "request.order_no",
		edit("tea", " "):                        "request.subject",
		edit("tea", `t\u0000a`):                 "request.subject",
		edit("tea", "t\xffa"):                   "request.subject",
		edit("tea", strings.Repeat("茶", 128)):   "request.subject",
		edit(secretCode, "123"):                 "code.length",
		edit(secretCode, "1300610988 28009406"): "code.garbled",
		edit(`"code":"`+secretCode+`",`, ""):    "request.code",
		edit(`"`+secretCode+`"`, secretCode):    "request.code",
		order("A-1", `,"mode":"qr"`):            "request.mode",
		order("A-1", `,"wallet":"wechat"`):      "request.wallet",
		`{"order_no":"A","amount":1,"subject":"tea","mode":"show"}`:                          "request.mode",
		`{"order_no":"A","amount":1,"subject":"tea","mode":"qr","wallet":"qq"}`:              "request.wallet",
		`{"order_no":"A","amount":1,"subject":"tea","mode":"qr","wallet":"storedvalue"}`:     "request.wallet",
		order("A-1", `,"currency":"USD"`):                                                    "money.currency",
		order("A-1", `,"store":"shop"`):                                                      "request.store",
		order("A-1", `,"terminal":"sto_01ARZ3NDEKTSV4RRFFQ69G5FAV"`):                         "request.terminal",
		order("A-1", `,"wait_ms":-1`):                                                        "request.wait_ms",
		order("A-1", `,"wait_ms":60001`):                                                     "request.wait_ms",
		order("A-1", `,"metadata":[]`):                                                       "request.metadata",
		order("A-1", `,"metadata":"x"`):                                                      "request.metadata",
		order("A-1", `,"metadata":{"a":1,"a":2}`):                                            "json.malformed",
		order("A-1", `,"metadata":{"a":"`+strings.Repeat("x", 4096)+`"}`):                    "request.metadata",
		order("A-1", `,"metadata":`+strings.Repeat(`{"a":`, 20)+"1"+strings.Repeat("}", 21)): "json.malformed",
	} {
		a := h.do(t, apple, "POST", "/v1/payments", body)
		if a.status != 400 || a.fields(t)["code"] != code || strings.Contains(a.body, secretCode) {
			t.Errorf("%.120q: %d %s, want %s", body, a.status, a.body, code)
		}
	}
	for target, want := range map[string]int{
		"/v1/payments":                                  400,
		"/v1/payments?order_no=":                        400,
		"/v1/payments?order_no=A&order_no=B":            400,
		"/v1/payments?order_no=A&limit=3":               400,
		"/v1/payments?order_no=%zz":                     400,
		"/v1/payments?order_no=A&refresh=bank":          400,
		"/v1/payments?order_no=A%2BB%26&refresh=wallet": 200,
	} {
		if a := h.do(t, apple, "GET", target, ""); a.status != want {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
	}
	if a := h.do(t, apple, "GET", "/v1/payments?order_no=A", "{}"); a.status != 400 {
		t.Errorf("a GET with a body: %d", a.status)
	}
	if a := h.do(t, apple, "POST", "/v1/payments?wait_ms=0", whole); a.status != 400 {
		t.Errorf("a POST with a query: %d", a.status)
	}
	if len(h.asks) != 0 {
		t.Errorf("%d bad requests reached the engine", len(h.asks))
	}
	if strings.Contains(h.log.String(), secretCode) {
		t.Error("the payment code is in the log")
	}
}

func TestOpenAPI(t *testing.T) {
	h := open(t, nil)
	a := h.send(t, newCall("GET", "/openapi.json", ""))
	doc := a.fields(t)
	if a.status != 200 || doc["openapi"] != "3.1.0" {
		t.Fatalf("%d %v", a.status, doc["openapi"])
	}
	at := func(path ...string) any {
		var v any = doc
		for _, p := range path {
			m, ok := v.(map[string]any)
			if !ok || m[p] == nil {
				t.Errorf("the document has no %s", strings.Join(path, " / "))
				return nil
			}
			v = m[p]
		}
		return v
	}
	for _, op := range [][2]string{{"/v1/payments", "post"}, {"/v1/payments", "get"}, {"/v1/payments/{id}", "get"},
		{"/v1/payments/{id}/cancel", "post"}, {"/terminal/v1/activate", "post"}} {
		at("paths", op[0], op[1], "operationId")
		at("paths", op[0], op[1], "responses", "200", "content", "application/json", "schema", "$ref")
		at("paths", op[0], op[1], "responses", "default", "content", "application/problem+json", "schema", "$ref")
	}
	at("components", "securitySchemes", "hmac", "scheme")
	at("paths", "/v1/payments", "post", "responses", "202")
	at("paths", "/v1/payments", "post", "responses", "422")
	at("paths", "/v1/payments", "post", "requestBody", "content", "application/json", "schema", "$ref")
	for _, field := range []string{"id", "order_no", "status", "outcome", "amount", "currency", "refunded_amount", "wallet",
		"channel", "wallet_ref", "paid_at", "decline", "qr", "qr_until", "advice", "created_at"} {
		at("components", "schemas", "Payment", "properties", field)
	}
	if all := at("components", "schemas", "Payment", "properties"); len(all.(map[string]any)) != 16 {
		t.Errorf("Payment has %d properties", len(all.(map[string]any)))
	}
	refs(t, doc, func(ref string) {
		name, ok := strings.CutPrefix(ref, "#/components/schemas/")
		if !ok {
			t.Errorf("reference %q leads out", ref)
		}
		at("components", "schemas", name)
	})
	var indented map[string]any
	if err := json.Unmarshal([]byte(a.body), &indented); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(indented, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/openapi.golden.json", string(text)+"\n")
}

// refs visits every $ref of a document.
func refs(t *testing.T, v any, visit func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if ref, ok := inner.(string); ok && k == "$ref" {
				visit(ref)
			}
			refs(t, inner, visit)
		}
	case []any:
		for _, inner := range v {
			refs(t, inner, visit)
		}
	}
}
