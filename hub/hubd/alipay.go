package hubd

import (
	"crypto/x509"
	"encoding/base64"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/shared/fault"
)

// openAlipay opens an application in public-key mode, or in certificate mode when it names its certificate.
func openAlipay(url, notifyURL string, a *AlipayConfig, keys chest, roots *x509.CertPool, now func() time.Time) (channel.Channel, error) {
	key, err := keys.signer(a.Key)
	if err != nil {
		return nil, err
	}
	cfg := alipay.Config{GatewayURL: url, AppID: a.AppID, SellerID: a.SellerID, PrivateKey: key, RootCAs: roots, NotifyURL: notifyURL, Now: now,
		Partner: alipay.Partner{SubMerchant: a.SubMerchant}}
	if a.AppCert == "" {
		wallet, err := keys.publics(a.WalletKey)
		if err != nil {
			return nil, err
		}
		cfg.WalletKey, cfg.FormerKeys = wallet[0], wallet[1:]
	} else if cfg.Certs, err = alipayCertificates(a, keys); err != nil {
		return nil, err
	}
	if a.AppAuthToken != "" {
		if cfg.Partner.AppAuthToken, err = keys.secret(a.AppAuthToken); err != nil {
			return nil, err
		}
	}
	if a.ContentKey != "" {
		text, err := keys.secret(a.ContentKey)
		if err != nil {
			return nil, err
		}
		if cfg.ContentKey, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, fault.New(fault.Invalid, "channel.content_key", "the content key is no base64: copy it from Alipay's console")
		}
	}
	return alipay.New(cfg)
}

func alipayCertificates(a *AlipayConfig, keys chest) (*alipay.Certificates, error) {
	app, err := keys.certificate(a.AppCert, a.Key)
	if err != nil {
		return nil, err
	}
	chain, err := keys.chain(a.WalletCert)
	if err != nil {
		return nil, err
	}
	out := &alipay.Certificates{App: app.Leaf}
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "config.cert", "Alipay's certificate cannot be read")
		}
		out.Alipay = append(out.Alipay, cert)
	}
	out.Roots, err = certificates(a.RootFile)
	return out, err
}
