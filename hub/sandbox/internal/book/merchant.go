package book

import (
	"fmt"

	"cloudcashier/hub/sandbox/internal/keys"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/shared/sqlite"
)

// SaveMerchant stores a merchant; one of the same name gets the new public key and keeps the rest.
func (b *Book) SaveMerchant(m *merchant.Merchant) error {
	key, err := keys.EncodeRSA(m.Alipay.Key.Private)
	if err != nil {
		return err
	}
	return b.db.Update(func(tx *sqlite.Tx) error {
		err := tx.Exec(`INSERT INTO merchants (name, wechat_appid, mch_id, api_key, client_cert, client_key,
			alipay_app_id, seller_id, alipay_key, app_public_key, mer_id, sign_cert, sign_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET app_public_key = excluded.app_public_key`,
			m.Name, m.WeChat.AppID, m.WeChat.MchID, m.WeChat.APIKey, m.WeChat.ClientCert, m.WeChat.ClientKey,
			m.Alipay.AppID, m.Alipay.SellerID, key, m.Alipay.AppPEM, m.UnionPay.MerID, m.UnionPay.SignCert, m.UnionPay.SignKey)
		if err != nil {
			return fmt.Errorf("store merchant %q: %w", m.Name, err)
		}
		return nil
	})
}

// Merchants loads them all.
func (b *Book) Merchants() (all []*merchant.Merchant, err error) {
	err = b.db.View(func(tx *sqlite.Tx) error {
		return tx.Query(func(rows sqlite.Rows) error {
			m, key := &merchant.Merchant{}, ""
			merID, signCert, signKey := "", "", ""
			err := rows.Scan(&m.Name, &m.WeChat.AppID, &m.WeChat.MchID, &m.WeChat.APIKey, &m.WeChat.ClientCert, &m.WeChat.ClientKey,
				&m.Alipay.AppID, &m.Alipay.SellerID, &key, &m.Alipay.AppPEM, &merID, &signCert, &signKey)
			if err != nil {
				return err
			}
			private, err := keys.DecodeRSA(key)
			if err != nil {
				return err
			}
			m.Alipay.Key = keys.NewSigner(private)
			if m.UnionPay, err = merchant.LoadUnionPay(merID, signCert, signKey); err != nil {
				return err
			}
			if m.Alipay.AppPEM != "" {
				if m.Alipay.App, err = keys.DecodePublic(m.Alipay.AppPEM); err != nil {
					return err
				}
			}
			all = append(all, m)
			return nil
		}, `SELECT name, wechat_appid, mch_id, api_key, client_cert, client_key, alipay_app_id, seller_id, alipay_key, app_public_key,
			mer_id, sign_cert, sign_key FROM merchants`)
	})
	if err != nil {
		return nil, fmt.Errorf("load merchants: %w", err)
	}
	return all, nil
}
