// WeChat Pay v2 through wechatpay-axios-plugin, which signs and verifies by MD5 or HMAC-SHA256.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import wechatpay from 'wechatpay-axios-plugin';
import { Shop, changedAll, plan, rest, told, until } from './story.mjs';

const { Aes, Hash, Transformer, Wechatpay } = wechatpay;
const account = plan.account.wechat;
const home = `https://${new URL(plan.sandbox).host}`;
const MD5 = {}; // the wallet's default
const HMAC = { sign_type: Hash.ALGO_HMAC_SHA256 };
const key = createPrivateKey(account.client_key);

const sdk = new Wechatpay({
  mchid: account.mch_id,
  secret: account.api_key,
  merchant: { cert: account.client_cert, key: account.client_key },
  // API v3 is not spoken here, but the SDK takes no account without it.
  serial: 'NONE', privateKey: key, certs: { NOBODY: createPublicKey(key) },
  timeout: 20_000,
});

// raw is one call as the SDK makes it: it throws on whatever is not a success whose signature it verified. The SDK takes
// either kind of signature; that the answer's is the request's kind is looked at here.
async function raw(path, data, certified = false, host = home) {
  const sent = { appid: account.appid, mch_id: account.mch_id, ...data };
  const answer = await sdk.chain(`v2/${path}`).post(sent, { baseURL: `${host}/wechat/`, security: certified });
  const length = data.sign_type === Hash.ALGO_HMAC_SHA256 ? 64 : 32;
  if (answer.data.sign.length !== length) throw new Error(`${path} is answered with another kind of signature`);
  return answer.data;
}

// call takes the wallet's refusals for answers, as a merchant must, for some of them are none. The SDK throws them before
// it looks at their signature; here its own Hash looks. Only return_code=FAIL has none.
async function call(path, data, certified = false) {
  try {
    return await raw(path, data, certified);
  } catch (err) {
    const told = err.response?.data;
    if (err.code !== 'EV2_RES_STATUS_CODE_NOT_SUCESS') throw err;
    if (told.return_code === 'FAIL') return told;
    const type = data.sign_type ?? Hash.ALGO_MD5;
    if (!Hash.equals(Hash.sign(type, told, account.api_key), told.sign)) throw new Error(`${told.err_code} has a wrong signature`);
    return told;
  }
}

const shop = new Shop('wechatpay-axios-plugin', 'wechat');
const fen = (text) => {
  if (!/^[1-9][0-9]*$/.test(text)) throw new Error(`not an amount: ${text}`);
  return Number(text);
};
const outcome = (a) => (a.return_code === 'SUCCESS' && a.result_code === 'SUCCESS' ? 'SUCCESS' : a.err_code);

const order = async (scenario, amount) => ({
  body: '一杯茶', out_trade_no: shop.number(), total_fee: amount, spbill_create_ip: '127.0.0.1', auth_code: await shop.code(scenario),
});
const pay = async (o, type = MD5) => {
  const a = await call('pay/micropay', { ...o, ...type });
  if (outcome(a) === 'SUCCESS') shop.moved('charge', a.out_trade_no, fen(a.total_fee));
  return a;
};
const query = async (ref, type = MD5) => {
  const a = await call('pay/orderquery', { ...ref, ...type });
  // REVOKED is said of unpaid orders too; only those that were paid have a time of payment.
  const undone = a.trade_state === 'REVOKED' && a.time_end;
  if (['SUCCESS', 'REFUND'].includes(a.trade_state) || undone) shop.moved('charge', a.out_trade_no, fen(a.total_fee));
  if (undone) shop.moved('reversal', a.out_trade_no, fen(a.total_fee));
  return a;
};
const reverse = (o, type = MD5) => call('secapi/pay/reverse', { out_trade_no: o.out_trade_no, ...type }, true);
const refund = (o, number, amount, type = MD5) => call('secapi/pay/refund', {
  out_trade_no: o.out_trade_no, out_refund_no: number, total_fee: o.total_fee, refund_fee: amount, ...type,
}, true);
const refundQuery = async (ref, type = MD5) => {
  const a = await call('pay/refundquery', { ...ref, ...type });
  for (let i = 0; i < Number(a.refund_count ?? 0); i += 1) {
    if (a[`refund_status_${i}`] === 'SUCCESS') shop.moved('refund', a.out_trade_no, fen(a[`refund_fee_${i}`]), a[`out_refund_no_${i}`]);
  }
  return a;
};
const state = (a) => a.trade_state ?? a.err_code;
const only = (o) => ({ out_trade_no: o.out_trade_no });

