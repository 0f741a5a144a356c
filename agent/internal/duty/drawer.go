package duty

import (
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// Drawer says whether somebody may hear what should be in the drawer before it is counted (Denied): a supervisor may, who
// is on duty or gave a PIN for it. Where the hub names nobody there is nobody to ask; where nobody is on duty and nobody has
// to be, whoever may open the socket is trusted, as with refunds.
func Drawer(l List, required bool, onDuty, approver *localapi.Operator) error {
	switch {
	case l == None, l != Broken && !required && onDuty == nil && approver == nil:
		return nil
	case l != Fresh:
		return Known(l)
	case approver != nil && approver.Role != localapi.RoleSupervisor:
		return fault.New(fault.Denied, "operator.role", "%s is no supervisor: the money in the drawer is told to one", approver.Name)
	case approver == nil && (onDuty == nil || onDuty.Role != localapi.RoleSupervisor):
		return fault.New(fault.Denied, "operator.supervisor", "a supervisor has to stand for this: give one's PIN, or close the shift blind")
	}
	return nil
}
