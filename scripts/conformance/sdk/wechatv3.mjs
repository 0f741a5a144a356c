// WeChat Pay's API v3 through wechatpay-axios-plugin, which checks the signature of every success. The platform's
// certificate is fetched as its own tool does it: decrypted first, then used to verify the answer it came in.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import wechatpay from 'wechatpay-axios-plugin';
import { Shop, plan, until } from './story.mjs';

const { Wechatpay, Rsa, Aes, Formatter } = wechatpay;
const account = plan.account.wechat;
const home = `https://${new URL(plan.sandbox).host}`;
const key = createPrivateKey(account.client_key);
const shop = new Shop('wechatpay-axios-plugin', 'wechat', 'wechatv3');
const names = { appid: account.appid, mchid: account.mch_id };

const sdkWith = (certs) => new Wechatpay({ mchid: account.mch_id, serial: account.serial_no, privateKey: key, certs, timeout: 20_000 });
const modern = sdkWith({ [account.public_key_id]: account.public_key });
const asked = { headers: { 'Wechatpay-Serial': account.public_key_id } };

const at = (host, more = {}) => ({ baseURL: `${host}/wechat/`, ...more });
const post = async (path, body, host = home, sdk = modern, more = asked) => (await sdk.chain(path).post(body, at(host, more))).data;
const get = async (path, params, host = home, sdk = modern, more = asked) => (await sdk.chain(path).get(at(host, { params, ...more }))).data;

// told takes the wallet's refusals for answers; the SDK throws them without looking at a signature.
const told = (call) => call.catch((err) => {
  if (!err.response?.data?.code || err.response.status < 400) throw err;
  return { refused: `${err.response.status} ${err.response.data.code}` };
});
const note = (a) => {
  const undone = a.trade_state === 'REVOKED' && a.success_time;
  if (['SUCCESS', 'REFUND'].includes(a.trade_state) || undone) shop.moved('charge', a.out_trade_no, a.amount.total);
  if (undone) shop.moved('reversal', a.out_trade_no, a.amount.total);
  return a;
};
const order = async (scenario, total) => ({
  ...names, description: '一杯茶', out_trade_no: shop.number('V3'), payer: { auth_code: await shop.code(scenario) },
  amount: { total, currency: 'CNY' }, scene_info: { store_info: { id: '0001' } },
});
const where = (o) => `v3/pay/transactions/out-trade-no/${o.out_trade_no}`;
const pay = async (o) => note(await told(post('v3/pay/transactions/codepay', o)));
const query = async (o) => note(await told(get(where(o), { mchid: account.mch_id })));
const reverse = (o) => told(post(`${where(o)}/reverse`, names));
const back = (o, number, amount) => ({ out_trade_no: o.out_trade_no, out_refund_no: number, amount: { refund: amount, total: o.amount.total, currency: 'CNY' } });
const refund = (o, number, amount) => told(post('v3/refund/domestic/refunds', back(o, number, amount)));
const refundQuery = async (number) => {
  const a = await told(get(`v3/refund/domestic/refunds/${number}`));
  if (a.status === 'SUCCESS') shop.moved('refund', a.out_trade_no, a.amount.refund, a.out_refund_no);
  return a;
};
const state = (a) => a.refused ?? `${a.trade_state} ${a.amount.total}`;

// certificate is the platform's, opened with the APIv3 key and held against the answer that brought it.
async function certificates(t) {
  const any = sdkWith({ NOBODY: account.public_key });
  let serial;
  let text;
  await t.expect('v3/certificates', 'opened with the APIv3 key', 'a certificate of that serial number', async () => {
    const answer = await any.chain('v3/certificates').get(at(home, { transformResponse: [] }));
    const [one] = JSON.parse(answer.data).data;
    const c = one.encrypt_certificate;
    text = Aes.AesGcm.decrypt(c.ciphertext, account.api_v3_key, c.nonce, c.associated_data);
    serial = one.serial_no;
    if (answer.headers['wechatpay-serial'] !== serial) throw new Error('signed by another');
    const signed = Formatter.response(answer.headers['wechatpay-timestamp'], answer.headers['wechatpay-nonce'], answer.data);
    if (!Rsa.verify(signed, answer.headers['wechatpay-signature'], text)) throw new Error('a wrong signature');
  }, () => (new X509Certificate(text).serialNumber === serial ? 'a certificate of that serial number' : 'another'));
  const classic = sdkWith({ [serial]: text });
  const o = await order('00', 700);
  await t.expect('v3/codepay', 'paid at once, certificate mode', 'SUCCESS 700', async () => note(await post('v3/pay/transactions/codepay', o, home, classic, {})), state);
  await t.expect('v3/query', 'asked for another key than is held', 'refused by the SDK', () => get(where(o), { mchid: account.mch_id }, home, classic).then(state, (err) => {
    if (!String(err.code).startsWith('EV3_')) throw err;
    return 'refused by the SDK';
  }), (x) => x);
}

