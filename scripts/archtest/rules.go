package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// rules are everything that is checked. Each has a bad sample under testdata that shows it catches.
var rules = []func(*tree) []finding{
	rooms, modules, sharedByTwo, law, worldOutside, noFloats, sizes, interfaces, documented, names, testHabits, endings,
}

// rooms: each package imports only what its row allows, and each package has a row.
func rooms(t *tree) (out []finding) {
	const module = "cloudcashier/"
	for _, dir := range t.dirs() {
		if _, ok := t.plan.rooms.find(dir); !ok {
			out = append(out, finding{dir, 1, "no row in scripts/archtest/tables.go names this package: add one that says what it may import, or move it"})
		}
	}
	for _, f := range t.files {
		may, named := t.plan.rooms.find(f.dir)
		if !named {
			continue // said above, once
		}
		if f.test {
			extra, _ := t.plan.testRooms.find(f.dir)
			may = append(slices.Clone(may), extra...)
		}
		for _, i := range f.imports {
			target, ours := strings.CutPrefix(i.path, module)
			if !ours || target == f.dir || within(target, may) {
				continue
			}
			out = append(out, finding{f.path, i.line, fmt.Sprintf("%s may not import %s: %s", f.dir, target, whyNot(f.dir, target))})
		}
	}
	return out
}

func whyNot(from, to string) string {
	a, _, _ := strings.Cut(from, "/")
	b, _, _ := strings.Cut(to, "/")
	switch {
	case a == "shared":
		return "shared is a leaf; pass in what it needs"
	case a != b && b != "shared":
		return "pillars never see each other; what two programs need enters shared"
	}
	return "see its row in scripts/archtest/tables.go; declare an interface at the user and let the root connect them"
}

// modules: each third-party module is imported by its owner only.
func modules(t *tree) (out []finding) {
	for _, f := range t.files {
		for _, i := range f.imports {
			host, _, _ := strings.Cut(i.path, "/")
			if !strings.Contains(host, ".") {
				continue
			}
			owner, ok := t.plan.ownerOf(i.path)
			switch {
			case !ok:
				out = append(out, finding{f.path, i.line, fmt.Sprintf("%s has no owner: name one folder for it in scripts/archtest/tables.go, or do without", i.path)})
			case within(f.dir, owner.folders), f.test && within(f.dir, owner.tests):
			default:
				out = append(out, finding{f.path, i.line, fmt.Sprintf("%s belongs to %s: go through that package", i.path, strings.Join(owner.folders, " and "))})
			}
		}
	}
	return out
}

// sharedByTwo: a package is in shared only while two programs import it, directly or through shared.
func sharedByTwo(t *tree) (out []finding) {
	users := map[string]map[string]bool{} // shared folder -> pillars and shared folders that import it
	for _, f := range t.files {
		for _, i := range f.imports {
			target, ok := strings.CutPrefix(i.path, "cloudcashier/")
			if !ok || f.test || !strings.HasPrefix(target, "shared/") {
				continue
			}
			user, _, _ := strings.Cut(f.dir, "/")
			if user == "shared" {
				user = f.dir
			}
			if users[target] == nil {
				users[target] = map[string]bool{}
			}
			users[target][user] = true
		}
	}
	var pillars func(folder string, seen map[string]bool)
	pillars = func(folder string, seen map[string]bool) {
		for user := range users[folder] {
			if !seen[user] {
				seen[user] = true
				pillars(user, seen)
			}
		}
	}
	for _, dir := range t.dirs() {
		if !strings.HasPrefix(dir, "shared/") {
			continue
		}
		seen, programs := map[string]bool{}, 0
		pillars(dir, seen)
		for user := range seen {
			if !strings.HasPrefix(user, "shared/") {
				programs++
			}
		}
		if programs < 2 {
			out = append(out, finding{dir, 1, fmt.Sprintf("%d programs import this package: a package enters shared when two do, until then it lives with its user", programs)})
		}
	}
	return out
}

// lawForbids are the imports that would make a law package impure.
var lawForbids = []string{"context", "database/sql", "io/fs", "log", "log/*", "net", "net/http", "net/http/*", "os", "os/*", "sync", "sync/*", "syscall", "unsafe"}

