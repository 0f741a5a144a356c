package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// OrderConflict is the code of a fault that says: this order number was used with another body.
const OrderConflict = "payment.order_conflict"

// RefundConflict is the code of a fault that says: this refund number was used with another body.
const RefundConflict = "refund.conflict"

// Problem is an error answer: RFC 9457 and four fields that tell a program what to do.
type Problem struct {
	Type         string `json:"type" doc:"urn:cloudcashier:problem: and the code"`
	Title        string `json:"title"`
	Status       int    `json:"status"`
	Detail       string `json:"detail" doc:"for people; it may change"`
	Code         string `json:"code" doc:"stable, for programs"`
	OutcomeKnown bool   `json:"outcome_known" doc:"true: this request is proven to have moved no money. false: it may have, or its question could not be answered. It says nothing of earlier requests for the same order"`
	RetrySame    bool   `json:"retry_same" doc:"the same request, with a fresh timestamp, nonce and signature, may be sent again"`
	Advice       string `json:"advice" doc:"what to do now"`

	retryAfter int  // seconds; 0: no header
	challenge  bool // say which authentication is wanted
}

// Error makes a problem an error for huma, which asks GetStatus and ContentType too.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType names the media type of a problem.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders are the headers that go with it.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.challenge {
		h.Set("WWW-Authenticate", schemeHMAC+", "+schemeEd25519)
	}
	return h
}

// write answers with the problem where huma is not in between.
func (p *Problem) write(w http.ResponseWriter) {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

const problemType = "urn:cloudcashier:problem:"

// titles are constant for a status, so they are for a code.
var titles = map[int]string{
	http.StatusBadRequest:            "The request is not acceptable",
	http.StatusUnauthorized:          "The request is not authenticated",
	http.StatusForbidden:             "This is not allowed",
	http.StatusNotFound:              "There is no such thing",
	http.StatusMethodNotAllowed:      "The method does not fit",
	http.StatusRequestTimeout:        "The request came too slowly",
	http.StatusConflict:              "The present state does not allow it",
	http.StatusRequestEntityTooLarge: "The request is too large",
	http.StatusUnprocessableEntity:   "The number was used for something else",
	http.StatusTooManyRequests:       "Too many tries",
	http.StatusInternalServerError:   "The hub failed",
	http.StatusServiceUnavailable:    "The hub cannot do it now",
	http.StatusGatewayTimeout:        "The outcome is not known",
}

// refuse makes a problem for a request that is proven to have done nothing.
func refuse(status int, code, detail, advice string) *Problem {
	return &Problem{
		Type: problemType + code, Title: titles[status], Status: status, Detail: detail, Code: code,
		OutcomeKnown: true, Advice: advice,
	}
}

// effect says whether the failed request could have moved money.
type effect bool

const (
	asks  effect = false
	moves effect = true
)

// advices by kind; a code below has the last word.
var kindAdvice = map[fault.Kind]string{
	fault.Invalid:     "correct the request; it was not carried out",
	fault.NotFound:    "check the identifier; do not ask again",
	fault.Conflict:    "read the payment and go by its outcome",
	fault.Denied:      "ask the operator for the right to do this",
	fault.Unavailable: "send the same request again in a moment; nothing happened",
	fault.InDoubt:     "do not charge again under another number; send the same request again, or ask for the order",
	fault.Internal:    "do not charge again under another number; ask for the order, and tell the operator",
}

var codeAdvice = map[string]string{
	OrderConflict:            "read the order's payment; for another sale use a new order number",
	"payment.order_paid":     "do not charge again: the order is paid; read its payment",
	codeOrderOpen:            "do not charge again: wait for the outcome of the order's payment",
	"payment.paid":           "it is paid: give the money back by a refund",
	"payment.refused_event":  "read the payment and go by its outcome",
	"payment.qr_unavailable": "show a code of another wallet, or scan the customer's payment code and send it as code",
	"payment.wallet_needed":  "send the request again with the wallet whose code is to be shown",
	"payment.no_channel":     "take another wallet; nothing was charged",
	"code.used":              "ask the customer for a fresh code",
	"code.expired":           "ask the customer for a fresh code",

	RefundConflict:              "read the refund; for another refund use a new refund number",
	payment.RefundTooMuch:       "read the payment: refund no more than is left of it, under a new refund number; refunds under way count",
	payment.RefundNotPaid:       "read the payment: only one whose outcome is paid can be refunded; cancel one that has no outcome",
	payment.RefundWindowOver:    "give the money back in another way",
	payment.RefundTooManyParts:  "give the money back in another way",
	payment.RefundNotOffered:    "give the money back in another way",
	payment.RefundOtherTerminal: "refund it where it was sold",
}

// codeOrderOpen refuses a request because another payment of the order has no outcome yet. It
// charged nothing itself, but a program must not read that as "the order is not paid".
const codeOrderOpen = "payment.order_open"

// problemOf makes the answer to an error of the rooms below.
func problemOf(err error, e effect) *Problem {
	kind, code := fault.KindOf(err), fault.CodeOf(err)
	status := localapi.StatusOfKind(kind)
	if kind == fault.Internal {
		code = "internal" // an internal code is for the log
	}
	if code == OrderConflict || code == RefundConflict {
		status = http.StatusUnprocessableEntity
	}
	p := refuse(status, code, fault.MessageOf(err), kindAdvice[kind])
	if a, ok := codeAdvice[code]; ok {
		p.Advice = a
	}
	switch kind {
	case fault.Unavailable:
		p.RetrySame, p.retryAfter = true, 1
		p.OutcomeKnown = bool(e)
	case fault.InDoubt, fault.Internal:
		p.RetrySame, p.OutcomeKnown = true, false
	case fault.Conflict:
		p.OutcomeKnown = code != codeOrderOpen
	}
	if e == asks && p.RetrySame {
		p.Advice = "ask again in a moment; until it is answered do not charge again"
	}
	return p
}

func noRoute() *Problem {
	return refuse(http.StatusNotFound, "route.unknown", "nothing is served at this path", "see /openapi.json for what is")
}

func noMethod() *Problem {
	return refuse(http.StatusMethodNotAllowed, "route.method", "this path does not take the method", "see /openapi.json for what it takes")
}

// unavailable is the refusal of a request that was not looked at.
func unavailable(code, detail string) *Problem {
	p := refuse(http.StatusServiceUnavailable, code, detail, kindAdvice[fault.Unavailable])
	p.RetrySame, p.retryAfter = true, 1
	return p
}

func overloaded() *Problem {
	return unavailable("hub.overloaded", "the hub is busy; the request was not looked at")
}
