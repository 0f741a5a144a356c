package words

// Catalogue, Reasons, Notices, Refunds and LastKey show the maps to their tests.
var (
	Catalogue = catalogue
	Notices   = notices
	Refunds   = refunds
)

// LastKey counts the sentences.
const LastKey = lastKey

// Reasons gives the texts of every reason.
func Reasons() map[Lang]map[string][2]string {
	out := map[Lang]map[string][2]string{}
	for l, list := range reasons {
		out[l] = map[string][2]string{}
		for word, r := range list {
			out[l][word] = [2]string{r.why, r.next}
		}
	}
	return out
}
