// Alipay's gateway through alipay-sdk in public-key mode. The SDK checks answers only when told to: validateSign.
import { AlipaySdk } from 'alipay-sdk';
import { Shop, changedAll, plan, told, until } from './story.mjs';

const account = plan.account.alipay;
const home = `https://${new URL(plan.sandbox).host}`;

const sdkAt = (host) => new AlipaySdk({
  appId: account.app_id, privateKey: plan.alipay_key, alipayPublicKey: account.public_key, gateway: `${host}/alipay/gateway.do`,
});
const sdks = new Map([home, plan.liar.alipay].map((host) => [host, sdkAt(host)]));

const call = (method, bizContent, host = home) => sdks.get(host).exec(`alipay.trade.${method}`, { bizContent }, { validateSign: true });

const shop = new Shop('alipay-sdk', 'alipay');
const fen = (yuan) => {
  if (!/^[0-9]+\.[0-9]{2}$/.test(yuan)) throw new Error(`not an amount: ${yuan}`);
  return Number(yuan.replace('.', ''));
};
const outcome = (a) => a.subCode ?? a.code;
const only = (o) => ({ outTradeNo: o.outTradeNo });

const order = async (scenario, yuan) => ({
  outTradeNo: shop.number(), scene: 'bar_code', authCode: await shop.code(scenario), subject: '一杯茶', totalAmount: yuan,
});
const pay = async (o) => {
  const a = await call('pay', o);
  if (a.code === '10000') shop.moved('charge', a.outTradeNo, fen(a.totalAmount));
  return a;
};
const query = async (ref) => {
  const a = await call('query', ref);
  if (a.tradeStatus === 'TRADE_SUCCESS') shop.moved('charge', a.outTradeNo, fen(a.totalAmount));
  return a;
};
const cancel = async (o) => {
  const a = await call('cancel', only(o));
  // The answer names no amount: it is all that an answer before said was paid.
  if (a.action === 'refund' && a.retryFlag === 'N') shop.moved('reversal', a.outTradeNo, shop.paid(a.outTradeNo));
  return a;
};
const refund = (o, number, yuan) => call('refund', { ...only(o), outRequestNo: number, refundAmount: yuan });
const refundQuery = async (o, number) => {
  const a = await call('fastpay.refund.query', { ...only(o), outRequestNo: number });
  if (a.refundStatus === 'REFUND_SUCCESS') shop.moved('refund', a.outTradeNo, fen(a.refundAmount), a.outRequestNo);
  return a;
};
const state = (a) => a.tradeStatus ?? outcome(a);

async function paidAndAsked(t) {
  const o = await order('00', '12.34');
  const a = await t.expect('alipay.trade.pay', 'paid at once', '10000 12.34', () => pay(o), (x) => `${outcome(x)} ${x.totalAmount}`);
  await t.expect('alipay.trade.query', 'by the merchant\'s number', `TRADE_SUCCESS 12.34 ${a.tradeNo}`, () => query(only(o)),
    (x) => `${state(x)} ${x.totalAmount} ${x.tradeNo}`);
  await t.expect('alipay.trade.query', 'by the wallet\'s number', `TRADE_SUCCESS 12.34 ${o.outTradeNo}`, () => query({ tradeNo: a.tradeNo }),
    (x) => `${state(x)} ${x.totalAmount} ${x.outTradeNo}`);
  await t.expect('alipay.trade.pay', 'the same request again', `10000 ${a.tradeNo}`, () => pay(o), (x) => `${outcome(x)} ${x.tradeNo}`);
  await t.expect('alipay.trade.pay', 'the same number, another amount', 'ACQ.CONTEXT_INCONSISTENT', () => pay({ ...o, totalAmount: '12.35' }), outcome);
}

async function refused(t) {
  const o = await order('50', '5.00');
  await t.expect('alipay.trade.pay', 'balance too low', 'ACQ.BUYER_BALANCE_NOT_ENOUGH', () => pay(o), outcome);
  await t.expect('alipay.trade.query', 'after it', 'TRADE_CLOSED', () => query(only(o)), state);
  await t.expect('alipay.trade.query', 'a trade nobody made', 'ACQ.TRADE_NOT_EXIST', () => query({ outTradeNo: shop.number() }), state);
}

async function password(t) {
  const o = await order('53', '7.00');
  await t.expect('alipay.trade.pay', 'password wanted', '10003', () => pay(o), outcome);
  await t.expect('alipay.trade.query', 'while the customer types', 'WAIT_BUYER_PAY', () => query(only(o)), state);
  await t.expect('alipay.trade.query', 'until the customer has typed', 'TRADE_SUCCESS 7.00', () => until(() => query(only(o)), (x) => state(x) !== 'WAIT_BUYER_PAY'),
    (x) => `${state(x)} ${x.totalAmount}`);
}

