// Package sandbox is the wallets, pretended to the letter: WeChat Pay v2 under /wechat/ (pay/micropay,
// pay/unifiedorder NATIVE, pay/orderquery, pay/closeorder, secapi/pay/reverse, secapi/pay/refund, pay/refundquery,
// pay/downloadbill, pay/downloadfundflow) and API v3 under /wechat/v3/ (codepay, native, query, close, reverse, refunds,
// certificates, bills), Alipay's gateway at /alipay/gateway.do (alipay.trade.pay, .precreate, .query,
// .cancel, .close, .refund, .fastpay.refund.query, bills; the same through REST v3 under /alipay/v3/) and UnionPay's gateway 5.1.0 under
// /unionpay/gateway/api/ (backTransReq.do: consumption, reversal, refund, undo; queryTrans.do;
// the day's settlement file under /unionpay/filedownload/), with a durable ledger of its own and control endpoints under
// /sandbox/ for those who test against it.
//
// It refuses everything the wallets refuse, and where their tolerance is not known it is strict. A charge
// that comes later is a planned moment in the file, carried out when somebody looks, or when a merchant waits for a notice
// of it; so kill -9 at any instant and a restart change nothing but the fault rates, which a restart heals.
//
// Newcomers get one thing wrong: an answer here is not the truth. The truth is GET /sandbox/ledger;
// the last two digits of a payment code decide how far the answers depart from it.
//
//	00–49  paid at once (so is every number not named here)
//	50–52  balance too low, code expired, code already used
//	53–55  password wanted: paid after 5 s, refused after 5 s, never answered
//	60 61  charged and the answer lost; the request lost before the charge
//	62 63  system error after the charge; before it
//	64     charged, answered after 8 s
//	65 66  charged, answered with a broken signature; garbled
//	70     unpaid, answer lost; the first two reversals say "try again"
//	71     unpaid, answer lost; charged 6 s after the reversal said "done"
//	72     charged, answer lost; the first two queries say "no such order"
//	73 74  paid at once; refunds are taken and then given up (Alipay refuses them);
//	       refunds are refused because the merchant's account is empty (UnionPay takes them, and gives up)
//	80     HTTP 503 for 10 s, the payment never executed
//	90     rate limited once
//
// A customer in front of a code that a merchant shows is POST /sandbox/pay {"qr", "scenario"}; his fate is
// as above, where it is about him: 50 and 54 leave the order to the next customer, 51 and 52 see nothing,
// 53 and 55 are at the password, 70 and 71 too, and there what is said of a reversal holds for a closing. All
// others pay at once.
//
// The identical pay request again is answered with the order's state, by UnionPay with 12; after 61,
// 63 and 80 there is no order, so it meets the same fate again. For 70 and 71 a query says
// USERPAYING, WAIT_BUYER_PAY or 05, but nobody is at the password screen, so WeChat's 15 s do not hold
// the reversal up. UnionPay answers every pay request that it executes with 00 (accepted); how it
// ended, also that the balance is too low, stands in the query.
//
// Fault rates, applied to every request at a wallet's door, drawn from the seed in the order of
// arrival: lost_before (connection cut, nothing executed), lost_after (executed, then cut),
// error_5xx (HTTP 502; executed or not at even odds), garbled (executed, the answer damaged); their
// sum is at most 1. slow_ms holds each answer back for up to so many milliseconds.
//
// UNVERIFIED against the real wallets, chosen here and not to be built upon:
//   - which refusals are return_code=FAIL and which a signed err_code; err_code beside return_code=FAIL
//   - WeChat: time_expire must lie ahead of the arrival (the field text speaks of one minute, enforced
//     only against time_start); unpaid orders without one close after 120 s, as CLOSED
//   - WeChat: err_code USERPAYING for a reversal refused at the password screen within 15 s
//   - WeChat: recall=Y with result_code=SUCCESS; ORDERNOTEXIST from reverse, which does not burn the number
//   - WeChat: PAYERROR after 50 and 54; no order after 51 and 52 at either wallet
//   - WeChat: a refund is PROCESSING for 3 s; ERROR for one beyond the order or of a reversed order; TRADE_ERROR
//     for a reversal of a refunded order; refunds of one order a minute apart, 50 of them, within 365 days
//   - WeChat: INVALID_REQUEST for a reversal of an order that is shown and for a closing of one by code; ORDERNOTEXIST
//     and SYSTEMERROR from closeorder; an order may be closed while its customer is at the password; the same
//     code_url for the same request; an expiry of five minutes at least, enforced only against time_start
//   - Alipay: an order that is shown and that nobody scanned cannot be cancelled, and a code that grew old without a
//     scan leaves no trade; the words of precreate for a number used before
//   - WeChat v3: the names of codepay's refusals; 200 and USERPAYING while the customer types; 500 SYSTEM_ERROR for a reversal
//     that wants to be repeated; INVALID_REQUEST for every rule of refunds; a native order asked for again shows the same text
//   - WeChat v3: how reversed orders stand in the trade bill, the fund flow's columns, the fee of 0.60 %
//   - Alipay: CANCEL_NOT_ALLOWED for a cancel of a refunded trade; refunds within 365 days
//   - Alipay: the timestamp window of ten minutes; the 40005 answer to rate limits
//   - Alipay: TRADE_CLOSED after 50 and 54; a repeated cancel tells the first action again
//   - Alipay: ACQ.TRADE_NOT_EXIST for a cancel by an unknown trade_no
//   - both: a paid order asked for again in the same words is answered as paid; what "the same" means
//     (all parameters but nonce, signature and timestamp)
//   - bills: WeChat's at ten and Alipay's at nine in the morning; WeChat's error_code numbers, one REVOKED line for a reversal,
//     the funds bills' layouts; Alipay's address good for 30 s; the goods' name, which no order here keeps
//   - partners: NOAUTH, aop.invalid-app-auth-token, ACQ.SECONDARY_MERCHANT_STATUS_ERROR for who is not the provider's
//   - UnionPay: txnTime within five minutes; 61 for a code that is old or used, 05 and then 01 for a
//     password, 06 for limits, 12 for any repeat; unpaid orders end as 01 after ten minutes
//   - UnionPay: a refund is 05 for 3 s; an undo is made at once; 35 for a refund of a payment that is undone or wholly refunded
//   - UnionPay: a query after a reversal tells of the reversal (txnType 99, origRespCode 00); a reversal
//     of an order that failed says 00, one after 23:00 or after a refund 30
//   - UnionPay: refunds and undoes are executed at once; refunds for 30 days
//   - UnionPay's file: it is there at nine in the morning; what was reversed is not in it; the codes of
//     field 1, the signs before fee (at the merchant's rate, none of refunds: invented) and amounts, line ends
//
// Notices go out where an order (WeChat's and Alipay's notify_url, UnionPay's backUrl) or a refund (WeChat's notify_url, UnionPay's backUrl) names an
// address on this machine, and nowhere else; they are written in the transaction that moved the money and sent by the
// wallet's own ladder until they are taken. POST /sandbox/notices sets what befalls them (seed; pace_ms, how long a second of the
// ladders lasts; delay_ms; rates lose, duplicate, reorder, forge), GET tells what became of them, and POST /sandbox/notices/send
// {wallet, out_trade_no, out_refund_no, url, sign_type} has one sent that nobody wanted. UNVERIFIED: which fields beside the
// handbook's a notice has; send_back_fee in Alipay's of a refund; origQryId in UnionPay's.
//
// POST /sandbox/age {"hours"} makes everything that happened have happened so much earlier, for bills are of days that are over.
// Amounts and the order of events stay; the wallets' numbers change, for they carry their day, and codes not used yet grow old.
//
// Not there: disputes (ZME is empty); notices to a service provider of WeChat Pay v2 or Alipay, whose sub merchant is told as if it
// stood for itself.
package sandbox
