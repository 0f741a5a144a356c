package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloudcashier/shared/pay"
)

// StoredLedger are the movements of the hub's own stored value, as a wallet's ledger has them.
func (l *Lab) StoredLedger(ctx context.Context) (entries []Entry, err error) {
	out, _, err := l.rig.Run(ctx, "cashier-hub", "export", "storedvalue", "--data", l.Data)
	if err != nil {
		return nil, err
	}
	err = eachLine(out, func(line []byte) error {
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if e.OutTradeNo == "" {
			return nil // a topup
		}
		if e.Wallet = pay.StoredValue; e.Kind == "charge" {
			e.Amount = -e.Amount
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

// StoredCode has the hub sign a code of an account and remembers it as a secret.
func (l *Lab) StoredCode(ctx context.Context, account string, most int64) (string, error) {
	out, _, err := l.rig.Run(ctx, "cashier-hub", "storedvalue", "code", "--data", l.Data, "--account", account, "--most", strconv.FormatInt(most, 10), "--json")
	if err != nil {
		return "", err
	}
	var answer struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return "", fmt.Errorf("a stored-value code: %w", err)
	}
	l.rig.Remember("the secret of a stored-value code", answer.Code[strings.LastIndex(answer.Code, ".")+1:])
	return answer.Code, nil
}

// OpenStoredAccount opens an account with a balance.
func (l *Lab) OpenStoredAccount(ctx context.Context, name string, fen int64) (account string, err error) {
	out, _, err := l.rig.Run(ctx, "cashier-hub", "storedvalue", "account", "create", "--data", l.Data, "--name", name, "--json")
	if err != nil {
		return "", err
	}
	var a struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(out, &a); err != nil {
		return "", fmt.Errorf("a stored-value account: %w", err)
	}
	_, _, err = l.rig.Run(ctx, "cashier-hub", "storedvalue", "account", "topup", a.ID, "--data", l.Data, "--amount", strconv.FormatInt(fen, 10), "--by", "rig")
	return a.ID, err
}

// StoredBalance is what an account has.
func (l *Lab) StoredBalance(ctx context.Context, account string) (int64, error) {
	out, _, err := l.rig.Run(ctx, "cashier-hub", "storedvalue", "account", "show", account, "--data", l.Data, "--json")
	if err != nil {
		return 0, err
	}
	var a struct {
		Balance int64 `json:"balance"`
	}
	return a.Balance, json.Unmarshal(out, &a)
}

// Doubt is a line of `cashier-hub exceptions list`.
type Doubt struct {
	Kind     string    `json:"kind"`
	Matter   string    `json:"matter"`
	OrderNo  string    `json:"order_no"`
	OpenedAt time.Time `json:"opened_at"`
}

// Doubts are the hub's open exceptions.
func (l *Lab) Doubts(ctx context.Context) (list []Doubt, err error) {
	out, _, err := l.rig.Run(ctx, "cashier-hub", "exceptions", "list", "--data", l.Data, "--json")
	if err != nil {
		return nil, err
	}
	return list, json.Unmarshal(out, &list)
}
