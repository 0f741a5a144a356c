package merchant

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"fmt"
)

// V3Key is the merchant's APIv3 key, 32 characters. The merchant's secret of v2 says it, so that it need not be kept;
// neither can be told from the other.
func (w WeChat) V3Key() string {
	sum := sha256.Sum256([]byte("API v3 " + w.APIKey))
	return base32.StdEncoding.EncodeToString(sum[:])[:32]
}

// certificate reads ClientCert, which is the merchant's API certificate, too.
func (w WeChat) certificate() (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(w.ClientCert))
	if block == nil {
		return nil, fmt.Errorf("certificate of merchant %s: no PEM", w.MchID)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate of merchant %s: %w", w.MchID, err)
	}
	return cert, nil
}

// Serial is that certificate's serial number, upper-case hex.
func (w WeChat) Serial() (string, error) {
	cert, err := w.certificate()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%X", cert.SerialNumber), nil
}

// Public is that certificate's key.
func (w WeChat) Public() (*rsa.PublicKey, error) {
	cert, err := w.certificate()
	if err != nil {
		return nil, err
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("certificate of merchant %s: no RSA key", w.MchID)
	}
	return key, nil
}
