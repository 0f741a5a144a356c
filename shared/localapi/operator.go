package localapi

// Role is what an operator may do.
type Role string

// The roles.
const (
	RoleCashier    Role = "cashier"
	RoleSupervisor Role = "supervisor" // may approve what a cashier may not do alone
)

// Operator is a person who works at the till. The hub names them; the till never shows or keeps a PIN.
type Operator struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Role   Role   `json:"role"`
	Refund int64  `json:"refund"` // fen: the largest refund or void on their own word; 0: none
}

// Approval is a person who stands for what the operator on duty may not do alone. It is checked and
// forgotten; who it was is journalled.
type Approval struct {
	Operator string `json:"operator"` // an Operator's ID
	PIN      string `json:"pin"`
}
