package till

import (
	"time"

	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// likeUnknown is the code of the refusal.
const likeUnknown = "sale.like_unknown"

// allowed is what somebody has decided about charging a waiting sale beside a doubt. It is memory
// only: after a restart they are asked once more.
type allowed struct {
	said bool   // the request said "again"
	like string // the doubt that stands in the journal with the sale
}

// beside finds the sale in doubt over the same amount that a sale would be charged beside, for the
// journal; "" when there is none, or it stands there already. It is refused unless somebody has said
// that this is another customer.
func (t *Till) beside(amount money.Amount, a allowed, now time.Time) (like string, err error) {
	return t.besideBut(nil, amount, a, now)
}

// besideBut is beside for the heir of a sale, which is settled in the same breath.
func (t *Till) besideBut(settled *held, amount money.Amount, a allowed, now time.Time) (like string, err error) {
	like = t.likeDoubt(settled, amount, now)
	if like == "" || like == a.like {
		return "", nil
	}
	if a.said {
		return like, nil
	}
	return "", fault.New(fault.Conflict, likeUnknown,
		"sale %s over the same %s may have been charged: never charge the same customer again, wait for its result; for another customer send \"again\": true",
		like, amount)
}

// unusable is the kind of the notice that a scan was not used for its sale.
func unusable(code pay.Code, err error) string {
	wallet, _ := code.Wallet()
	switch {
	case fault.CodeOf(err) == likeUnknown:
		return "like_unknown"
	case wallet == pay.StoredValue || fault.CodeOf(err) == codeEMV:
		return fault.CodeOf(err) // the screen has words for each
	}
	return "unreadable"
}

// likeDoubt finds the oldest sale in doubt over the amount; "" when there is none.
func (t *Till) likeDoubt(settled *held, amount money.Amount, now time.Time) (saleID string) {
	var oldest *held
	for _, h := range t.open {
		if h != settled && t.cfg.Rules.LikeDoubt(h.row.Sale, amount, now) && (oldest == nil || h.place < oldest.place) {
			oldest = h
		}
	}
	if oldest == nil {
		return ""
	}
	return oldest.row.ID
}

// again is the body of the event that a sale was begun beside one that may be the same.
type again struct {
	Like string `json:"like"`
}

// noteAgain writes down, in the new sale's transaction, that it was charged beside a doubt.
func noteAgain(tx *store.Tx, saleID, like string, at time.Time) error {
	if like == "" {
		return nil
	}
	return tx.Append(saleID, "again", again{Like: like}, at)
}
