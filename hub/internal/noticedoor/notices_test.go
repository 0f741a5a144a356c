package noticedoor_test

import "maps"

// notice is one kind that a wallet sends.
type notice struct {
	wallet, kind string
	fields       fields
	sign         func(fields) string
	forged       map[string][]string // values that must not be taken, however well they are signed
	asked        string              // the record whose question is brought forward
}

var notices = []notice{
	{"wechat", "pay", fields{"return_code": "SUCCESS", "result_code": "SUCCESS", "appid": "wx2421b1c4370ec43b", "mch_id": "10000100", "nonce_str": "n1",
		"openid": "o1", "is_subscribe": "N", "trade_type": "NATIVE", "bank_type": "OTHERS", "fee_type": "CNY", "total_fee": "8888", "cash_fee": "8888",
		"transaction_id": walletRef, "out_trade_no": orderNo, "time_end": "20260101120010"}, signWeChat,
		map[string][]string{"return_code": {"FAIL", ""}, "result_code": {"FAIL", ""}, "appid": {"wx2421b1c4370ec43c", ""}, "mch_id": {"10000101", ""},
			"out_trade_no": {otherRef, "01JELSEWHERE00000000000001", "", "1"}, "transaction_id": {backRef, "", "x"}, "total_fee": {"8887", "0", "08888", "", "88.88", "-8888"},
			"fee_type": {"USD"}, "time_end": {"", "2026"}, "sign_type": {"HMAC-SHA256"}, "trade_state": {"REFUND"}, "sub_mch_id": {"10000102"}, "sub_appid": {"wx1"}}, "pay_" + orderNo},
	{"wechat", "refund", fields{"return_code": "SUCCESS", "appid": "wx2421b1c4370ec43b", "mch_id": "10000100", "nonce_str": "n1", "in.transaction_id": walletRef,
		"in.out_trade_no": otherNo, "in.refund_id": backRef, "in.out_refund_no": refundNo, "in.total_fee": "8888", "in.settlement_total_fee": "8888",
		"in.refund_fee": "888", "in.settlement_refund_fee": "888", "in.refund_status": "SUCCESS", "in.success_time": "2026-01-01 12:00:20",
		"in.refund_recv_accout": "支付用户零钱", "in.refund_account": "REFUND_SOURCE_RECHARGE_FUNDS", "in.refund_request_source": "API"}, signWeChatRefund,
		map[string][]string{"return_code": {"FAIL"}, "appid": {"wx2421b1c4370ec43c", ""}, "mch_id": {"10000101", ""}, "sub_mch_id": {"10000102"}, "sign": {"00"},
			"in.transaction_id": {backRef, ""}, "in.out_trade_no": {orderNo, "", "x"}, "in.refund_id": {walletRef, "", "x"}, "in.out_refund_no": {otherRef, orderNo, ""},
			"in.total_fee": {"8889", "", "887"}, "in.refund_fee": {"889", "88", "0", "", "8.88"}, "in.refund_status": {"PROCESSING", ""}, "in.success_time": {"", "now"},
			"in.fee_type": {"USD"}, "in.refund_fee_type": {"HKD"}}, "ref_" + refundNo},
	{"alipay", "pay", fields{"notify_time": "2026-01-01 12:00:20", "notify_type": "trade_status_sync", "notify_id": "ac05099524730693a8b330c5ecf72da9786",
		"app_id": "2014072300007148", "auth_app_id": "2014072300007148", "charset": "utf-8", "version": "1.0", "sign_type": "RSA2", "trade_no": walletRef,
		"out_trade_no": orderNo, "buyer_id": "2088101117955611", "seller_id": "2088101106499364", "trade_status": "TRADE_SUCCESS", "total_amount": "88.88",
		"receipt_amount": "88.88", "subject": "a+b%20c 中", "gmt_create": "2026-01-01 12:00:02", "gmt_payment": "2026-01-01 12:00:10"}, signAlipay,
		map[string][]string{"notify_time": {"", "x"}, "notify_type": {"dut_user_sign", ""}, "notify_id": {""}, "app_id": {"2014072300007149", ""},
			"auth_app_id": {"2014072300007149"}, "sign_type": {"RSA", ""}, "trade_no": {backRef, "", "x"}, "out_trade_no": {otherRef, "01JELSEWHERE00000000000001", "", "1"},
			"seller_id": {"2088101106499365", ""}, "trade_status": {"TRADE_PENDING", ""}, "total_amount": {"88.87", "8888", "88.880", "", "-88.88", "0.00"},
			"gmt_payment": {"x"}, "trans_currency": {"USD"}, "out_biz_no": {"R1", otherRef}}, "pay_" + orderNo},
	{"alipay", "refund", fields{"notify_time": "2026-01-01 12:00:20", "notify_type": "trade_status_sync", "notify_id": "ac05099524730693a8b330c5ecf72da9787",
		"app_id": "2014072300007148", "charset": "utf-8", "version": "1.0", "sign_type": "RSA2", "trade_no": walletRef, "out_trade_no": otherNo,
		"out_biz_no": refundNo, "seller_id": "2088101106499364", "trade_status": "TRADE_SUCCESS", "total_amount": "88.88", "refund_fee": "8.88",
		"send_back_fee": "8.88", "gmt_create": "2026-01-01 12:00:02", "gmt_refund": "2026-01-01 12:00:15.123"}, signAlipay,
		map[string][]string{"notify_type": {"x", ""}, "notify_time": {""}, "app_id": {"2014072300007149", ""}, "sign_type": {"RSA"}, "trade_no": {backRef, ""},
			"out_trade_no": {orderNo, "", "x"}, "out_biz_no": {otherRef, orderNo, "x"}, "seller_id": {"2088101106499365", ""}, "trade_status": {"WAIT_BUYER_PAY", "", "X"},
			"total_amount": {"88.89", "", "8.87"}, "refund_fee": {"8.87", "88.89", "", "0.00"}, "send_back_fee": {"8.87", "8.89", "x"}, "gmt_refund": {"x"},
			"trans_currency": {"HKD"}}, "ref_" + refundNo},
	{"unionpay", "pay", unionpayFields("01", "06", orderNo, walletRef, "8888"), signUnionPay, unionpayForged(otherRef, "01JELSEWHERE00000000000001", map[string][]string{"origQryId": {backRef}}), "pay_" + orderNo},
	{"unionpay", "refund", unionpayFields("04", "00", refundNo, backRef, "888").with("origQryId", walletRef), signUnionPay,
		unionpayForged(otherRef, orderNo, map[string][]string{"origQryId": {backRef, "x"}}), "ref_" + refundNo},
}