// paidAndAsked: how a usual payment goes, in both kinds of signature.
const paidAndAsked = (name, type) => async function paid(t) {
  const o = await order('00', 1234);
  const a = await t.expect('pay/micropay', `paid at once, ${name}`, 'SUCCESS MICROPAY 1234 CNY', () => pay(o, type),
    (x) => `${outcome(x)} ${x.trade_type} ${x.total_fee} ${x.fee_type}`);
  await t.expect('pay/orderquery', `by the merchant's number, ${name}`, `SUCCESS 1234 ${a.transaction_id}`, () => query(only(o), type),
    (x) => `${state(x)} ${x.total_fee} ${x.transaction_id}`);
  await t.expect('pay/orderquery', `by the wallet's number, ${name}`, `SUCCESS 1234 ${o.out_trade_no}`, () => query({ transaction_id: a.transaction_id }, type),
    (x) => `${state(x)} ${x.total_fee} ${x.out_trade_no}`);
  await t.expect('pay/micropay', `the same request again, ${name}`, `SUCCESS ${a.transaction_id}`, () => pay(o, type),
    (x) => `${outcome(x)} ${x.transaction_id}`);
  await t.expect('pay/micropay', `the same number, another amount, ${name}`, 'OUT_TRADE_NO_USED', () => pay({ ...o, total_fee: 1235 }, type), outcome);
};

async function refused(t) {
  const o = await order('50', 500);
  await t.expect('pay/micropay', 'balance too low', 'NOTENOUGH', () => pay(o), outcome);
  await t.expect('pay/orderquery', 'after it', 'PAYERROR', () => query(only(o)), state);
  await t.expect('pay/orderquery', 'an order nobody made', 'ORDERNOTEXIST', () => query({ out_trade_no: shop.number() }), state);
}

async function password(t) {
  const o = await order('53', 700);
  await t.expect('pay/micropay', 'password wanted', 'USERPAYING', () => pay(o, HMAC), outcome);
  await t.expect('pay/orderquery', 'while the customer types', 'USERPAYING', () => query(only(o), HMAC), state);
  await t.expect('secapi/pay/reverse', 'while the customer types', 'USERPAYING recall Y', () => reverse(o), (x) => `${outcome(x)} recall ${x.recall}`);
  await t.expect('pay/orderquery', 'until the customer has typed', 'SUCCESS 700', () => until(() => query(only(o), HMAC), (x) => state(x) !== 'USERPAYING'),
    (x) => `${state(x)} ${x.total_fee}`);
}

async function answerLost(t) {
  const o = await order('60', 880);
  await t.expect('pay/micropay', 'charged, the answer lost', 'no answer', async () => {
    try {
      return await pay(o);
    } catch (err) {
      if (err.response || !['ECONNRESET', 'EPIPE'].includes(err.code)) throw err;
      return undefined;
    }
  }, (x) => (x === undefined ? 'no answer' : outcome(x)));
  await t.expect('pay/orderquery', 'finds the charge', 'SUCCESS 880', () => query(only(o)), (x) => `${state(x)} ${x.total_fee}`);
  await t.expect('secapi/pay/reverse', 'without the certificate', 'CERT_ERROR', () => call('secapi/pay/reverse', only(o)), outcome);
  await t.expect('secapi/pay/reverse', 'gives it back', 'SUCCESS recall N', () => reverse(o, HMAC), (x) => `${outcome(x)} recall ${x.recall}`);
  await t.expect('pay/orderquery', 'after it', 'REVOKED 880', () => query(only(o)), (x) => `${state(x)} ${x.total_fee}`);
  await t.expect('secapi/pay/reverse', 'again', 'SUCCESS recall N', () => reverse(o), (x) => `${outcome(x)} recall ${x.recall}`);
  await t.expect('secapi/pay/refund', 'of a reversed order', 'ERROR', () => refund(o, shop.number('BACK'), 880), outcome);
}

async function stubborn(t) {
  const o = await order('70', 910);
  await pay(o).catch(() => {}); // the answer is lost
  for (const recall of ['Y', 'Y', 'N']) {
    await t.expect('secapi/pay/reverse', `of an unpaid order, recall ${recall}`, `SUCCESS ${recall}`, () => reverse(o), (x) => `${outcome(x)} ${x.recall}`);
  }
  await t.expect('pay/orderquery', 'after it', 'REVOKED never paid', () => query(only(o)), (x) => `${state(x)} ${x.time_end ? 'was paid' : 'never paid'}`);
}

