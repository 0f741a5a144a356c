package broker

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/wire"
)

// TestWhoWorksThereIsTold with every greeting, and at once to the connected terminals of the store when it changes.
func TestWhoWorksThereIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		list, fails := "OPR1.a", error(nil)
		h.Operators = func(k registry.Terminal) (string, error) { return list + " " + k.ID, fails }
		a := h.enrol("trm_a")
		c := h.connect(a).listen(a)
		told := func(sentAt bool, want string) {
			t.Helper()
			p, ok := c.nextPublish()
			if !ok {
				t.Fatal("cut")
			}
			w, err := wire.Decode[wire.Welcome](open(t, h, a, p))
			if err != nil || w.Operators != want || w.SentAt.IsZero() == sentAt {
				t.Fatalf("%+v, %v", w, err)
			}
		}
		known := registry.Terminal{}
		h.StaffChanged(known.Merchant, "") // before it greeted: the greeting tells
		fails = fault.Wrap(errors.New("busy"), fault.Unavailable, "x", "not now")
		c.publish(a, a.hello(t, 0, "b"))
		time.Sleep(3 * time.Second / 2) // no greeting without the list: hearing of nobody means that nobody is asked for a PIN
		synctest.Wait()
		fails = nil
		told(true, "OPR1.a trm_a")
		list = "OPR1.b"
		k, err := h.Directory.Terminal(a.id)
		if err != nil {
			t.Fatal(err)
		}
		h.StaffChanged(k.Merchant, k.Store)
		told(false, "OPR1.b trm_a")
		h.StaffChanged(k.Merchant, "")
		told(false, "OPR1.b trm_a")
		list = "OPR1.c"
		h.StaffChanged(k.Merchant, "another")
		h.StaffChanged("another", "")
		c.publish(a, a.hello(t, 0, "b"))
		told(true, "OPR1.c trm_a")
		h.finish(c)
	})
}