// answerLost: the SDK's own five seconds are over before the wallet answers. A connection that breaks is something else:
// urllib below the SDK sends the request once more by itself, and whoever charges twice for that is caught by the ledger.
async function answerLost(t) {
  const again = await order('60', '8.70');
  await t.expect('alipay.trade.pay', 'charged, the connection cut: sent again by urllib', '10000 8.70', () => pay(again), (x) => `${outcome(x)} ${x.totalAmount}`);
  const o = await order('64', '8.80');
  await t.expect('alipay.trade.pay', 'charged, the answer after 8 s', 'no answer', () => pay(o).catch((err) => {
    if (!err.message.startsWith('HttpClient Request error')) throw err;
    return undefined;
  }), (x) => (x === undefined ? 'no answer' : outcome(x)));
  await t.expect('alipay.trade.query', 'finds the charge', 'TRADE_SUCCESS 8.80', () => query(only(o)), (x) => `${state(x)} ${x.totalAmount}`);
  await t.expect('alipay.trade.cancel', 'gives it back', '10000 refund retry N', () => cancel(o), (x) => `${outcome(x)} ${x.action} retry ${x.retryFlag}`);
  await t.expect('alipay.trade.query', 'after it', 'TRADE_CLOSED 8.80', () => query(only(o)), (x) => `${state(x)} ${x.totalAmount}`);
  await t.expect('alipay.trade.cancel', 'again', '10000 refund retry N', () => cancel(o), (x) => `${outcome(x)} ${x.action} retry ${x.retryFlag}`);
  await t.expect('alipay.trade.refund', 'of a cancelled trade', 'ACQ.TRADE_HAS_CLOSE', () => refund(o, shop.number('BACK'), '8.80'), outcome);
}

async function stubborn(t) {
  const o = await order('70', '9.10');
  await pay(o).catch(() => {}); // the answer is lost
  for (const want of ['10000 undefined retry Y', '10000 undefined retry Y', '10000 close retry N']) {
    await t.expect('alipay.trade.cancel', `of an unpaid trade, ${want.slice(-7)}`, want, () => cancel(o), (x) => `${outcome(x)} ${x.action} retry ${x.retryFlag}`);
  }
  const early = await order('00', '9.20');
  await t.expect('alipay.trade.cancel', 'of a number not seen yet', '10000 undefined retry N', () => cancel(early), (x) => `${outcome(x)} ${x.action} retry ${x.retryFlag}`);
  await t.expect('alipay.trade.pay', 'with that number', 'ACQ.TRADE_HAS_CLOSE', () => pay(early), outcome);
}

// broken: the sandbox itself answers with a wrong signature, and with garbage; the charge stands.
async function broken(t) {
  for (const [scenario, what] of [['65', 'a broken signature'], ['66', 'garbage']]) {
    const o = await order(scenario, '3.30');
    await t.expect('alipay.trade.pay', `charged, answered with ${what}`, 'refused by the SDK', () => pay(o).then(outcome, (err) => {
      if (!/验签失败|格式错误/.test(err.message)) throw err;
      return 'refused by the SDK';
    }), (x) => x);
    await t.expect('alipay.trade.query', 'finds the charge', 'TRADE_SUCCESS 3.30', () => query(only(o)), (x) => `${state(x)} ${x.totalAmount}`);
  }
}

async function backInParts(t) {
  const o = await order('00', '10.00');
  const [first, second] = [shop.number('BACK'), shop.number('BACK')];
  const told = (x) => `${outcome(x)} ${x.fundChange} ${x.refundFee}`;
  const one = (x) => `${outcome(x)} ${x.refundStatus} ${x.refundAmount}`;
  await t.expect('alipay.trade.pay', 'to be refunded', '10000', () => pay(o), outcome);
  await t.expect('alipay.trade.refund', '3.00 of 10.00', '10000 Y 3.00', () => refund(o, first, '3.00'), told);
  await t.expect('alipay.trade.refund', 'the same number again', '10000 N 3.00', () => refund(o, first, '3.00'), told);
  await t.expect('alipay.trade.refund', 'the same number, another amount', 'ACQ.DISCORDANT_REPEAT_REQUEST', () => refund(o, first, '3.01'), outcome);
  await t.expect('alipay.trade.refund', 'more than is left', 'ACQ.REASON_TRADE_REFUND_FEE_ERR', () => refund(o, shop.number('BACK'), '7.01'), outcome);
  await t.expect('alipay.trade.refund', 'a part without a number', 'ACQ.REFUND_AMT_NOT_EQUAL_TOTAL', () => call('refund', { ...only(o), refundAmount: '1.00' }), outcome);
  await t.expect('alipay.trade.cancel', 'of a refunded trade', 'ACQ.CANCEL_NOT_ALLOWED', () => cancel(o), outcome);
  await t.expect('alipay.trade.query', 'part of it refunded', 'TRADE_SUCCESS', () => query(only(o)), state);
  await t.expect('alipay.trade.refund', 'the rest', '10000 Y 10.00', () => refund(o, second, '7.00'), told);
  await t.expect('alipay.trade.refund', 'when all is back', 'ACQ.TRADE_HAS_CLOSE', () => refund(o, shop.number('BACK'), '0.01'), outcome);
  await t.expect('alipay.trade.query', 'all of it refunded', 'TRADE_CLOSED', () => query(only(o)), state);
  await t.expect('alipay.trade.fastpay.refund.query', 'the first', '10000 REFUND_SUCCESS 3.00', () => refundQuery(o, first), one);
  await t.expect('alipay.trade.fastpay.refund.query', 'the second', '10000 REFUND_SUCCESS 7.00', () => refundQuery(o, second), one);
  await t.expect('alipay.trade.fastpay.refund.query', 'a refund nobody made', '10000 undefined undefined', () => refundQuery(o, shop.number('BACK')), one);
}

