package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const intro = `Collect a payment by the customer's payment code, and give money of it back.

Every request is signed: Authorization: CASHIER-HMAC-SHA256 key_id="…",timestamp="…",nonce="…",signature="…"
(or CASHIER-ED25519). The signed text is METHOD\nPATH?QUERY\nTIMESTAMP\nNONCE\nBODY\n with the request-target and the
body exactly as sent, the timestamp in unix seconds within 5 minutes of the hub's clock, a nonce of 8 to 64
characters of 0-9 A-Z a-z _ - used once, and the signature in base64 (HMAC key: the bytes of api_secret).

Answers carry Cashier-Timestamp, Cashier-Nonce (the request's), Cashier-Key-Id and Cashier-Signature over
STATUS\nTIMESTAMP\nNONCE\nBODY\n, signed with the same secret, or with the hub's Ed25519 key. An answer without a valid
signature comes from before authentication (401, 408, 413, 503) or not from the hub.

An answer lost on the way is found again: send the same request with a fresh timestamp, nonce and signature. The
order number is the idempotency key, and the refund number that of a refund; the same number with another body is
refused with 422. Amounts are whole fen,
times RFC 3339 in UTC. A JSON key that is unknown, doubled or spelt differently is refused.`

// operations is the inner door: routing and the OpenAPI document. Requests come here
// authenticated and with their body in the context; see [Gateway.merchants].
func (g *Gateway) operations() (http.Handler, []byte, error) {
	mux := http.NewServeMux()
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Cloud Cashier merchant API", Version: "1", Description: intro},
			Tags:    []*huma.Tag{{Name: "payments"}, {Name: "refunds"}, {Name: "terminals"}},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
	config.Components = &huma.Components{
		Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
		SecuritySchemes: map[string]*huma.SecurityScheme{
			"hmac":    {Type: "http", Scheme: schemeHMAC, Description: "HMAC-SHA256 with the bytes of api_secret"},
			"ed25519": {Type: "http", Scheme: schemeEd25519, Description: "Ed25519 with the merchant's registered key"},
		},
	}
	api := humago.New(mux, config)
	schemas := config.Components.Schemas
	huma.Register(api, operation(schemas, http.MethodPost, paymentsPath, "create-payment", "Collect a payment",
		http.StatusAccepted, http.StatusUnprocessableEntity), g.create)
	huma.Register(api, operation(schemas, http.MethodGet, paymentsPath, "list-payments", "Find the payments of an order"), g.list)
	huma.Register(api, operation(schemas, http.MethodGet, "/v1/payments/{id}", "read-payment", "Read a payment",
		http.StatusNotFound), g.read)
	huma.Register(api, operation(schemas, http.MethodPost, "/v1/payments/{id}/cancel", "cancel-payment", "Stop a payment and undo it",
		http.StatusAccepted, http.StatusNotFound, http.StatusConflict), g.cancel)
	g.refundOperations(api, schemas)
	activate := operation(schemas, http.MethodPost, activationPath, "activate-terminal", "Trade an activation code for a certificate",
		http.StatusForbidden, http.StatusConflict, http.StatusTooManyRequests)
	activate.Tags, activate.Security = []string{"terminals"}, []map[string][]string{}
	delete(activate.Responses, "401")
	huma.Register(api, activate, g.activate)

	// Said only now: told earlier, huma would read the body, which we have read and verified.
	paths := api.OpenAPI().Paths
	paths[paymentsPath].Post.RequestBody = bodyOf(schemas, reflect.TypeFor[newPayment]())
	paths["/v1/payments/{id}/refunds"].Post.RequestBody = bodyOf(schemas, reflect.TypeFor[newRefund]())
	paths[activationPath].Post.RequestBody = bodyOf(schemas, reflect.TypeFor[newEnrolment]())
	others(mux, api.OpenAPI())
	document, err := document(api.OpenAPI())
	return mux, document, err
}

func (g *Gateway) refundOperations(api huma.API, schemas huma.Registry) {
	refunding := func(method, path, name, summary string, statuses ...int) huma.Operation {
		op := operation(schemas, method, path, name, summary, append(statuses, http.StatusNotFound)...)
		if later := op.Responses["202"]; later != nil {
			later.Content["application/json"].Schema = schemas.Schema(reflect.TypeFor[Refund](), true, "")
		}
		op.Tags = []string{"refunds"}
		return op
	}
	huma.Register(api, refunding(http.MethodPost, "/v1/payments/{id}/refunds", "create-refund", "Give money of a payment back",
		http.StatusAccepted, http.StatusConflict, http.StatusUnprocessableEntity), g.createRefund)
	huma.Register(api, refunding(http.MethodGet, "/v1/payments/{id}/refunds", "list-refunds", "Find the refunds of a payment"), g.listRefunds)
	huma.Register(api, refunding(http.MethodGet, "/v1/refunds/{id}", "read-refund", "Read a refund"), g.readRefund)
}

// operation describes one operation; its problems are listed by status. Validation is ours, in the
// handlers: huma's would answer in another form.
func operation(schemas huma.Registry, method, path, name, summary string, statuses ...int) huma.Operation {
	op := huma.Operation{
		Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"payments"},
		Security:           []map[string][]string{{"hmac": {}}, {"ed25519": {}}},
		SkipValidateParams: true, SkipValidateBody: true, Responses: map[string]*huma.Response{},
	}
	problem := map[string]*huma.MediaType{"application/problem+json": {Schema: schemas.Schema(reflect.TypeFor[Problem](), true, "")}}
	statuses = append(statuses, http.StatusBadRequest, http.StatusUnauthorized, http.StatusServiceUnavailable)
	for _, s := range statuses {
		if s >= 400 {
			op.Responses[fmt.Sprint(s)] = &huma.Response{Description: titles[s], Content: problem}
			continue
		}
		op.Responses[fmt.Sprint(s)] = &huma.Response{
			Description: "No outcome yet: ask again",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[Payment](), true, "")}},
		}
	}
	op.Responses["default"] = &huma.Response{Description: "Any other problem", Content: problem}
	return op
}

func bodyOf(schemas huma.Registry, t reflect.Type) *huma.RequestBody {
	return &huma.RequestBody{Required: true,
		Content: map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(t, true, "")}}}
}

// others answers what no operation takes: 405 on a known path, 404 elsewhere.
func others(mux *http.ServeMux, api *huma.OpenAPI) {
	for path, item := range api.Paths {
		var allow []string
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post} {
			if op != nil {
				allow = append(allow, method)
			}
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			noMethod().write(w)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { noRoute().write(w) })
}

// document writes the OpenAPI document, corrected where a Go type cannot say it.
func document(api *huma.OpenAPI) ([]byte, error) {
	schemas := api.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own errors, which we never answer
	delete(schemas, "ErrorDetail")
	for _, name := range []string{"Payment", "Refund"} {
		decline := schemas[name].Properties["decline"]
		schemas[name].Properties["decline"] = &huma.Schema{
			Description: decline.Description,
			OneOf:       []*huma.Schema{{Ref: "#/components/schemas/Decline"}, {Type: "null"}},
		}
	}
	for _, name := range []string{"Payment", "Payments", "Refund", "Refunds", "Decline", "Problem", "Enrolment"} {
		schemas[name].AdditionalProperties = true // answers may grow
	}
	text, err := json.Marshal(api)
	if err != nil {
		return nil, fmt.Errorf("gateway: write the OpenAPI document: %w", err)
	}
	return text, nil
}
