package powercut

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrace reads the forms that strace writes: whole calls, calls cut in two by another thread, failed ones, ones
// that a kill cut off, an answer on a socket, a name relative to a folder.
func TestTrace(t *testing.T) {
	hex := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			b.WriteString(`\x` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
		}
		return b.String()
	}
	db, other, dir := hex("/d/a.db"), hex("/e/a.db"), hex("/d")
	lines := []string{
		`7 1.000000001 openat(AT_FDCWD<` + dir + `>, "` + hex("a.db") + `", O_RDWR|O_CREAT, 0600) = 8<` + db + `>`,
		`7 1.000000002 pwrite64(8<` + db + `>, "` + hex("abc") + `", 3, 5) = 3`,
		`7 1.000000003 pwrite64(9<` + other + `>, "` + hex("abc") + `", 3, 5) = 3`,
		`7 1.000000004 pwrite64(8<` + db + `>, "` + hex("abc") + `", 3, 9) = -1 EIO (Input/output error)`,
		`7 1.000000005 fsync(8<` + db + `> <unfinished ...>`,
		`9 1.000000006 write(22<UNIX-STREAM:[1->2,"` + hex("/d/s") + `"]>, "` + hex("hi") + `", 2) = 2`,
		`7 1.000000007 <... fsync resumed>)      = 0`,
		`7 1.000000008 write(8<` + db + `>, "` + hex("xy") + `", 2) = 1`,
		`7 1.000000009 write(8<` + db + `>, "` + hex("z") + `", 1) = 1`,
		`7 1.000000010 renameat(AT_FDCWD<` + dir + `>, "` + hex("/d/a.db") + `", AT_FDCWD<` + dir + `>, "` + hex("b.db") + `") = 0`,
		`9 1.000000011 fsync(8<` + db + `> <unfinished ...>) = ?`,
		`8 1.000000012 fsync(8<` + db + `> <detached ...>`,
		`9 1.000000013 +++ killed by SIGKILL +++`,
	}
	path := filepath.Join(t.TempDir(), "trace")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ops, err := ReadTrace(path, "/d")
	if err != nil {
		t.Fatal(err)
	}
	want := []Op{
		{Kind: Create, Path: "/d/a.db"},
		{Kind: Write, Path: "/d/a.db", Off: 5, Data: []byte("abc")},
		{Kind: SyncBegin, Path: "/d/a.db", Call: 1},
		{Kind: Said, Data: []byte("hi")},
		{Kind: SyncEnd, Path: "/d/a.db", Call: 1},
		{Kind: Write, Path: "/d/a.db", Off: 0, Data: []byte("x")},
		{Kind: Write, Path: "/d/a.db", Off: 1, Data: []byte("z")},
		{Kind: Rename, Path: "/d/a.db", To: "/d/b.db"},
		{Kind: SyncBegin, Path: "/d/a.db", Call: 2},
		{Kind: SyncBegin, Path: "/d/a.db", Call: 3},
	}
	if len(ops) != len(want) {
		t.Fatalf("%d operations, want %d: %v", len(ops), len(want), ops)
	}
	for i, w := range want {
		g := ops[i]
		if g.Kind != w.Kind || g.To != w.To || g.Off != w.Off || g.Call != w.Call || string(g.Data) != string(w.Data) || w.Path != "" && g.Path != w.Path {
			t.Errorf("operation %d is %+v, want %+v", i, g, w)
		}
	}
	for _, bad := range []string{"", "7 now fsync(8) = 0", `7 1.000000001 fallocate(8<` + db + `>, 0, 0, 9) = 0`,
		`7 1.000000002 pwrite64(8<` + db + `>, "` + hex("abc") + `"..., 3, 5) = 3`} {
		if err := os.WriteFile(path, []byte(bad+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTrace(path, "/d"); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// TestSafe: what is safe after which operations, when everything else is lost.
func TestSafe(t *testing.T) {
	create, write := Op{Kind: Create, Path: "/d/f"}, Op{Kind: Write, Path: "/d/f", Data: []byte("new")}
	sync := func(path string) []Op {
		return []Op{{Kind: SyncBegin, Path: path, Call: 1}, {Kind: SyncEnd, Path: path, Call: 1}}
	}
	join := func(parts ...[]Op) (all []Op) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for _, c := range []struct {
		name           string
		ops            []Op
		ordered, posix string // "-": the file is not there
	}{
		{"nothing synced", []Op{create, write}, "-", "-"},
		{"the file alone", join([]Op{create, write}, sync("/d/f")), "new", "-"},
		{"the folder alone", join([]Op{create, write}, sync("/d")), "", ""},
		{"both", join([]Op{create, write}, sync("/d/f"), sync("/d")), "new", "new"},
		{"written while the sync ran", []Op{create, {Kind: SyncBegin, Path: "/d/f", Call: 1}, write, {Kind: SyncEnd, Path: "/d/f", Call: 1}}, "", "-"},
		{"unlinked, not synced", join([]Op{create, write}, sync("/d/f"), sync("/d"), []Op{{Kind: Unlink, Path: "/d/f"}}), "new", "new"},
		{"unlinked and synced", join([]Op{create, write}, sync("/d/f"), sync("/d"), []Op{{Kind: Unlink, Path: "/d/f"}}, sync("/d")), "-", "-"},
		{"renamed, not synced", join([]Op{{Kind: Create, Path: "/d/t"}, {Kind: Write, Path: "/d/t", Data: []byte("new")}}, sync("/d/t"),
			[]Op{{Kind: Rename, Path: "/d/t", To: "/d/f"}}), "-", "-"},
		{"renamed and synced", join([]Op{{Kind: Create, Path: "/d/t"}, {Kind: Write, Path: "/d/t", Data: []byte("new")}}, sync("/d/t"),
			[]Op{{Kind: Rename, Path: "/d/t", To: "/d/f"}}, sync("/d")), "new", "new"},
		{"in a folder that is lost", join([]Op{{Kind: Mkdir, Path: "/d/k"}, {Kind: Create, Path: "/d/k/f"}}, sync("/d/k")), "-", "-"},
	} {
		for rules, want := range map[Rules]string{Ordered: c.ordered, Posix: c.posix} {
			d := newDisk(rules, "/d")
			for _, op := range c.ops {
				if err := d.do(op); err != nil {
					t.Fatalf("%s: %v", c.name, err)
				}
			}
			got := "-"
			for _, f := range d.leave(lost, 512, 0, rand.New(rand.NewPCG(1, 1))) {
				if f.name == "/d/f" {
					got = string(f.bytes())
				}
			}
			if got != want {
				t.Errorf("%s, %s: %q is safe, want %q", c.name, rules, got, want)
			}
		}
	}
}

// TestScatter: every byte of an image is an old one, a new one, or rubbish inside what was written; what was
// synced and not written again never changes.
func TestScatter(t *testing.T) {
	old, fresh := strings.Repeat("o", 8192), strings.Repeat("n", 3000)
	fates := map[string]bool{}
	for seed := range uint64(200) {
		d := newDisk(Posix, "/d")
		for _, op := range []Op{{Kind: Create, Path: "/d/f"}, {Kind: Write, Path: "/d/f", Data: []byte(old)},
			{Kind: SyncBegin, Path: "/d/f", Call: 1}, {Kind: SyncEnd, Path: "/d/f", Call: 1},
			{Kind: SyncBegin, Path: "/d", Call: 2}, {Kind: SyncEnd, Path: "/d", Call: 2},
			{Kind: Write, Path: "/d/f", Off: 1000, Data: []byte(fresh)}} {
			if err := d.do(op); err != nil {
				t.Fatal(err)
			}
		}
		got := string(d.draw(512, rand.New(rand.NewPCG(seed, 0)))[0].bytes())
		if len(got) != len(old) || strings.Trim(got[:1000]+got[4000:], "o") != "" {
			t.Fatalf("seed %d: what was safe is not as it was", seed)
		}
		fates[strings.Trim(got[1000:4000], "o")] = true
		if strings.Contains(got, "on") && strings.Contains(got[strings.Index(got, "n"):4000], "no") {
			fates["mixed"] = true
		}
	}
	if !fates[""] || !fates[fresh] || !fates["mixed"] {
		t.Error("200 images and not each of: all lost, all kept, mixed")
	}
}