// broken: the sandbox itself answers with a wrong signature, and with garbage; the charge stands.
async function broken(t) {
  for (const [scenario, what] of [['65', 'a broken signature'], ['66', 'garbage']]) {
    const o = await order(scenario, 330);
    await t.expect('pay/micropay', `charged, answered with ${what}`, 'refused by the SDK', () => pay(o).then(outcome, (err) => {
      if (!err.code?.startsWith('EV2_') && !/sign|xml|tag|parse/i.test(err.message)) throw err;
      return 'refused by the SDK';
    }), (x) => x);
    await t.expect('pay/orderquery', 'finds the charge', 'SUCCESS 330', () => query(only(o)), (x) => `${state(x)} ${x.total_fee}`);
  }
}

async function backInParts(t) {
  const o = await order('00', 1000);
  const [first, second] = [shop.number('BACK'), shop.number('BACK')];
  await t.expect('pay/micropay', 'to be refunded', 'SUCCESS', () => pay(o), outcome);
  const a = await t.expect('secapi/pay/refund', '3.00 of 10.00', 'SUCCESS 300 of 1000', () => refund(o, first, 300, HMAC),
    (x) => `${outcome(x)} ${x.refund_fee} of ${x.total_fee}`);
  await t.expect('pay/refundquery', 'at once', 'PROCESSING 300', () => refundQuery({ out_refund_no: first }), (x) => `${x.refund_status_0} ${x.refund_fee_0}`);
  await t.expect('secapi/pay/refund', 'the same number again', `SUCCESS ${a.refund_id}`, () => refund(o, first, 300), (x) => `${outcome(x)} ${x.refund_id}`);
  await t.expect('secapi/pay/refund', 'the same number, another amount', 'REFUND_FEE_MISMATCH', () => refund(o, first, 301), outcome);
  await t.expect('secapi/pay/refund', 'more than is left', 'ERROR', () => refund(o, shop.number('BACK'), 701), outcome);
  await t.expect('secapi/pay/refund', 'of another order\'s total', 'REFUND_FEE_MISMATCH', () => refund({ ...o, total_fee: 999 }, shop.number('BACK'), 1), outcome);
  await t.expect('secapi/pay/refund', 'the rest, within a minute', 'INVALID_REQ_TOO_MUCH', () => refund(o, second, 700), outcome);
  await t.expect('secapi/pay/reverse', 'of a refunded order', 'TRADE_ERROR', () => reverse(o), outcome);
  await t.expect('pay/refundquery', 'until it is there', 'SUCCESS 300', () => until(() => refundQuery({ out_refund_no: first }, HMAC), (x) => x.refund_status_0 !== 'PROCESSING'),
    (x) => `${x.refund_status_0} ${x.refund_fee_0}`);
  await t.expect('pay/orderquery', 'part of it refunded', 'REFUND 1000', () => query(only(o)), (x) => `${state(x)} ${x.total_fee}`);
  await rest(58_000);
  await t.expect('secapi/pay/refund', 'the rest, a minute later', 'SUCCESS 700', () => until(() => refund(o, second, 700), (x) => outcome(x) !== 'INVALID_REQ_TOO_MUCH'),
    (x) => `${outcome(x)} ${x.refund_fee}`);
  await t.expect('secapi/pay/refund', 'when all is back', 'ERROR', () => refund(o, shop.number('BACK'), 1), outcome);
  await t.expect('pay/refundquery', 'both, by the order', '2 SUCCESS 300 SUCCESS 700', () => until(() => refundQuery(only(o)), (x) => x.refund_status_1 !== 'PROCESSING'),
    (x) => `${x.total_refund_count} ${x.refund_status_0} ${x.refund_fee_0} ${x.refund_status_1} ${x.refund_fee_1}`);
}

async function backGivenUp(t) {
  const o = await order('73', 600);
  const number = shop.number('BACK');
  await pay(o);
  await t.expect('secapi/pay/refund', 'taken, to be given up', 'SUCCESS', () => refund(o, number, 600), outcome);
  await t.expect('pay/refundquery', 'until it is given up', 'REFUNDCLOSE', () => until(() => refundQuery({ out_refund_no: number }), (x) => x.refund_status_0 !== 'PROCESSING'),
    (x) => x.refund_status_0);
  await t.expect('pay/refundquery', 'a refund nobody made', 'REFUNDNOTEXIST', () => refundQuery({ out_refund_no: shop.number('BACK') }), outcome);
}