async function poorSeller(t) {
  const o = await order('74', '6.00');
  await pay(o);
  await t.expect('alipay.trade.refund', 'the merchant\'s account is empty', 'ACQ.SELLER_BALANCE_NOT_ENOUGH', () => refund(o, shop.number('BACK'), '6.00'), outcome);
}

// changedAnswer: the SDK must refuse for the signature, or because it is no JSON or no answer to this method any more.
export function changedAnswer({ answer, error }) {
  if (!error) return { ok: false, reason: `accepted ${JSON.stringify(answer)}` };
  if (error.message.includes('验签失败')) return { ok: true, reason: 'wrong signature' };
  if (error.message.includes('格式错误')) return { ok: true, reason: 'no JSON' };
  return { ok: false, reason: `${error.name} ${error.message}` };
}

const show = (o) => call('precreate', o);
const close = (o) => call('close', only(o));
const toShow = (yuan) => ({ outTradeNo: shop.number(), subject: '一杯茶', totalAmount: yuan });

// shown: a code that the customer scans. There is no trade before.
async function shown(t) {
  const o = toShow('15.00');
  const a = await t.expect('alipay.trade.precreate', 'a code to show', '10000 https://qr.alipay.com', () => show(o), (x) => `${outcome(x)} ${new URL(x.qrCode).origin}`);
  await t.expect('alipay.trade.precreate', 'the same request again', `10000 ${a.qrCode}`, () => show(o), (x) => `${outcome(x)} ${x.qrCode}`);
  await t.expect('alipay.trade.precreate', 'the same number, another amount', 'ACQ.CONTEXT_INCONSISTENT', () => show({ ...o, totalAmount: '15.01' }), outcome);
  for (const [method, ask] of [['query', () => query(only(o))], ['cancel', () => cancel(o)], ['close', () => close(o)]]) {
    await t.expect(`alipay.trade.${method}`, 'nobody scanned yet', 'ACQ.TRADE_NOT_EXIST', ask, outcome);
  }
  if (await shop.scan(a.qrCode) !== 'charged') throw new Error('the customer could not pay');
  await t.expect('alipay.trade.query', 'scanned and paid', 'TRADE_SUCCESS 15.00', () => query(only(o)), (x) => `${state(x)} ${x.totalAmount}`);
  await t.expect('alipay.trade.precreate', 'of a paid trade', 'ACQ.TRADE_HAS_SUCCESS', () => show(o), outcome);
  await t.expect('alipay.trade.close', 'of a paid trade', 'ACQ.REASON_TRADE_STATUS_INVALID', () => close(o), outcome);
  const idle = toShow('16.00');
  await shop.scan((await show(idle)).qrCode, '55');
  await t.expect('alipay.trade.query', 'the customer at the password', 'WAIT_BUYER_PAY', () => query(only(idle)), state);
  await t.expect('alipay.trade.close', 'of an unpaid trade', '10000', () => close(idle), outcome);
  await t.expect('alipay.trade.query', 'after it', 'TRADE_CLOSED', () => query(only(idle)), state);
  await t.expect('alipay.trade.precreate', 'of a closed trade', 'ACQ.TRADE_HAS_CLOSE', () => show(idle), outcome);
}

