package till

import (
	"time"

	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// warn refuses a new sale by wallet while one over the same amount is in doubt, unless the request
// says that somebody has thought of it.
func (t *Till) warn(n localapi.NewSale, amount money.Amount, now time.Time) error {
	like := t.likeDoubt(amount, now)
	if like == "" || n.Again {
		return nil
	}
	return fault.New(fault.Conflict, "sale.like_unknown",
		"sale %s over the same %s may have been charged: never charge the same customer again, wait for its result; for another customer send \"again\": true",
		like, amount)
}

// likeDoubt finds a sale in doubt over the amount; "" when there is none.
func (t *Till) likeDoubt(amount money.Amount, now time.Time) (saleID string) {
	for key, h := range t.open {
		if t.cfg.Rules.LikeDoubt(h.row.Sale, amount, now) {
			return key
		}
	}
	return ""
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
