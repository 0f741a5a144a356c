package receipt

// Row is a printed line as the tests see it.
type Row struct {
	Text []byte
	Big  bool
}

func (d Doc) Rows(columns int) (out []Row) {
	for _, item := range d {
		for _, r := range item.rows(columns) {
			out = append(out, Row{r.text, r.big})
		}
	}
	return out
}