// law: packages of arithmetic touch nothing.
func law(t *tree) (out []finding) {
	for _, f := range t.files {
		if f.test || !within(f.dir, t.plan.law) {
			continue
		}
		for _, i := range f.imports {
			if within(i.path, lawForbids) {
				out = append(out, finding{f.path, i.line, fmt.Sprintf("%s is law and may not import %s: take values in, give values back", f.dir, i.path)})
			}
		}
		f.uses("time", func(sel *ast.SelectorExpr) {
			if slices.Contains([]string{"After", "AfterFunc", "NewTicker", "NewTimer", "Sleep", "Tick"}, sel.Sel.Name) {
				out = append(out, f.at(sel, "%s is law and may not wait (time.%s): return when to come back", f.dir, sel.Sel.Name))
			}
		})
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				out = append(out, f.at(g, "%s is law and may not start a goroutine", f.dir))
			}
			return true
		})
	}
	return out
}

// seeded are the names of math/rand that draw from no global source.
var seeded = []string{"ChaCha8", "New", "NewChaCha8", "NewPCG", "NewSource", "NewZipf", "PCG", "Rand", "Source", "Source64", "Zipf"}

// worldOutside: clock, chance and environment come in as arguments below the composition roots.
func worldOutside(t *tree) (out []finding) {
	for _, f := range t.files {
		if f.test || within(f.dir, t.plan.roots) {
			continue
		}
		forbid := func(pkg string, instead string, bad func(name string) bool) {
			if _, ok := t.plan.worldly[f.dir+" "+pkg]; ok {
				return
			}
			f.uses(pkg, func(sel *ast.SelectorExpr) {
				if bad(sel.Sel.Name) {
					out = append(out, f.at(sel, "%s.%s below the composition root: %s", packageName(pkg), sel.Sel.Name, instead))
				}
			})
		}
		any := func(string) bool { return true }
		forbid("time", "take now func() time.Time in Config", func(n string) bool { return n == "Now" || n == "Since" || n == "Until" })
		forbid("math/rand", "take a *rand.Rand", func(n string) bool { return !slices.Contains(seeded, n) })
		forbid("math/rand/v2", "take a *rand.Rand", func(n string) bool { return !slices.Contains(seeded, n) })
		forbid("crypto/rand", "take an io.Reader", any)
		forbid("os", "take it in Config", func(n string) bool { return n == "Getenv" || n == "LookupEnv" || n == "Environ" || n == "ExpandEnv" })
	}
	return out
}

// noFloats: money is integers.
func noFloats(t *tree) (out []finding) {
	for _, f := range t.files {
		if _, ok := t.plan.floats[f.path]; ok || f.test || !within(f.dir, t.plan.money) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.Ident:
				if x.Name == "float32" || x.Name == "float64" {
					out = append(out, f.at(x, "%s where money is near: use money.Amount or integer parts per million", x.Name))
				}
			case *ast.BasicLit:
				if x.Kind == token.FLOAT {
					out = append(out, f.at(x, "a float constant where money is near: use integers"))
				}
			}
			return true
		})
		f.uses("strconv", func(sel *ast.SelectorExpr) {
			if sel.Sel.Name == "ParseFloat" || sel.Sel.Name == "FormatFloat" {
				out = append(out, f.at(sel, "strconv.%s where money is near: use money's own parser", sel.Sel.Name))
			}
		})
	}
	return out
}

// endings: only main decides that the program is over.
func endings(t *tree) (out []finding) {
	for _, f := range t.files {
		if f.test {
			continue
		}
		main := f.ast.Name.Name == "main"
		f.uses("log", func(sel *ast.SelectorExpr) {
			if strings.HasPrefix(sel.Sel.Name, "Fatal") || strings.HasPrefix(sel.Sel.Name, "Panic") {
				out = append(out, f.at(sel, "log.%s: return an error; main prints it and exits", sel.Sel.Name))
			}
		})
		f.uses("os", func(sel *ast.SelectorExpr) {
			if sel.Sel.Name == "Exit" && !main {
				out = append(out, f.at(sel, "os.Exit outside main: return an error"))
			}
		})
		if _, ok := t.plan.panics[f.dir]; ok {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "panic" && id.Obj == nil {
					out = append(out, f.at(call, "panic: return an error, or give the package a row with its reason in scripts/archtest/tables.go"))
				}
			}
			return true
		})
	}
	return out
}
