package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// finding is one breach, and what to do about it.
type finding struct {
	file string
	line int
	say  string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.say) }

// imported is one import of a file.
type imported struct {
	path string
	name string // how the file calls it
	line int
}

// source is one parsed file.
type source struct {
	path    string // slash-separated, from the root
	dir     string
	test    bool
	lines   int
	fset    *token.FileSet
	ast     *ast.File
	imports []imported
}

func (s *source) line(n ast.Node) int { return s.fset.Position(n.Pos()).Line }

func (s *source) at(n ast.Node, format string, args ...any) finding {
	return finding{s.path, s.line(n), fmt.Sprintf(format, args...)}
}

// tree is every Go file of the module, by folder.
type tree struct {
	files []*source
	plan  book
}

// dirs lists the folders that hold packages, in order.
func (t *tree) dirs() []string {
	var dirs []string
	for _, f := range t.files {
		dirs = append(dirs, f.dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// inspect parses the module at root and applies every rule.
func inspect(root string, plan book) ([]finding, error) {
	t := &tree{plan: plan}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := d.Name()
			if name != root && (base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		s, err := parse(fset, name, filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		t.files = append(t.files, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	var all []finding
	for _, rule := range rules {
		all = append(all, rule(t)...)
	}
	slices.SortFunc(all, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.say, b.say))
	})
	return slices.Compact(all), nil
}

func parse(fset *token.FileSet, name, rel string) (*source, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(fset, rel, data, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	s := &source{
		path: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"),
		lines: strings.Count(string(data), "\n"), fset: fset, ast: file,
	}
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		name := packageName(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		s.imports = append(s.imports, imported{path: p, name: name, line: s.line(spec)})
	}
	return s, nil
}

// packageName guesses what a package calls itself: right for every package a rule asks about.
func packageName(importPath string) string {
	base := path.Base(importPath)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(importPath))
	}
	return base
}

// uses calls found for every mention of a name of the package, "time" and "Now" in time.Now, that is
// not a local variable of the same name.
func (s *source) uses(importPath string, found func(sel *ast.SelectorExpr)) {
	for _, i := range s.imports {
		if i.path != importPath {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == i.name && x.Obj == nil {
					found(sel)
				}
			}
			return true
		})
	}
}

// within reports whether folder is named by one of the patterns: "a/b" itself or "a/b/*" for all below a/b.
func within(folder string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if below, ok := strings.CutSuffix(p, "/*"); ok {
			return strings.HasPrefix(folder, below+"/")
		}
		return folder == p
	})
}
