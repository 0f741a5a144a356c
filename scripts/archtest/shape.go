package main

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// The limits of DESIGN section 3, with the slack that keeps a good file from being cut for three lines.
const (
	aimFile, maxFile         = 400, 450
	aimFunction, maxFunction = 70, 90
	maxMethods               = 4
)

// sizes: nothing grows until nobody reads it.
func sizes(t *tree) (out []finding) {
	for _, f := range t.files {
		if f.lines > maxFile {
			out = append(out, finding{f.path, f.lines, fmt.Sprintf("%d lines, the aim is %d: move a noun into a file of its own", f.lines, aimFile)})
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || f.test {
				continue
			}
			if lines := f.fset.Position(fn.End()).Line - f.line(fn) + 1; lines > maxFunction {
				out = append(out, f.at(fn, "%s has %d lines, the aim is %d: name its parts", fn.Name.Name, lines, aimFunction))
			}
		}
	}
	return out
}

// interfaces: small, so that a fake is a few lines and a reader sees what is really needed.
func interfaces(t *tree) (out []finding) {
	for _, f := range t.files {
		if f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > maxMethods {
				out = append(out, f.at(spec, "interface %s has %d methods, at most %d: declare at each user what it uses", spec.Name.Name, i.Methods.NumFields(), maxMethods))
			}
			return true
		})
	}
	return out
}

// documented: every package says what it is for.
func documented(t *tree) (out []finding) {
	has, real := map[string]bool{}, map[string]bool{}
	for _, f := range t.files {
		if !f.test {
			real[f.dir] = true
		}
	}
	for _, f := range t.files {
		if f.ast.Doc != nil && (!f.test || !real[f.dir]) { // a package of tests alone is documented in a test file
			has[f.dir] = true
		}
	}
	for _, dir := range t.dirs() {
		if !has[dir] {
			out = append(out, finding{dir, 1, "no package doc: say what it is for, what it refuses, and the one thing newcomers get wrong"})
		}
	}
	return out
}

// nameless are package names that say nothing.
var nameless = []string{"base", "common", "constants", "core", "helper", "helpers", "impl", "lib", "manager", "misc", "model", "models", "types", "util", "utils"}

// names: a package is called after what it holds.
func names(t *tree) (out []finding) {
	for _, f := range t.files {
		if slices.Contains(nameless, strings.TrimSuffix(f.ast.Name.Name, "_test")) {
			out = append(out, f.at(f.ast.Name, "a package named %s can hold anything: name it after what it holds", f.ast.Name.Name))
		}
	}
	return out
}

// testHabits: tests await signals and are never skipped.
func testHabits(t *tree) (out []finding) {
	for _, f := range t.files {
		if !f.test {
			continue
		}
		virtual := slices.ContainsFunc(f.imports, func(i imported) bool { return i.path == "testing/synctest" })
		if !virtual {
			f.uses("time", func(sel *ast.SelectorExpr) {
				if sel.Sel.Name == "Sleep" {
					out = append(out, f.at(sel, "time.Sleep in a test: await a signal, or use testing/synctest"))
				}
			})
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && ofTesting(x) {
				out = append(out, f.at(sel, "%s.%s: a skipped test proves nothing; make it run here or remove it", x.Name, sel.Sel.Name))
			}
			return true
		})
	}
	return out
}

// ofTesting reports whether the identifier is a parameter of type *testing.T, *testing.B, *testing.F or testing.TB.
func ofTesting(x *ast.Ident) bool {
	if x.Obj == nil {
		return false
	}
	field, ok := x.Obj.Decl.(*ast.Field)
	if !ok {
		return false
	}
	typ := field.Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	sel, ok := typ.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "testing"
}
