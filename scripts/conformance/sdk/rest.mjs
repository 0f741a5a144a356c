// Alipay's REST v3 through alipay-sdk's curl, which verifies the signature of every answer below 400 and of none above.
import { generateKeyPairSync } from 'node:crypto';
import { AlipaySdk } from 'alipay-sdk';
import { plan } from './story.mjs';

const home = `https://${new URL(plan.sandbox).host}`;
const account = plan.account.alipay;
const own = { appId: account.app_id, privateKey: plan.alipay_key, alipayPublicKey: account.public_key, endpoint: `${home}/alipay` };
const word = (x) => (x.error ? `${x.error.code}` : `${x.status} ${x.data.trade_status ?? x.data.action ?? x.data.refund_status ?? ''} ${x.data.total_amount ?? x.data.refund_fee ?? ''}`.replace(/ +/g, ' ').trim());

const asking = (sdk) => async (method, path, content) => {
  try {
    const { data, responseHttpStatus: status } = await sdk.curl(method, `/v3/alipay/${path}`, method === 'GET' ? { query: content } : { body: content });
    return { data, status };
  } catch (error) {
    if (error.name !== 'AlipayRequestError') throw error;
    return { error };
  }
};

// inREST: each method once, and what is changed on either side is refused.
export async function inREST(t) {
  const { shop } = t;
  const ask = asking(new AlipaySdk(own));
  const post = (path, content) => ask('POST', `trade/${path}`, content);
  const order = async (scenario, total_amount) => ({
    out_trade_no: shop.number('ORDER'), scene: 'bar_code', auth_code: await shop.code(scenario), subject: '一杯茶', total_amount,
  });
  const o = await order('00', '41.00');
  const only = { out_trade_no: o.out_trade_no };
  await t.expect('trade/pay', 'paid at once', '200 41.00', () => post('pay', o), word);
  shop.moved('charge', o.out_trade_no, 4100);
  await t.expect('trade/pay', 'the same number, another amount', 'ACQ.CONTEXT_INCONSISTENT', () => post('pay', { ...o, total_amount: '41.01' }), word);
  await t.expect('trade/query', 'with GET', '200 TRADE_SUCCESS 41.00', () => ask('GET', 'trade/query', only), word);
  await t.expect('trade/query', 'with POST', '200 TRADE_SUCCESS 41.00', () => post('query', only), word);
  await t.expect('trade/query', 'nobody\'s', 'ACQ.TRADE_NOT_EXIST', () => post('query', { out_trade_no: shop.number('NONE') }), word);
  const back = { ...only, out_request_no: shop.number('BACK'), refund_amount: '11.00' };
  await t.expect('trade/refund', '11.00 of 41.00', '200 11.00', () => post('refund', back), word);
  shop.moved('refund', o.out_trade_no, 1100, back.out_request_no);
  await t.expect('trade/refund', 'the same number again', '200 N', () => post('refund', back), (x) => `${x.status} ${x.data.fund_change}`);
  await t.expect('trade/fastpay/refund/query', 'the refund', '200 REFUND_SUCCESS', () => post('fastpay/refund/query', { ...only, out_request_no: back.out_request_no }),
    (x) => `${x.status} ${x.data.refund_status}`);
  const undone = await order('00', '42.00');
  await t.expect('trade/pay', 'to be cancelled', '200 42.00', () => post('pay', undone), word);
  shop.moved('charge', undone.out_trade_no, 4200);
  await t.expect('trade/cancel', 'of a paid trade', '200 refund', () => post('cancel', { out_trade_no: undone.out_trade_no }), word);
  shop.moved('reversal', undone.out_trade_no, 4200);
  const waiting = await order('55', '43.00');
  await t.expect('trade/pay', 'the customer at the password', '202 43.00', () => post('pay', waiting), word);
  await t.expect('trade/close', 'while it waits', '200', () => post('close', { out_trade_no: waiting.out_trade_no }), word);
  await t.expect('trade/query', 'after it', '200 TRADE_CLOSED 43.00', () => post('query', { out_trade_no: waiting.out_trade_no }), word);
  await t.expect('trade/pay', 'balance too low', 'ACQ.BUYER_BALANCE_NOT_ENOUGH', async () => post('pay', await order('50', '44.00')), word);
  await t.expect('trade/precreate', 'a code to show', '200 https://qr.alipay.com', () => post('precreate', { out_trade_no: shop.number('SHOWN'), subject: '一杯茶', total_amount: '45.00' }),
    (x) => `${x.status} ${new URL(x.data.qr_code).origin}`);
  const broken = await order('65', '46.00');
  await t.expect('trade/pay', 'charged, answered with a broken signature', 'response-signature-verify-error', () => post('pay', broken), word);
  await t.expect('trade/query', 'finds the charge', '200 TRADE_SUCCESS 46.00', () => post('query', { out_trade_no: broken.out_trade_no }), word);
  shop.moved('charge', broken.out_trade_no, 4600);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs1', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
  const forged = asking(new AlipaySdk({ ...own, privateKey }));
  await t.expect('a foreign key', 'asks', 'invalid-signature', () => forged('GET', 'trade/query', only), word);
  const deaf = asking(new AlipaySdk({ ...own, alipayPublicKey: plan.others.sealed.account.alipay.public_key }));
  await t.expect('a foreign key', 'answers', 'response-signature-verify-error', () => deaf('GET', 'trade/query', only), word);
}
