package alipay

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/keys"
	"cloudcashier/hub/sandbox/internal/order"
)

// mode checks how the application speaks: with certificates or without, encrypted or not, for itself or for a merchant that
// authorised it. UNVERIFIED: the sub codes of what does not fit the application's mode.
func (c *call) mode() *refusal {
	get := func(name string) string { return c.params[name] }
	app := c.app
	wrongCert := get("app_cert_sn") != "" || get("alipay_root_cert_sn") != ""
	if len(app.Agreed.Signers) > 0 {
		wrongCert = get("app_cert_sn") != app.Agreed.AppSN || get("alipay_root_cert_sn") != app.Terms.RootSN
	}
	switch {
	case wrongCert:
		return &refusal{"40002", "Invalid Arguments", "isv.missing-signature-config", "验签出错: 应用证书与配置不符"}
	case get("encrypt_type") == "AES" && app.Agreed.Content != nil:
		plain, err := decrypt(app.Agreed.Content, get("biz_content"))
		if err != nil {
			return &refusal{"40002", "Invalid Arguments", "isv.decryption-error", "解密出错"}
		}
		c.params["biz_content"], c.sealed = string(plain), true
	case get("encrypt_type") != "":
		return &refusal{"40002", "Invalid Arguments", "isv.invalid-encrypt-type", "无效的加密类型"}
	}
	if get("auth_token") != "" {
		return &refusal{"20001", "Insufficient Token Permissions", "aop.invalid-auth-token", "无效的访问令牌"}
	}
	if token := get("app_auth_token"); token != "" {
		name := app.Authorised(token)
		if name == "" {
			return &refusal{"20001", "Insufficient Token Permissions", "aop.invalid-app-auth-token", "无效的应用授权令牌"}
		}
		c.merchant = c.door.Merchants.Named(name)
	}
	return nil
}

// subMerchant reports that a payment names no sub merchant, or one of the provider's own.
func (c *call) subMerchant() bool {
	raw, given := c.content["sub_merchant"]
	if !given {
		return true
	}
	sub, ok := parseContent(string(raw))
	if !ok || len(sub) == 0 {
		return false
	}
	for name := range c.app.Terms.Subs {
		if m := c.door.Merchants.Named(name); m != nil && m.Alipay.SellerID == sub.text("merchant_id") {
			return true
		}
	}
	return false
}

var certRules = []rule{{"alipay_cert_sn", true, 32, isNumber}}

// certificate is alipay.open.app.alipaycert.download: to whoever changes keys, signed with the newest.
func (c *call) certificate() (door.Reply, error) {
	if bad := c.content.check(certRules); bad != "" {
		return c.invalid(bad)
	}
	for _, s := range c.app.Agreed.Signers {
		if s.SN == c.content.text("alipay_cert_sn") {
			return c.reply(order.Step{}, node{Code: "10000", Msg: "Success", AlipayCertContent: base64.StdEncoding.EncodeToString([]byte(s.Chain))}, "certificate")
		}
	}
	return c.reply(order.Step{}, node{Code: "40004", Msg: "Business Failed", SubCode: "CERT_NOT_EXIST", SubMsg: "证书不存在"}, "CERT_NOT_EXIST")
}

// signing is how an answer is sealed.
type signing struct {
	key     *keys.Signer // nil: not at all
	certSN  string       // of its certificate, in certificate mode
	content []byte       // the key of an encrypted node; nil: in clear
	forged  bool         // break the signature and leave its shape
}

func (c *call) signing(forged bool) signing {
	if c.app == nil {
		return signing{}
	}
	s := signing{key: c.app.Alipay.Key, forged: forged}
	if n := len(c.app.Agreed.Signers); n > 0 {
		s.key, s.certSN = c.app.Agreed.Signers[n-1].Key, c.app.Agreed.Signers[n-1].SN
	}
	if c.sealed {
		s.content = c.app.Agreed.Content
	}
	return s
}

// Contents are AES in CBC mode with a vector of zeros and PKCS #5 padding (section 3.1).
func encrypt(key, plain []byte) (string, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	text := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(text, text)
	return base64.StdEncoding.EncodeToString(text), nil
}

func decrypt(key []byte, text string) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 || len(raw)%aes.BlockSize != 0 {
		return nil, errors.New("no whole blocks in base64")
	}
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(raw, raw)
	pad := int(raw[len(raw)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, errors.New("no padding")
	}
	return raw[:len(raw)-pad], nil
}
