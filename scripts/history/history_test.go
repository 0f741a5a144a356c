package history

import (
	"testing"
	"time"

	"cloudcashier/shared/pay"
)

// line is one request: who asks what and hears what. Requests with the same moment overlap.
type line struct {
	moment int
	ask    Ask
	heard  Heard
}

var (
	payA   = Ask{Pay, "o", "k1", "A"}
	payB   = Ask{Pay, "o", "k1", "B"}
	other  = Ask{Pay, "o", "k2", "A"}
	cancel = Ask{Cancel, "o", "k1", ""}
	list   = Ask{List, "o", "", ""}
	lost   = Heard{Lost: true}
)

func one1(body string, s pay.Status) Heard {
	return Heard{Payments: map[string]Shown{"k1": {"p1", body, s}}}
}

func one2(s pay.Status) Heard { return Heard{Payments: map[string]Shown{"k2": {"p2", "A", s}}} }

func both(first, second pay.Status) Heard {
	return Heard{Payments: map[string]Shown{"k1": {"p1", "A", first}, "k2": {"p2", "A", second}}}
}

func no(code string) Heard { return Heard{Refused: code} }

// TestJudgement: what a hub may say, and each kind of lie.
func TestJudgement(t *testing.T) {
	const pending, paid, declined, reversing, reversed, closed = pay.StatusPending, pay.StatusSucceeded, pay.StatusDeclined,
		pay.StatusReversing, pay.StatusReversed, pay.StatusClosed
	for name, c := range map[string]struct {
		good bool
		said []line
	}{
		"asked again, answered the same": {true, []line{{1, payA, one1("A", pending)}, {2, payA, one1("A", paid)}, {3, list, one1("A", paid)}}},
		"two at once, one body wins":     {true, []line{{1, payA, no(OtherBody)}, {1, payB, one1("B", pending)}}},
		"a lost request wins later": {true, []line{{1, payA, lost}, {2, list, Heard{}}, {3, payB, no(OtherBody)},
			{4, list, one1("A", paid)}}},
		"a lost request never came":              {true, []line{{1, payA, lost}, {2, payB, one1("B", paid)}}},
		"paid after the first was declined":      {true, []line{{1, payA, one1("A", pending)}, {2, other, one2(pending)}, {3, list, both(declined, paid)}}},
		"refused while the first is open":        {true, []line{{1, payA, one1("A", pending)}, {2, other, no(OrderOpen)}, {3, list, one1("A", paid)}}},
		"cancelled and undone":                   {true, []line{{1, payA, one1("A", pending)}, {2, cancel, one1("A", reversing)}, {3, list, one1("A", reversed)}}},
		"a lost cancellation":                    {true, []line{{1, payA, one1("A", pending)}, {2, cancel, lost}, {3, list, one1("A", reversing)}}},
		"paid before the cancellation":           {true, []line{{1, payA, one1("A", pending)}, {2, cancel, no(Paid)}, {3, list, one1("A", paid)}}},
		"another body taken for a repetition":    {false, []line{{1, payA, one1("A", pending)}, {2, payB, one1("A", pending)}}},
		"another body taken as a new payment":    {false, []line{{1, payA, one1("A", pending)}, {2, payB, one1("B", pending)}}},
		"the first body refused":                 {false, []line{{1, payA, no(OtherBody)}}},
		"a lost body refuses itself":             {false, []line{{1, payA, lost}, {2, payA, no(OtherBody)}}},
		"one key, two payments":                  {false, []line{{1, payA, one1("A", pending)}, {2, payA, Heard{Payments: map[string]Shown{"k1": {"p9", "A", pending}}}}}},
		"a payment forgotten":                    {false, []line{{1, payA, one1("A", pending)}, {2, list, Heard{}}}},
		"a payment nobody asked for":             {false, []line{{1, list, one1("A", pending)}}},
		"an end that changes":                    {false, []line{{1, payA, one1("A", declined)}, {2, list, one1("A", paid)}}},
		"paid turned into undone":                {false, []line{{1, payA, one1("A", paid)}, {2, list, one1("A", reversed)}}},
		"cancelled and paid":                     {false, []line{{1, payA, one1("A", pending)}, {2, cancel, one1("A", reversing)}, {3, list, one1("A", paid)}}},
		"cancelled, answered, still open":        {false, []line{{1, payA, one1("A", pending)}, {2, cancel, one1("A", pending)}}},
		"an order paid twice":                    {false, []line{{1, payA, one1("A", pending)}, {2, other, one2(pending)}, {3, list, both(paid, paid)}}},
		"a second payment beside an open one":    {false, []line{{1, payA, one1("A", pending)}, {2, other, one2(pending)}, {3, list, both(pending, pending)}}},
		"a second payment of a paid order":       {false, []line{{1, payA, one1("A", paid)}, {2, other, one2(pending)}}},
		"called paid, ends undone":               {false, []line{{1, payA, one1("A", pending)}, {2, other, no(OrderPaid)}, {3, list, one1("A", closed)}}},
		"called open after its end":              {false, []line{{1, payA, one1("A", declined)}, {2, other, no(OrderOpen)}}},
		"called paid without any payment":        {false, []line{{1, other, no(OrderPaid)}}},
		"a lost request that takes effect twice": {false, []line{{1, payA, lost}, {2, list, one1("A", paid)}, {3, list, Heard{Payments: map[string]Shown{"k1": {"p9", "A", paid}}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			var b Book
			for i := 0; i < len(c.said); {
				var ends []func()
				for moment := c.said[i].moment; i < len(c.said) && c.said[i].moment == moment; i++ {
					end, heard := b.Begin(i, c.said[i].ask), c.said[i].heard
					ends = append(ends, func() { end(heard) })
				}
				for _, end := range ends {
					end()
				}
			}
			if err := b.Check(time.Minute); (err == nil) != c.good {
				t.Errorf("good: %v, %v", c.good, err)
			}
		})
	}
}