async function paid(t) {
  const o = await order('00', 1234);
  const a = await t.expect('v3/codepay', 'paid at once', 'SUCCESS 1234', () => pay(o), state);
  await t.expect('v3/query', 'by the merchant\'s number', `SUCCESS 1234 ${a.transaction_id}`, () => query(o), (x) => `${state(x)} ${x.transaction_id}`);
  await t.expect('v3/query', 'by the wallet\'s number', `SUCCESS 1234 ${o.out_trade_no}`,
    () => get(`v3/pay/transactions/id/${a.transaction_id}`, { mchid: account.mch_id }), (x) => `${state(x)} ${x.out_trade_no}`);
  await t.expect('v3/codepay', 'the same number, another amount', '403 OUT_TRADE_NO_USED', () => pay({ ...o, amount: { total: 1 } }), state);
  await t.expect('v3/query', 'an order nobody made', '404 ORDER_NOT_EXIST', () => query({ out_trade_no: 'NOBODY00' }), state);
  await t.expect('v3/close', 'of a payment code\'s order', '400 INVALID_REQUEST', () => told(post(`${where(o)}/close`, { mchid: account.mch_id })), state);
  const poor = await order('50', 500);
  await t.expect('v3/codepay', 'balance too low', '403 NOT_ENOUGH', () => pay(poor), state);
  const slow = await order('53', 800);
  await t.expect('v3/codepay', 'password wanted', 'USERPAYING 800', () => pay(slow), state);
  await t.expect('v3/query', 'until the customer has typed', 'SUCCESS 800', () => until(() => query(slow), (x) => x.trade_state !== 'USERPAYING'), state);
  await t.expect('v3/reverse', 'of a paid order', slow.out_trade_no, () => reverse(slow), (x) => x.refused ?? x.out_trade_no);
  await t.expect('v3/query', 'after it', 'REVOKED 800', () => query(slow), state);
  const yesterday = new Date(Date.now() - 24 * 3600 * 1000).toISOString().slice(0, 10);
  await t.expect('v3/bill', 'of a day without trade', '400 NO_STATEMENT_EXIST', () => told(get('v3/bill/tradebill', { bill_date: yesterday, bill_type: 'ALL' })), state);
}

async function refunded(t) {
  const o = await order('00', 1000);
  const number = shop.number('V3BACK');
  await pay(o);
  await t.expect('v3/refund', '3.00 of 10.00', 'PROCESSING 300', () => refund(o, number, 300), (x) => x.refused ?? `${x.status} ${x.amount.refund}`);
  await t.expect('v3/refund', 'the same number, another amount', '400 INVALID_REQUEST', () => refund(o, number, 301), state);
  await t.expect('v3/refund', 'the rest, within a minute', '429 FREQUENCY_LIMITED', () => refund(o, shop.number('V3BACK'), 700), state);
  await t.expect('v3/refundquery', 'until it is there', 'SUCCESS 300', () => until(() => refundQuery(number), (x) => x.status !== 'PROCESSING'), (x) => `${x.status} ${x.amount.refund}`);
  await t.expect('v3/refundquery', 'a refund nobody made', '404 RESOURCE_NOT_EXISTS', () => refundQuery('NOBODY00'), state);
  await t.expect('v3/query', 'part of it refunded', 'REFUND 1000', () => query(o), state);
}

