package sandbox

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/keys"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/hub/sandbox/internal/unionpay"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/strictjson"
)

// decode reads a control request; done means it was answered already.
func decode(w http.ResponseWriter, r *http.Request, into any) (done bool, err error) {
	body, ok := read(w, r)
	if !ok {
		return true, nil
	}
	return false, strictjson.Decode(body, into)
}

func answerJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	write(w, http.StatusOK, "application/json", append(body, '\n'))
	return nil
}

func (s *Sandbox) health(w http.ResponseWriter, _ *http.Request) error {
	if err := s.book.Err(); err != nil {
		problem(w, http.StatusServiceUnavailable, fault.CodeOf(err), "the ledger failed: start the sandbox again")
		return nil
	}
	return answerJSON(w, map[string]string{"status": "ok"})
}

// maxMerchants bounds what a loop gone wild can make.
const maxMerchants = 10_000

var nameShape = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$`)

// Account is the answer of POST /sandbox/merchants: all a merchant needs to speak to each wallet.
// Keys and certificates are PEM.
type Account struct {
	CA     string `json:"ca"`
	WeChat struct {
		AppID      string `json:"appid"`
		MchID      string `json:"mch_id"`
		APIKey     string `json:"api_key"` // the APIv2 key
		ClientCert string `json:"client_cert"`
		ClientKey  string `json:"client_key"`

		APIv3Key    string `json:"api_v3_key"`
		SerialNo    string `json:"serial_no"` // of client_cert, hex
		PublicKeyID string `json:"public_key_id"`
		PublicKey   string `json:"public_key"` // WeChat Pay's, which signs the answers of API v3 in public-key mode
	} `json:"wechat"`
	Alipay struct {
		AppID     string `json:"app_id"`
		SellerID  string `json:"seller_id"`
		PublicKey string `json:"public_key"` // Alipay's, which signs the answers
	} `json:"alipay"`
	UnionPay struct {
		MerID    string `json:"mer_id"`
		SignCert string `json:"sign_cert"` // the merchant's; its serial number is certId
		SignKey  string `json:"sign_key"`
		Root     string `json:"root"` // root and middle vouch for the certificate in the answers
		Middle   string `json:"middle"`
		Signer   string `json:"signer"` // third part of that certificate's name
	} `json:"unionpay"`
}

func (s *Sandbox) addMerchant(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Name      string `json:"name"`
		AlipayKey string `json:"alipay_public_key"`
	}
	if done, err := decode(w, r, &asked); done || err != nil {
		return err
	}
	if !nameShape.MatchString(asked.Name) {
		return fault.New(fault.Invalid, "sandbox.name", "name is 1 to 64 letters, digits, blanks, dots and dashes")
	}
	m, err := s.merchant(asked.Name, asked.AlipayKey)
	if err != nil {
		return err
	}
	public, err := keys.EncodePublic(&m.Alipay.Key.Private.PublicKey)
	if err != nil {
		return err
	}
	var a Account
	a.CA = s.authority
	a.WeChat.AppID, a.WeChat.MchID, a.WeChat.APIKey = m.WeChat.AppID, m.WeChat.MchID, m.WeChat.APIKey
	a.WeChat.ClientCert, a.WeChat.ClientKey = m.WeChat.ClientCert, m.WeChat.ClientKey
	a.WeChat.APIv3Key, a.WeChat.PublicKeyID, a.WeChat.PublicKey = m.WeChat.V3Key(), s.platform.KeyID, s.platform.PublicPEM
	if a.WeChat.SerialNo, err = m.WeChat.Serial(); err != nil {
		return err
	}
	a.Alipay.AppID, a.Alipay.SellerID, a.Alipay.PublicKey = m.Alipay.AppID, m.Alipay.SellerID, public
	u := m.UnionPay
	a.UnionPay.MerID, a.UnionPay.SignCert, a.UnionPay.SignKey = u.MerID, u.SignCert, u.SignKey
	a.UnionPay.Root, a.UnionPay.Middle, a.UnionPay.Signer = s.chain.Root, s.chain.Middle, strings.Split(unionpay.Signer, "@")[2]
	return answerJSON(w, a)
}

// merchant finds or makes a merchant, and gives it the new public key, if any.
func (s *Sandbox) merchant(name, alipayKey string) (*merchant.Merchant, error) {
	s.minting.Lock()
	defer s.minting.Unlock()
	known := s.merchants.Named(name)
	if known != nil && (alipayKey == "" || alipayKey == known.Alipay.AppPEM) {
		return known, nil
	}
	var m merchant.Merchant
	switch {
	case known != nil:
		m = *known
	case s.merchants.Count() >= maxMerchants:
		return nil, fault.New(fault.Invalid, "sandbox.merchants", "there are %d merchants already: start a new sandbox", maxMerchants)
	default:
		fresh, err := merchant.Mint(name, s.clients, s.chain)
		if err != nil {
			return nil, err
		}
		m = *fresh
	}
	if alipayKey != "" {
		var err error
		if m.Alipay.App, err = keys.DecodePublic(alipayKey); err != nil {
			return nil, err
		}
		m.Alipay.AppPEM = alipayKey
	}
	if err := s.book.SaveMerchant(&m); err != nil {
		return nil, err
	}
	s.merchants.Put(&m)
	return &m, nil
}

// shapes of the codes people's wallets show: prefix and length (handbook: wallets, section 5).
var shapes = map[pay.Wallet]struct {
	prefixes []string
	length   int
}{
	pay.WeChat:   {[]string{"10", "11", "12", "13", "14", "15"}, 18},
	pay.Alipay:   {[]string{"28"}, 18},
	pay.UnionPay: {[]string{"62"}, 19},
}

var scenarioShape = regexp.MustCompile(`^[0-9]{2}$`)

func (s *Sandbox) issueCode(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Wallet   pay.Wallet `json:"wallet"`
		Scenario string     `json:"scenario"`
	}
	if done, err := decode(w, r, &asked); done || err != nil {
		return err
	}
	if asked.Scenario == "" {
		asked.Scenario = "00"
	}
	shape, known := shapes[asked.Wallet]
	if !known || !scenarioShape.MatchString(asked.Scenario) {
		return fault.New(fault.Invalid, "sandbox.code", "wallet is wechat, alipay or unionpay; scenario is two digits, 00 to 99")
	}
	for range 16 { // ten digits or more are random, so the first try all but always is fresh
		text, err := randomCode(shape.prefixes, shape.length, asked.Scenario)
		if err != nil {
			return err
		}
		code, err := pay.ParseCode(text)
		if err != nil {
			return err
		}
		fresh, err := s.book.IssueCode(s.now().UTC().Truncate(time.Millisecond), code)
		if err != nil {
			return err
		}
		if fresh {
			return answerJSON(w, map[string]string{"code": code.Reveal()})
		}
	}
	return fault.New(fault.Internal, "sandbox.code", "no fresh code was found")
}

func randomCode(prefixes []string, length int, scenario string) (string, error) {
	middle := length - len(prefixes[0]) - len(scenario)
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(middle)), nil)
	n, err := rand.Int(rand.Reader, limit.Mul(limit, big.NewInt(int64(len(prefixes)))))
	if err != nil {
		return "", fmt.Errorf("draw a code: %w", err)
	}
	rest, which := new(big.Int), new(big.Int)
	which.QuoRem(n, big.NewInt(int64(len(prefixes))), rest)
	return fmt.Sprintf("%s%0*d%s", prefixes[rest.Int64()], middle, which, scenario), nil
}

// ledgerPage is how many lines are read at a time, so that a long answer holds no transaction open.
const ledgerPage = 1000

func (s *Sandbox) ledger(w http.ResponseWriter, _ *http.Request) error {
	if err := s.book.Settle(s.now()); err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	lines := json.NewEncoder(out)
	for seq := int64(0); ; {
		page, err := s.book.Lines(seq, ledgerPage)
		if err != nil && seq == 0 {
			return err
		}
		if err != nil {
			panic(http.ErrAbortHandler) // half a ledger must not look like a whole one
		}
		if seq == 0 {
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		for _, e := range page {
			err := lines.Encode(struct {
				Wallet    pay.Wallet `json:"wallet"`
				Number    string     `json:"out_trade_no"`
				WalletRef string     `json:"wallet_ref"`
				Kind      string     `json:"kind"`
				Amount    int64      `json:"amount"`
				At        time.Time  `json:"at"`
				Mch       string     `json:"mch"`
				Refund    string     `json:"out_refund_no,omitempty"` // the merchant's, of a refund or an undo
			}{e.Order.Wallet, e.Order.Number, e.Order.Ref(), string(e.Kind), e.Amount.Fen(), e.At, e.Order.Mch, e.Refund})
			if err != nil {
				return nil // the reader hung up
			}
			seq = e.Seq
		}
		if len(page) < ledgerPage {
			_ = out.Flush()
			return nil
		}
	}
}

// unionpayBill shows the lines of a day's settlement file, of every merchant, as they stand now.
func (s *Sandbox) unionpayBill(w http.ResponseWriter, r *http.Request) error {
	day, err := unionpay.Day(r.PathValue("date"))
	if err != nil {
		return fault.New(fault.Invalid, "sandbox.date", "the date is written YYYY-MM-DD")
	}
	rows, err := s.unionpay.Rows(s.now().UTC().Truncate(time.Millisecond), "", day)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, row := range rows {
		text.WriteString(row + "\r\n")
	}
	write(w, http.StatusOK, "text/plain; charset=gbk", []byte(text.String()))
	return nil
}