const native = (amount) => ({
  body: '一杯茶', out_trade_no: shop.number(), total_fee: amount, spbill_create_ip: '127.0.0.1', notify_url: 'https://notices.invalid/', trade_type: 'NATIVE',
  product_id: 'tea',
});
const show = (o, type = MD5) => call('pay/unifiedorder', { ...o, ...type });
const close = (o, type = MD5) => call('pay/closeorder', { ...only(o), ...type });

// shown: an order whose code the customer scans, paid and closed.
async function shown(t) {
  const o = native(1500);
  const a = await t.expect('pay/unifiedorder', 'a code to show', 'SUCCESS NATIVE weixin:', () => show(o, HMAC), (x) => `${outcome(x)} ${x.trade_type} ${x.code_url.slice(0, 7)}`);
  await t.expect('pay/unifiedorder', 'the same request again', `SUCCESS ${a.code_url}`, () => show(o, HMAC), (x) => `${outcome(x)} ${x.code_url}`);
  await t.expect('pay/unifiedorder', 'the same number, another amount', 'OUT_TRADE_NO_USED', () => show({ ...o, total_fee: 1501 }), outcome);
  await t.expect('pay/orderquery', 'nobody scanned yet', 'NOTPAY', () => query(only(o)), state);
  await t.expect('secapi/pay/reverse', 'of a shown order', 'INVALID_REQUEST', () => reverse(o), outcome);
  if (await shop.scan(a.code_url) !== 'charged') throw new Error('the customer could not pay');
  await t.expect('pay/orderquery', 'scanned and paid', 'SUCCESS NATIVE 1500', () => query(only(o)), (x) => `${state(x)} ${x.trade_type} ${x.total_fee}`);
  await t.expect('pay/unifiedorder', 'of a paid order', 'ORDERPAID', () => show(o, HMAC), outcome);
  await t.expect('pay/closeorder', 'of a paid order', 'ORDERPAID', () => close(o), outcome);
  const idle = native(1600);
  await show(idle);
  await t.expect('pay/closeorder', 'of an unpaid order', 'SUCCESS', () => close(idle, HMAC), outcome);
  await t.expect('pay/closeorder', 'again', 'ORDERCLOSED', () => close(idle), outcome);
  await t.expect('pay/orderquery', 'after it', 'CLOSED', () => query(only(idle)), state);
  await t.expect('pay/unifiedorder', 'of a closed order', 'ORDERCLOSED', () => show(idle), outcome);
  await t.expect('pay/closeorder', 'an order nobody made', 'ORDERNOTEXIST', () => close({ out_trade_no: shop.number() }), outcome);
}

// changedAnswer: the SDK must refuse for the signature, or because a success is none any more.
function changedAnswer({ answer, error, shot }) {
  if (!error) return { ok: false, reason: `accepted ${JSON.stringify(answer)}` };
  const status = ['return_code', 'result_code'].includes(shot.field) && error.code === 'EV2_RES_STATUS_CODE_NOT_SUCESS';
  if (status || error.code === 'EV2_RES_SIGNATURE_NOT_EQUAL') return { ok: true, reason: status ? 'no success' : 'wrong signature' };
  return { ok: false, reason: `${error.code} ${error.message}` };
}

// changedRequest: the wallet must refuse with SIGNERROR, unless it cannot know whose key to try.
function changedRequest({ answer, error, shot }) {
  const code = error?.code === 'EV2_RES_STATUS_CODE_NOT_SUCESS' ? error.response.data.err_code : `accepted ${JSON.stringify(answer)} ${error}`;
  return { ok: code === (shot.field === 'mch_id' ? 'MCHID_NOT_EXIST' : 'SIGNERROR'), reason: code };
}

