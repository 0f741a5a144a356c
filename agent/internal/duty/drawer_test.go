package duty

import (
	"testing"

	"cloudcashier/shared/fault"
)

// TestDrawer fills every cell: the list, who is on duty, who gave a PIN.
func TestDrawer(t *testing.T) {
	for _, l := range []List{None, Fresh, Expired, Broken} {
		for _, onDuty := range []byte(people) {
			for _, approver := range []byte(people) {
				want := ""
				switch {
				case l == None:
				case l == Expired:
					want = "operator.expired"
				case l == Broken:
					want = "operator.roster"
				case approver == 's' || approver == '-' && onDuty == 's':
				case approver != '-':
					want = "operator.role"
				default:
					want = "operator.supervisor"
				}
				got := ""
				if err := Drawer(l, person(onDuty), person(approver)); err != nil {
					got = fault.CodeOf(err)
				}
				if got != want {
					t.Errorf("list %v, %c on duty, %c approves: %q, want %q", l, onDuty, approver, got, want)
				}
			}
		}
	}
}
