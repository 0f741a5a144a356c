package duty

import (
	"testing"

	"cloudcashier/shared/fault"
)

// TestDrawer fills every cell: the list, whether somebody has to be on duty, who is, who gave a PIN.
func TestDrawer(t *testing.T) {
	for _, l := range []List{None, Fresh, Expired, Broken} {
		for _, required := range []bool{false, true} {
			for _, onDuty := range []byte(people) {
				for _, approver := range []byte(people) {
					got, want := "", drawerCell(l, required, onDuty, approver)
					if err := Drawer(l, required, person(onDuty), person(approver)); err != nil {
						got = fault.CodeOf(err)
					}
					if got != want {
						t.Errorf("list %v, required %t, %c on duty, %c approves: %q, want %q", l, required, onDuty, approver, got, want)
					}
				}
			}
		}
	}
}

func drawerCell(l List, required bool, onDuty, approver byte) string {
	switch {
	case l == None:
		return ""
	case l == Broken:
		return "operator.roster"
	case onDuty == '-' && approver == '-' && !required:
		return ""
	case l == Expired:
		return "operator.expired"
	case approver == 's', approver == '-' && onDuty == 's':
		return ""
	case approver != '-':
		return "operator.role"
	}
	return "operator.supervisor"
}