func unionpayFields(kind, sub, number, ref, fen string) fields {
	return fields{"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "txnType": kind, "txnSubType": sub, "bizType": "000000", "accessType": "0",
		"merId": "777290058110048", "orderId": number, "txnTime": sent, "txnAmt": fen, "currencyCode": "156", "queryId": ref, "respCode": "00", "respMsg": "成功[0000000]",
		"settleAmt": fen, "settleCurrencyCode": "156", "settleDate": "0101", "traceNo": "000001", "traceTime": "0101120002", "accNo": "622848****1234", "signPubKeyCert": "CERT"}
}

func unionpayForged(another, elsewhere string, more map[string][]string) map[string][]string {
	out := map[string][]string{"version": {"5.0.0", ""}, "encoding": {"GBK"}, "signMethod": {"11", ""}, "txnType": {"99", "00", ""}, "txnSubType": {"01", "07", ""},
		"bizType": {"000201", ""}, "accessType": {"2"}, "merId": {"777290058110049", ""}, "subMerId": {"12345"}, "orderId": {another, elsewhere, "", "x"},
		"txnTime": {"20260101120003", "", "x"}, "txnAmt": {"8887", "1", "0", "", "088", "8.88"}, "currencyCode": {"840", ""}, "settleCurrencyCode": {"840"},
		"queryId": {"202601012010000000009", "", "x"}, "respCode": {"01", "05", ""}, "traceTime": {"", "0601120002"}, "signPubKeyCert": {"STRANGER", "MERCHANT", ""}}
	maps.Copy(out, more)
	return out
}

// certified puts the certificates of this run in the places of their names.
func certified(f fields) fields {
	for name, pem := range map[string]string{"CERT": keys().cert, "STRANGER": keys().strangerCert, "MERCHANT": keys().merchantCert} {
		if f["signPubKeyCert"] == name {
			return f.with("signPubKeyCert", pem)
		}
	}
	return f
}