// changedRequest: the wallet must refuse with isv.invalid-signature in an answer that the SDK verifies, unless it is told
// of another key or another signature. Then, as with another method, the SDK cannot read it, and the liar tells.
const others = {
  app_id: ['isv.invalid-app-id'], sign_type: ['isv.invalid-signature-type'], charset: ['isv.invalid-charset'], method: ['isv.invalid-signature', 'isv.invalid-method'],
};
export function changedRequest({ answer, error, shot }) {
  if (answer && answer.code !== '40002') return { ok: false, reason: `accepted ${JSON.stringify(answer)}` };
  const unread = ['app_id', 'method'].includes(shot.field);
  const code = unread ? shot.code : answer?.subCode ?? `${error.name} ${error.message}`;
  return { ok: (others[shot.field] ?? ['isv.invalid-signature']).includes(code), reason: code };
}

async function changed(t) {
  const o = await order('00', '25.00');
  const number = shop.number('BACK');
  const both = async (method, content) => {
    const make = (host) => call(method, content, host);
    await t.everyByte(`alipay.trade.${method}`, 'request', make, changedRequest, (x) => x.code === '10000');
    await t.everyByte(`alipay.trade.${method}`, 'answer', make, changedAnswer, (x) => x.code === '10000');
  };
  await both('pay', o); // the payment happens in the one request that is not changed
  await t.expect('alipay.trade.query', 'after all changed requests', 'TRADE_SUCCESS 25.00', () => query(only(o)), (x) => `${state(x)} ${x.totalAmount}`);
  await both('query', only(o));
  await both('refund', { ...only(o), outRequestNo: number, refundAmount: '11.00' });
  await both('fastpay.refund.query', { ...only(o), outRequestNo: number });
  await t.expect('alipay.trade.fastpay.refund.query', 'after all changed requests', 'REFUND_SUCCESS 11.00', () => refundQuery(o, number),
    (x) => `${x.refundStatus} ${x.refundAmount}`);
  await both('precreate', toShow('27.00'));
  const waiting = async () => {
    const o = toShow('28.00');
    await shop.scan((await show(o)).qrCode, '55');
    return o;
  };
  const idle = await waiting();
  await t.everyByte('alipay.trade.close', 'request', (host) => call('close', only(idle), host), changedRequest, (x) => x.code === '10000');
  await t.expect('alipay.trade.query', 'after all changed requests', 'TRADE_CLOSED', () => query(only(idle)), state);
  await t.everyByte('alipay.trade.close', 'answer', async (host) => call('close', only(await waiting()), host), changedAnswer, (x) => x.code === '10000'); // a trade is closed once
  const undone = await order('00', '26.00');
  await pay(undone);
  await both('cancel', only(undone));
  await t.expect('alipay.trade.cancel', 'after all changed requests', 'refund', () => cancel(undone), (x) => x.action);
}

// notices: what the wallet posts of its own accord, in the words of checkNotifySignV2.
async function notices(t) {
  const sdk = sdks.get(home);
  const read = (body) => Object.fromEntries(new URLSearchParams(body));
  const o = await order('00', '15.00');
  await pay(o);
  const asked = { wallet: 'alipay', out_trade_no: o.outTradeNo };
  const [first, second] = (await told(asked, 'success')).map(read);
  t.row('notice of a payment', 'checkNotifySignV2', `${sdk.checkNotifySignV2(second)} ${second.out_trade_no} ${second.total_amount} ${second.trade_status} ${first.notify_id}`,
    `true ${o.outTradeNo} 15.00 TRADE_SUCCESS ${second.notify_id}`);
  t.row('notice of a payment', 'checkNotifySign', sdk.checkNotifySign(second), true);
  t.row('notice of a payment', 'each value changed', await changedAll(second, (y) => sdk.checkNotifySignV2(y)), 0);
  const number = shop.number('BACK');
  await refund(o, number, '7.00');
  await refundQuery(o, number);
  const [, x] = (await told({ ...asked, out_refund_no: number }, 'success')).map(read);
  t.row('notice of a refund', 'checkNotifySignV2', `${sdk.checkNotifySignV2(x)} ${x.out_biz_no} ${x.refund_fee} of ${x.total_amount}`, `true ${number} 7.00 of 15.00`);
  t.row('notice of a refund', 'each value changed', await changedAll(x, (y) => sdk.checkNotifySignV2(y)), 0);
}

export const day = () => shop.tell([notices, paidAndAsked, refused, password, answerLost, stubborn, broken, shown, backInParts, poorSeller, changed]);

// Somebody who does not trust the sandbox's authority.
export const stranger = () => shop.tell([async function untrusted(t) {
  await t.expect('alipay.trade.query', 'without the sandbox\'s authority', 'no TLS', () => call('query', { outTradeNo: 'NOBODY00' }).then(JSON.stringify, (err) => {
    if (!/certificate/.test(err.message)) throw err;
    return 'no TLS';
  }), (x) => x);
}]);
