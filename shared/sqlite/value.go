package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"strconv"
)

// plain makes of an argument what the driver takes. What is met most goes first; the rest is database/sql's own conversion.
func plain(a any) (driver.Value, error) {
	switch v := a.(type) {
	case string, int64, []byte, bool, nil:
		return v, nil
	case int:
		return int64(v), nil
	case sql.NullInt64:
		if !v.Valid {
			return nil, nil
		}
		return v.Int64, nil
	}
	return driver.DefaultParameterConverter.ConvertValue(a)
}

// assign copies a row's columns to where the caller wants them.
func assign(row []driver.Value, dest []any) error {
	if len(row) != len(dest) {
		return fmt.Errorf("a row of %d columns is read into %d", len(row), len(dest))
	}
	for i, from := range row {
		if !simple(from, dest[i]) {
			if err := odd(from, dest[i]); err != nil {
				return fmt.Errorf("column %d: %w", i+1, err)
			}
		}
	}
	return nil
}

// simple copies between types that are the same but for their size; false when it knows no way.
func simple(from driver.Value, dest any) bool {
	switch v := from.(type) {
	case string:
		if to, ok := dest.(*string); ok {
			*to = v
			return true
		}
	case int64:
		switch to := dest.(type) {
		case *int64:
			*to = v
		case *int:
			*to = int(v)
		case *sql.NullInt64:
			*to = sql.NullInt64{Int64: v, Valid: true}
		default:
			return false
		}
		return true
	case []byte:
		if to, ok := dest.(*[]byte); ok {
			*to = v // the driver made it for us
			return true
		}
	case nil:
		if to, ok := dest.(*sql.NullInt64); ok {
			*to = sql.NullInt64{}
			return true
		}
	}
	return false
}

// odd copies to a type of the caller's own, and says what does not fit.
func odd(from driver.Value, dest any) error {
	switch to := dest.(type) {
	case sql.Scanner:
		return to.Scan(from)
	case *any:
		*to = from
		return nil
	}
	to := reflect.ValueOf(dest)
	if to.Kind() != reflect.Pointer || to.IsNil() {
		return fmt.Errorf("nothing can be read into a %T", dest)
	}
	if !set(to.Elem(), from) {
		return fmt.Errorf("a %T does not fit into a %T", from, dest)
	}
	return nil
}

func set(to reflect.Value, from driver.Value) bool {
	octets := to.Kind() == reflect.Slice && to.Type().Elem().Kind() == reflect.Uint8
	switch v := from.(type) {
	case string:
		switch {
		case to.Kind() == reflect.String:
			to.SetString(v)
		case octets:
			to.SetBytes([]byte(v))
		default:
			return false
		}
	case []byte:
		switch {
		case to.Kind() == reflect.String:
			to.SetString(string(v))
		case octets:
			to.SetBytes(v)
		default:
			return false
		}
	case int64:
		switch {
		case to.CanInt() && !to.OverflowInt(v):
			to.SetInt(v)
		case to.CanUint() && v >= 0 && !to.OverflowUint(uint64(v)):
			to.SetUint(uint64(v))
		case to.Kind() == reflect.Bool && (v == 0 || v == 1):
			to.SetBool(v == 1)
		case to.Kind() == reflect.String:
			to.SetString(strconv.FormatInt(v, 10))
		default:
			return false
		}
	case nil:
		if !octets {
			return false
		}
		to.SetZero()
	default:
		return false
	}
	return true
}
