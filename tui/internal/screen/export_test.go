package screen

// VerdictOf tells refused, notSent and unsure apart by name.
func VerdictOf(err error) string {
	return map[verdict]string{refused: "refused", notSent: "not sent", unsure: "unsure"}[verdictOf(err)]
}
