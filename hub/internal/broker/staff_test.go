package broker

import (
	"errors"
	"sync"
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
		var mu sync.Mutex
		list, fails := "OPR1.a", error(nil)
		h.Operators = func(k registry.Terminal) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			return list + " " + k.ID, fails
		}
		set := func(signed string, err error) {
			mu.Lock()
			defer mu.Unlock()
			list, fails = signed, err
		}
		busy := fault.Wrap(errors.New("busy"), fault.Unavailable, "x", "not now")
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
		h.StaffChanged("mer", "") // before it greeted: the greeting tells
		set("OPR1.a", busy)
		c.publish(a, a.hello(t, 0, "b"))
		time.Sleep(3 * time.Second / 2) // no greeting without the list: hearing of nobody means that nobody is asked for a PIN
		synctest.Wait()
		set("OPR1.a", nil)
		told(true, "OPR1.a trm_a")
		set("OPR1.b", busy)
		h.StaffChanged("mer", "sto")
		synctest.Wait()
		set("OPR1.b", nil) // it is told once it can be read
		told(false, "OPR1.b trm_a")
		h.StaffChanged("mer", "")
		told(false, "OPR1.b trm_a")
		set("OPR1.c", nil)
		h.StaffChanged("mer", "another")
		h.StaffChanged("another", "")
		c.publish(a, a.hello(t, 0, "b"))
		told(true, "OPR1.c trm_a")
		h.finish(c)
	})
}