async function changed(t) {
  const o = await order('00', 2500);
  const number = shop.number('BACK');
  const both = async (path, data, certified) => {
    const make = (host) => raw(path, data, certified, host);
    await t.everyByte(path, 'request', make, changedRequest, (x) => outcome(x) === 'SUCCESS');
    await t.everyByte(path, 'answer', make, changedAnswer, (x) => outcome(x) === 'SUCCESS');
  };
  await both('pay/micropay', { ...o, ...HMAC }); // the payment happens in the one request that is not changed
  await both('pay/orderquery', { ...only(o), ...MD5 });
  await both('pay/orderquery', { ...only(o), ...HMAC });
  await both('secapi/pay/refund', { ...only(o), out_refund_no: number, total_fee: 2500, refund_fee: 1100, ...MD5 }, true);
  await both('pay/refundquery', { out_refund_no: number, ...HMAC });
  await t.expect('pay/orderquery', 'after all changed requests', 'REFUND 2500', () => query(only(o)), (x) => `${state(x)} ${x.total_fee}`);
  await t.expect('pay/refundquery', 'after all changed requests', '1 SUCCESS 1100', () => until(() => refundQuery(only(o)), (x) => x.refund_status_0 !== 'PROCESSING'),
    (x) => `${x.total_refund_count} ${x.refund_status_0} ${x.refund_fee_0}`);
  await both('pay/unifiedorder', { ...native(2700), ...HMAC });
  const idle = native(2800);
  await show(idle);
  const closed = (data, host) => raw('pay/closeorder', { ...only(data), ...MD5 }, false, host);
  await t.everyByte('pay/closeorder', 'request', (host) => closed(idle, host), changedRequest, (x) => outcome(x) === 'SUCCESS');
  await t.expect('pay/orderquery', 'after all changed requests', 'CLOSED', () => query(only(idle)), state);
  await t.everyByte('pay/closeorder', 'answer', async (host) => { // an order is closed once
    const fresh = native(2900);
    await show(fresh);
    return closed(fresh, host);
  }, changedAnswer, (x) => outcome(x) === 'SUCCESS');
  const undone = await order('00', 2600);
  await pay(undone);
  await both('secapi/pay/reverse', { ...only(undone), ...HMAC }, true);
  await t.expect('pay/orderquery', 'after all changed requests', 'REVOKED 2600', () => query(only(undone)), (x) => `${state(x)} ${x.total_fee}`);
}

// notices: what the wallet posts of its own accord, read with the SDK's own tools.
const noticed = (name, kind) => async function notices(t) {
  const thanks = '<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>';
  const o = await order('00', 1500);
  await pay(o);
  const asked = { wallet: 'wechat', out_trade_no: o.out_trade_no, sign_type: kind };
  const genuine = (x) => Hash.equals(Hash.sign(kind, x, account.api_key), x.sign);
  const [first, second] = await told(asked, thanks);
  const x = await Transformer.toObject(second);
  t.row('notice of a payment', `signed with ${name}`, `${genuine(x)} ${x.out_trade_no} ${x.total_fee} ${(await Transformer.toObject(first)).transaction_id}`,
    `true ${o.out_trade_no} 1500 ${x.transaction_id}`);
  t.row('notice of a payment', `${name}, each value changed`, await changedAll(x, (y) => genuine(y)), 0);
  const number = shop.number('BACK');
  await refund(o, number, 700);
  await until(() => refundQuery({ out_refund_no: number }), (a) => a.refund_status_0 !== 'PROCESSING');
  const [, sealed] = await told({ ...asked, out_refund_no: number }, thanks);
  const outer = await Transformer.toObject(sealed);
  const inner = await Transformer.toObject(Aes.AesEcb.decrypt(outer.req_info, Hash.md5(account.api_key)));
  t.row('notice of a refund', `req_info, ${name}`, `${outer.mch_id} ${inner.out_refund_no} ${inner.refund_fee} of ${inner.total_fee} ${inner.refund_status}`,
    `${account.mch_id} ${number} 700 of 1500 SUCCESS`);
};

export const day = () => shop.tell([paidAndAsked('MD5', MD5), paidAndAsked('HMAC-SHA256', HMAC), refused, password, answerLost, stubborn, broken,
  shown, backInParts, backGivenUp, changed, noticed('MD5', Hash.ALGO_MD5), noticed('HMAC-SHA256', Hash.ALGO_HMAC_SHA256)]);

// Somebody who does not trust the sandbox's authority.
export const stranger = () => shop.tell([async function untrusted(t) {
  await t.expect('pay/orderquery', 'without the sandbox\'s authority', 'no TLS', () => raw('pay/orderquery', { out_trade_no: 'NOBODY00' }).then(JSON.stringify, (err) => {
    if (err.response || !/CERT|VERIFY/.test(err.code)) throw err;
    return 'no TLS';
  }), (x) => x);
}]);
