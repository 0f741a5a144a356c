package sandbox_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func (l *lab) unionpayFile(mmdd string) (fields, string) {
	f := l.unionpayBase("76/01", "FILE").without("orderId").with("fileType", "00").with("settleDate", mmdd)
	f["txnTime"] = l.clock.now().In(time.FixedZone("", 8*3600)).Format("20060102150405")
	return l.unionpay("../../filedownload/", f)
}

// unpack gives the files in a fileContent.
func unpack(t *testing.T, content string) map[string]string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(content)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zlib.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

// at gives a field of a ZM line by its place in the handbook's table (section 4.8).
func at(line string, field int) string {
	widths := []int{3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1}
	start := 0
	for _, w := range widths[:field] {
		start += w + 1
	}
	return strings.TrimSpace(line[start : start+widths[field]])
}

func TestUnionPayFile(t *testing.T) {
	l := start(t)
	pay := func(n, scenario string) string {
		got, _ := l.unionpay(backTrans, l.unionpayPay(n, l.code("unionpay", scenario)).with("txnAmt", "12345"))
		return got["queryId"]
	}
	must := func(f fields) {
		t.Helper()
		if got, word := l.unionpay(backTrans, f); word != "00" {
			t.Fatalf("%s %v", word, got)
		}
	}
	refs := map[string]string{"SALE0001": pay("SALE0001", "00"), "SALE0002": pay("SALE0002", "00"), "SALE0003": pay("SALE0003", "00")}
	pay("UNPAID01", "50")
	pay("PASSWORD", "53")
	must(l.unionpayBase("99/01", "SALE0003").with("channelType", "08"))
	must(l.unionpayBack("31/00", "UNDO0002", refs["SALE0002"], "12345"))
	l.clock.advance(10*time.Hour + 59*time.Minute + 59*time.Second)
	pay("LASTDAY1", "00")
	l.clock.advance(time.Second) // 23:00
	pay("NEXTDAY1", "00")
	must(l.unionpayBack("04/00", "BACK0001", refs["SALE0001"], "30"))
	if _, word := l.unionpayFile("0101"); word != "98" {
		t.Errorf("at the day's end: %s", word)
	}
	l.clock.advance(9*time.Hour + 59*time.Minute + 59*time.Second)
	if _, word := l.unionpayFile("0101"); word != "98" {
		t.Errorf("8:59:59: %s", word)
	}
	l.clock.advance(time.Second)
	got, word := l.unionpayFile("0101")
	if word != "00" || !strings.HasPrefix(got["fileName"], l.UnionPay.MerID) {
		t.Fatalf("9:00: %s %v", word, got)
	}
	files := unpack(t, got["fileContent"])
	text, ok := files["INN26010188ZM_"+l.UnionPay.MerID]
	if _, disputes := files["INN26010188ZME_"+l.UnionPay.MerID]; !ok || !disputes || len(files) != 2 {
		t.Fatalf("the files are %v", files)
	}
	status, bill, _ := l.send(l.bare, "GET", "http://"+l.s.Addr()+"/sandbox/bills/unionpay/2026-01-01", "", nil)
	if status != http.StatusOK || string(bill) != text {
		t.Errorf("the bill of the day is %d %q", status, bill)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
	var seen []string
	for _, line := range lines {
		if len(line) != 607 { // 566 of fields and 41 blanks between 42 of them
			t.Fatalf("a line of %d bytes: %q", len(line), line)
		}
		if at(line, 27) != l.UnionPay.MerID || at(line, 6) == "" || at(line, 9) == "" {
			t.Errorf("%q", line)
		}
		seen = append(seen, strings.Join([]string{at(line, 11), at(line, 19) + at(line, 20), at(line, 6), at(line, 15), at(line, 16), at(line, 32), at(line, 26)}, " "))
	}
	want := []string{
		"SALE0001 0106 000000012345 D000000000047 C000000012345 C000000012298 ",
		"SALE0002 0106 000000012345 D000000000047 C000000012345 C000000012298 ",
		"PASSWORD 0106 000000012345 D000000000047 C000000012345 C000000012298 ",
		"LASTDAY1 0106 000000012345 D000000000047 C000000012345 C000000012298 ",
		"UNDO0002 3100 000000012345 D000000000000 D000000012345 D000000012345 " + refs["SALE0002"],
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("the file holds\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
	if _, word := l.unionpayFile("0103"); word != "98" {
		t.Errorf("last year's third of January: %s", word)
	}
	for _, bad := range []string{"1301", "0132", "101", "20260101"} {
		if _, word := l.unionpayFile(bad); word != "10" {
			t.Errorf("%s: %s", bad, word)
		}
	}
	l.clock.advance(24 * time.Hour)
	got, _ = l.unionpayFile("0102")
	next := unpack(t, got["fileContent"])["INN26010288ZM_"+l.UnionPay.MerID]
	if n := strings.Count(next, "\r\n"); n != 2 || !strings.Contains(next, "NEXTDAY1") || !strings.Contains(next, "BACK0001") {
		t.Errorf("the next day holds %q", next)
	}
}
