package till

import "cloudcashier/shared/id"

// trainingSale is the prefix of a training till's sales, so that none can be taken for a real one.
const trainingSale = "training"

// Training reports a till that only trains.
func (t *Till) Training() bool { return t.cfg.Training }

func (t *Till) newSaleID() string {
	if t.cfg.Training {
		return t.IDs.New(trainingSale)
	}
	return t.IDs.New(id.Sale)
}
