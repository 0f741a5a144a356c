package door

// BillFault is what is wrong with the bills that are made from now on.
type BillFault string

// The faults of bills.
const (
	BillWhole     BillFault = ""
	BillDamaged   BillFault = "damaged"   // bytes of the packed file are changed
	BillTruncated BillFault = "truncated" // the text ends in the middle, well packed
	BillTotals    BillFault = "totals"    // the sums are a fen off; of UnionPay's file, which has none, a line's own
)

// Known reports a fault that can be made.
func (f BillFault) Known() bool {
	return f == BillWhole || f == BillDamaged || f == BillTruncated || f == BillTotals
}

// Off is by how much sums lie, in fen.
func (f BillFault) Off() int64 {
	if f == BillTotals {
		return 1
	}
	return 0
}

// Text is what is left of a bill's text.
func (f BillFault) Text(text []byte) []byte {
	if f == BillTruncated {
		return text[:len(text)*2/3]
	}
	return text
}

// Packed is what is left of a packed file: its directory or its check sum no longer fits.
func (f BillFault) Packed(packed []byte) []byte {
	if f != BillDamaged {
		return packed
	}
	out := append([]byte{}, packed...)
	for i := len(out) / 2; i < len(out)/2+8 && i < len(out); i++ {
		out[i] ^= 0x5a
	}
	return out
}