// shown: a customer scans our code, and the wallet tells us; a byte of the notice is changed at a time.
async function shown(t) {
  const heard = [];
  const hub = createServer((request, answer) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => { heard.push({ headers: request.headers, body: Buffer.concat(parts).toString() }); answer.writeHead(204).end(); });
  });
  await new Promise((ready) => { hub.listen(0, '127.0.0.1', ready); });
  const { port } = hub.address();
  const native = (total) => ({
    ...names, description: '一杯茶', out_trade_no: shop.number('V3QR'), notify_url: `http://127.0.0.1:${port}/`, amount: { total, currency: 'CNY' },
  });
  const o = native(990);
  const make = (x) => told(post('v3/pay/transactions/native', x));
  const a = await t.expect('v3/native', 'an order to be shown', 'a code', () => make(o), (x) => (x.code_url?.startsWith('weixin://') ? 'a code' : JSON.stringify(x)));
  await t.expect('v3/native', 'the same number, another amount', '400 INVALID_REQUEST', () => make({ ...o, amount: { total: 1 } }), state);
  await t.expect('v3/query', 'before anybody scans', 'NOTPAY 990', () => query(o), state);
  await fetch(`${plan.sandbox}/sandbox/pay`, { method: 'POST', body: JSON.stringify({ qr: a.code_url }) });
  await until(() => heard[0], (x) => x);
  hub.close();
  const { headers, body } = heard[0] ?? { headers: {}, body: '{}' };
  const genuine = (text) => Rsa.verify(Formatter.response(headers['wechatpay-timestamp'], headers['wechatpay-nonce'], text), headers['wechatpay-signature'], account.public_key);
  const open = (r) => JSON.parse(Aes.AesGcm.decrypt(r.ciphertext, account.api_v3_key, r.nonce, r.associated_data));
  await t.expect('v3/notice', 'verified and opened', `TRANSACTION.SUCCESS SUCCESS 990 ${o.out_trade_no}`, async () => {
    if (!genuine(body)) throw new Error('a wrong signature');
    return JSON.parse(body);
  }, (x) => { const r = note(open(x.resource)); return `${x.event_type} ${r.trade_state} ${r.amount.total} ${r.out_trade_no}`; });
  const wrong = [];
  for (let i = 0; i < body.length; i += 1) {
    const other = body.slice(0, i) + String.fromCharCode(body.charCodeAt(i) ^ 1) + body.slice(i + 1);
    if (genuine(other)) wrong.push(i);
  }
  t.row('v3/notice', `${body.length} characters changed, one at a time`, `verified: ${wrong.length}`, 'verified: 0', { side: 'answer', changes: body.length });
  await t.expect('v3/close', 'of a paid order', '400 ORDER_PAID', () => told(post(`${where(o)}/close`, { mchid: account.mch_id })), state);
  await t.expect('v3/reverse', 'of a shown order', '400 INVALID_REQUEST', () => reverse(o), state);
  const closed = native(100);
  await make(closed);
  for (const again of ['', ', again']) {
    await t.expect('v3/close', `of an unpaid order${again}`, '204', async () => modern.chain(`${where(closed)}/close`).post({ mchid: account.mch_id }, at(home, asked)), (x) => x.status);
  }
  await t.expect('v3/query', 'after it', 'CLOSED 100', () => query(closed), state);
}

// changedAnswer: the SDK must refuse for the signature.
function changedAnswer({ answer, error }) {
  if (!error) return { ok: false, reason: `accepted ${JSON.stringify(answer)}` };
  return { ok: error.code === 'EV3_RES_HEADER_SIGNATURE_DIGEST', reason: error.code === 'EV3_RES_HEADER_SIGNATURE_DIGEST' ? 'wrong signature' : `${error.code} ${error.message}` };
}

function changedRequest({ answer, error }) {
  const code = error?.response?.data?.code ?? `accepted ${JSON.stringify(answer)} ${error}`;
  return { ok: error?.response?.status === 401 && code === 'SIGN_ERROR', reason: code };
}

async function changed(t) {
  const both = async (call, make, accepted) => {
    await t.everyByte(call, 'request', make, changedRequest, accepted);
    await t.everyByte(call, 'answer', make, changedAnswer, accepted);
  };
  const o = await order('00', 2500);
  const number = shop.number('V3BACK');
  await both('v3/codepay', (host) => post('v3/pay/transactions/codepay', o, host), (x) => x.trade_state === 'SUCCESS');
  await both('v3/query', (host) => get(where(o), { mchid: account.mch_id }, host), (x) => x.trade_state === 'SUCCESS');
  await query(o);
  await both('v3/refund', (host) => post('v3/refund/domestic/refunds', back(o, number, 1100), host), (x) => x.out_refund_no === number);
  await t.everyByte('v3/refundquery', 'answer', (host) => get(`v3/refund/domestic/refunds/${number}`, {}, host), changedAnswer, (x) => x.out_refund_no === number);
  await until(() => refundQuery(number), (x) => x.status !== 'PROCESSING');
  const undone = await order('00', 2600);
  await pay(undone);
  await both('v3/reverse', (host) => post(`${where(undone)}/reverse`, names, host), (x) => x.out_trade_no === undone.out_trade_no);
  await query(undone);
  const native = { ...names, description: 'tea', out_trade_no: shop.number('V3QR'), notify_url: 'http://127.0.0.1:9/', amount: { total: 1, currency: 'CNY' } };
  await both('v3/native', (host) => post('v3/pay/transactions/native', native, host), (x) => x.code_url !== undefined);
}

// changed comes alone and first: a payment code lives a minute, and each of its bytes is tried before it pays.
export async function day() {
  const { rows } = await shop.tell([changed]);
  const told = await shop.tell([certificates, paid, refunded, shown]);
  return { rows: [...told.rows, ...rows], money: told.money };
}
