package sqlite

import (
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	"cloudcashier/shared/fault"
)

// migrate runs the numbered files above user_version, each in one transaction with its number.
func (db *DB) migrate(fsys fs.FS) error {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return fmt.Errorf("list migrations: %w", err)
	}
	sort.Strings(names)
	var have int
	if err := db.writer.row("PRAGMA user_version", &have); err != nil {
		return storageError("migrate", db.path, err)
	}
	if have > len(names) {
		return fault.New(fault.Conflict, "storage.newer",
			"%s was written by a newer program (schema %d, this one knows %d): install that version again", db.path, have, len(names))
	}
	for i, name := range names {
		number, _ := strconv.Atoi(strings.SplitN(name, "_", 2)[0])
		if number != i+1 {
			return fmt.Errorf("migration %s stands at place %d", name, i+1)
		}
		if number <= have {
			continue
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("read migration %s: %w", name, err)
		}
		script := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\n;PRAGMA user_version = %d;\nCOMMIT;", text, number)
		if err := db.writer.script(script); err != nil {
			_ = db.writer.script("ROLLBACK")
			return storageError("migrate", db.path, fmt.Errorf("%s: %w", name, err))
		}
	}
	return nil
}
