package engine_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/pay"
)

// The engine's refunds held against a model of one number: what may still be given back of a payment.
// Clients ask for refunds, repeat them, and read what is left, all at once; a refund that the wallet
// refuses gives its part back at some moment between the refusal and our hearing of it. Every history
// must have an order in which one thing at a time explains all answers.

type leftInput struct {
	op     string // "refund", "again", "read", "freed"
	key    int
	amount int64
}

type leftOutput struct {
	taken bool
	left  int64
}

type leftState struct {
	left    int64
	decided [24]int8 // by key: 0 not asked for, 1 taken, 2 turned away
}

var leftModel = porcupine.Model{
	Init: func() any { return leftState{left: 100} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(leftState), input.(leftInput), output.(leftOutput)
		switch in.op {
		case "refund":
			if before := s.decided[in.key]; before != 0 { // a repeat gets the first answer and changes nothing
				return out.taken == (before == 1), s
			}
			if out.taken != (in.amount <= s.left) {
				return false, s
			}
			s.decided[in.key] = 2
			if out.taken {
				s.decided[in.key], s.left = 1, s.left-in.amount
			}
			return true, s
		case "freed":
			s.left += in.amount
			return true, s
		}
		return out.left == s.left, s
	},
}

// leftLog collects operations; a counter stands in for a clock, so that no two moments are one.
type leftLog struct {
	mu    sync.Mutex
	tick  atomic.Int64
	lines []porcupine.Operation
}

func (h *leftLog) note(client int, in leftInput, call int64, out leftOutput) {
	back := h.tick.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: back})
}

func refundHistory(t *testing.T, seed uint64) *leftLog {
	log := &leftLog{}
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.sold("A1", "130000000000000000")
		var clients sync.WaitGroup
		for client := range 8 {
			rng := rand.New(rand.NewPCG(seed, uint64(client)))
			clients.Go(func() {
				for range 6 {
					time.Sleep(time.Duration(rng.Int64N(int64(15 * time.Second))))
					call := log.tick.Add(1)
					if rng.IntN(3) == 0 {
						got, err := h.engine.Payment(t.Context(), merchant, p.ID)
						if err != nil {
							t.Error(err)
						}
						log.note(client, leftInput{op: "read"}, call, leftOutput{left: got.Refundable()})
						continue
					}
					key := rng.IntN(24) // few, so that clients meet under one key
					fates := []string{"", "low", "lost", "never", "taken", "shut"}
					amount := int64(7 + key*3%31)
					r, err := h.engine.Refund(t.Context(), askBack(p, fmt.Sprint("R", key), amount, fates[key%len(fates)]))
					if err != nil {
						t.Error(err)
						continue
					}
					away := r.Status == pay.RefundFailed && r.Decline.Code == payment.RefundTooMuch
					log.note(client, leftInput{op: "refund", key: key, amount: amount}, call, leftOutput{taken: !away})
				}
			})
		}
		clients.Wait()
		time.Sleep(10 * time.Minute)
		all, err := h.engine.Refunds(t.Context(), merchant, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		var back int64
		for _, r := range all {
			switch {
			case !r.Final():
				t.Errorf("%s is still %s", r.RefundNo, r.Status)
			case r.Status == pay.RefundSucceeded:
				back += r.Amount.Fen()
			case r.Decline.Code != payment.RefundTooMuch: // freed after it was taken, at a moment nobody wrote down
				log.mu.Lock()
				log.lines = append(log.lines, freed(log.lines, r, log.tick.Add(1)))
				log.mu.Unlock()
			}
		}
		given, _ := h.wallet.gaveBack(p.Attempt.OutTradeNo)
		if got := h.payment(p.ID); got.Refunded.Fen() != back || given != back || !got.Refunding.IsZero() {
			t.Errorf("the wallet gave back %d, the refunds say %d, the payment %d", given, back, got.Refunded.Fen())
		}
		call := log.tick.Add(1)
		log.note(99, leftInput{op: "read"}, call, leftOutput{left: h.payment(p.ID).Refundable()})
	})
	return log
}

// freed is the wallet's refusal as an operation: after the refund was taken in, before the end.
func freed(lines []porcupine.Operation, r payment.Refund, end int64) porcupine.Operation {
	op := porcupine.Operation{ClientId: 100 + int(end), Input: leftInput{op: "freed", amount: r.Amount.Fen()}, Output: leftOutput{}, Return: end}
	for _, l := range lines {
		if in := l.Input.(leftInput); in.op == "refund" && fmt.Sprint("R", in.key) == r.RefundNo && (op.Call == 0 || l.Call < op.Call) {
			op.Call = l.Call
		}
	}
	return op
}

func TestRefundsAreOneAtATime(t *testing.T) {
	taken, away, freed := 0, 0, 0
	for seed := range uint64(25) {
		log := refundHistory(t, seed)
		for _, l := range log.lines {
			switch in := l.Input.(leftInput); {
			case in.op == "freed":
				freed++
			case in.op == "refund" && l.Output.(leftOutput).taken:
				taken++
			case in.op == "refund":
				away++
			}
		}
		if got := porcupine.CheckOperationsTimeout(leftModel, log.lines, 20*time.Second); got != porcupine.Ok {
			t.Fatalf("seed %d: %s: no order of one thing at a time explains %d operations", seed, got, len(log.lines))
		}
	}
	if t.Logf("%d taken, %d turned away, %d freed", taken, away, freed); taken == 0 || away == 0 || freed == 0 {
		t.Error("the histories reach too little")
	}
}

// A model that takes every history proves nothing: these must not pass.
func TestTheModelOfRefundsRefuses(t *testing.T) {
	op := func(call, ret int64, in leftInput, out leftOutput) porcupine.Operation {
		return porcupine.Operation{ClientId: int(call), Input: in, Call: call, Output: out, Return: ret}
	}
	refund := func(key int, amount int64) leftInput { return leftInput{op: "refund", key: key, amount: amount} }
	for name, lines := range map[string][]porcupine.Operation{
		"two that are too much together": {op(1, 4, refund(0, 60), leftOutput{taken: true}), op(2, 3, refund(1, 60), leftOutput{taken: true})},
		"turned away for nothing":        {op(1, 2, refund(0, 60), leftOutput{})},
		"a read of what is gone":         {op(1, 2, refund(0, 60), leftOutput{taken: true}), op(3, 4, leftInput{op: "read"}, leftOutput{left: 100})},
		"a repeat answered otherwise":    {op(1, 2, refund(0, 60), leftOutput{taken: true}), op(3, 4, refund(0, 60), leftOutput{})},
	} {
		if porcupine.CheckOperations(leftModel, lines) {
			t.Errorf("%s was taken", name)
		}
	}
}
