package receipt_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"cloudcashier/agent/internal/receipt"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

const saleID = "sale_01KB0000000000000000000000"

var at = time.Date(2026, 11, 25, 12, 0, 3, 0, time.FixedZone("CST", 8*3600))

func slip() receipt.Slip {
	return receipt.Slip{Title: "兴隆小卖部", Store: "sto_1", Terminal: "trm_1", Number: 12, Sale: saleID, OrderNo: saleID, Subject: "龙井茶 250g",
		Amount: money.Fen(1280), Tender: localapi.TenderWallet, Wallet: pay.WeChat, WalletRef: "4200000000000000000000000001", Paid: at, Copy: 1, Printed: at}
}

// lines are the text lines of a slip as the paper shows them, with ## before big ones.
func lines(t *testing.T, s receipt.Slip, columns int) []string {
	t.Helper()
	var out []string
	for _, row := range receipt.New(s).Rows(columns) {
		text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(row.Text)
		if err != nil {
			t.Fatal(err)
		}
		line := string(text)
		width := len(row.Text)
		if row.Big {
			line, width = "##"+line, 2*width
		}
		if width > columns {
			t.Errorf("%d columns on a paper of %d: %s", width, columns, line)
		}
		out = append(out, line)
	}
	return out
}

func TestLayout(t *testing.T) {
	want48 := []string{
		"##兴隆小卖部",
		"------------------------------------------------",
		"小票号 No.                              00000012",
		"时间 Time                    2026-11-25 12:00:03",
		"门店 Store                                 sto_1",
		"终端 Till                                  trm_1",
		"龙井茶 250g",
		"------------------------------------------------",
		"付款方式 Paid by                 微信支付 WeChat",
		"流水号 Ref.         4200000000000000000000000001",
		"合计 Total                               ￥12.80",
		"------------------------------------------------",
		"##已付款 PAID",
		"##￥12.80",
		"------------------------------------------------",
		saleID,
	}
	if got := lines(t, slip(), receipt.Columns80mm); !slices.Equal(got, want48) {
		t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want48, "\n"))
	}
	got := lines(t, slip(), receipt.Columns58mm)
	for _, want := range []string{"流水号 Ref.", "    4200000000000000000000000001", "合计 Total               ￥12.80"} { // too long for one line
		if !slices.Contains(got, want) {
			t.Errorf("no line %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

func TestAReprintSaysSo(t *testing.T) {
	plain := strings.Join(lines(t, slip(), 48), "\n")
	if strings.Contains(plain, "REPRINT") || strings.Contains(plain, "重打") || strings.Contains(plain, "Copy") {
		t.Errorf("%s", plain)
	}
	s := slip()
	s.Reprint, s.Copy = true, 2
	got := lines(t, s, 48)
	if got[0] != "##重打 REPRINT" || !slices.Contains(got, "重打于 Reprinted 2026-11-25 12:00:03") || !slices.Contains(got, "第 2 联 Copy 2") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestCash(t *testing.T) {
	s := slip()
	s.Tender, s.Wallet, s.WalletRef, s.OrderNo = localapi.TenderCash, "", "", "A-1"
	got := strings.Join(lines(t, s, 32), "\n")
	if !strings.Contains(got, "现金 Cash") || strings.Contains(got, "Ref.") || !strings.Contains(got, "订单 Order                   A-1") {
		t.Error(got)
	}
}

// TestWhatPrintersCannotShow: nothing in a text is a command, and nothing has another width than its bytes.
func TestWhatPrintersCannotShow(t *testing.T) {
	s := slip()
	s.Subject = "a\x1b@b\x10\x04\x01c😀d¥e§é\x00"
	raw, err := receipt.New(s).Bytes(48)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("\x1b@b")) || bytes.Contains(raw, []byte{0x10, 0x04}) {
		t.Error("a text commands the printer")
	}
	if got := lines(t, s, 48); !slices.Contains(got, "a?@b???c?d￥e§é?") {
		t.Errorf("%q", got)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, id := range []string{strings.Repeat("s", 200), "sale\x1b"} {
		s := slip()
		s.Sale = id
		if _, err := receipt.New(s).Bytes(48); fault.CodeOf(err) != "receipt.qr" {
			t.Errorf("%q: %v", id, err)
		}
	}
	s := slip()
	s.Sale = strings.Repeat("s", 64) // the longest the journal takes
	if _, err := receipt.New(s).Bytes(48); err != nil {
		t.Error(err)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{1: "00000001", 12: "00000012", 123456789: "0123456789"} {
		if text := receipt.Number(n); text != want {
			t.Errorf("%d: %s", n, text)
		}
		code := receipt.Code(n, "trm_1")
		if back, err := receipt.ParseNumber(code, "trm_1"); back != n || err != nil || code[:len(want)] != want {
			t.Errorf("%d: %s, %d, %v", n, code, back, err)
		}
	}
	for _, typed := range []string{"00000012", "12"} {
		if back, err := receipt.ParseNumber(typed, "trm_1"); back != 12 || err != nil {
			t.Errorf("%s: %d, %v", typed, back, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "+1", "1a", "99999999999999999999"} {
		if _, err := receipt.ParseNumber(text, "trm_1"); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	strangers := 0
	for n := int64(1); n <= 1000; n++ {
		if _, err := receipt.ParseNumber(receipt.Code(n, "trm_2"), "trm_1"); fault.CodeOf(err) == "receipt.other_till" {
			strangers++
		}
	}
	if strangers < 950 {
		t.Errorf("of a thousand receipts of another till %d were told apart", strangers)
	}
}

func TestCashWithChange(t *testing.T) {
	s := slip()
	s.Tender, s.Wallet, s.WalletRef = localapi.TenderCash, "", ""
	s.Received, s.Change = money.Fen(2000), money.Fen(720)
	got := strings.Join(lines(t, s, 32), "\n")
	for _, want := range []string{"实收 Received            ￥20.00", "找零 Change               ￥7.20"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestTheLastPartListsAll(t *testing.T) {
	s := slip()
	s.Bill = receipt.Bill{Number: "B-7", Total: money.Fen(5000)}
	got := strings.Join(lines(t, s, 32), "\n")
	if !strings.Contains(got, "B-7") || !strings.Contains(got, "￥50.00") || strings.Contains(got, "paid in full") {
		t.Errorf("%s", got)
	}
	s.Bill.Parts = []receipt.Part{{Amount: money.Fen(3720), Tender: localapi.TenderCash}, {Amount: money.Fen(1280), Tender: localapi.TenderWallet, Wallet: pay.WeChat}}
	got = strings.Join(lines(t, s, 32), "\n")
	for _, want := range []string{"  现金 Cash              ￥37.20", "  微信支付 WeChat        ￥12.80", "Bill paid in full"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func FuzzLayout(f *testing.F) {
	f.Add("茶", "微信", 32)
	f.Add("\xff\xfe", strings.Repeat("汉a", 60), 48)
	f.Fuzz(func(t *testing.T, left, right string, columns int) {
		if columns < 8 || columns > 100 || !utf8.ValidString(left) || !utf8.ValidString(right) {
			return
		}
		for _, kind := range []receipt.Kind{receipt.Text, receipt.Pair, receipt.Big} {
			for _, row := range (receipt.Doc{{Kind: kind, Left: left, Right: right}}).Rows(columns) {
				if width := len(row.Text); width > columns || row.Big && 2*width > columns {
					t.Errorf("%d columns on a paper of %d", width, columns)
				}
				for i := 0; i < len(row.Text); i++ {
					switch b := row.Text[i]; {
					case b >= 0x80 && i+1 == len(row.Text):
						t.Fatal("half a character at the end of a line")
					case b >= 0x80:
						i++
					case b < 0x20 || b == 0x7f:
						t.Fatalf("control byte %x", b)
					}
				}
			}
		}
	})
}
