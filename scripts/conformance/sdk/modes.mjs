// What merchants agree upon beyond the usual: Alipay's certificates, its encrypted contents, and service providers of either
// wallet. Each has merchants of its own, so that the usual day stays as it is.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { AlipaySdk } from 'alipay-sdk';
import wechatpay from 'wechatpay-axios-plugin';
import { changedAnswer, changedRequest } from './alipay.mjs';
import { inREST } from './rest.mjs';
import { Shop, plan, say, versionOf } from './story.mjs';

const { Hash, Wechatpay } = wechatpay;
const home = `https://${new URL(plan.sandbox).host}`;
const { certified, sealed, provider, sub, stranger } = plan.others;
// Each fifth byte: the places are the usual day's, where each is tried.
const stride = 5;

// Mode is an SDK in one of these ways, with numbers of its own.
class Mode extends Shop {
  constructor(sdk, way, wallet) {
    super(sdk, wallet);
    this.sdk = `${sdk}, ${way} ${versionOf(sdk)}`;
    this.way = way;
  }

  number(kind) { return `${this.way.slice(0, 3).toUpperCase()}${super.number(kind)}`; }
}

const fen = (yuan) => {
  if (!/^[0-9]+\.[0-9]{2}$/.test(yuan)) throw new Error(`not an amount: ${yuan}`);
  return Number(yuan.replace('.', ''));
};
const outcome = (a) => a.subCode ?? a.code;
const alipayOf = (Kind, merchant, more, host = home) => new Kind({
  appId: merchant.account.alipay.app_id, privateKey: merchant.alipay_key, gateway: `${host}/alipay/gateway.do`, ...more,
});
const orderOf = async (shop, yuan) => ({
  outTradeNo: shop.number('ORDER'), scene: 'bar_code', authCode: await shop.code(), subject: '一杯茶', totalAmount: yuan,
});
const refusedBySDK = (ask) => ask().then(outcome, (err) => {
  if (!err.message.includes('验签失败')) throw err;
  return 'refused by the SDK';
});

const certificates = (o) => ({
  appCertContent: o.terms.alipay.app_cert, alipayPublicCertContent: o.terms.alipay.cert, alipayRootCertContent: o.terms.alipay.root,
});

async function inCertificateMode(t) {
  const { shop } = t;
  const sdks = new Map([home, plan.liar.alipay].map((host) => [host, alipayOf(AlipaySdk, certified, certificates(certified), host)]));
  const call = (method, bizContent, host = home) => sdks.get(host).exec(`alipay.trade.${method}`, { bizContent }, { validateSign: true });
  const both = async (method, content) => {
    for (const [side, judge] of [['request', changedRequest], ['answer', changedAnswer]]) {
      await t.everyByte(`alipay.trade.${method}`, side, (host) => call(method, content, host), judge, (x) => x.code === '10000', stride);
    }
  };
  const o = await orderOf(shop, '31.00');
  const only = { outTradeNo: o.outTradeNo };
  await both('pay', o); // the payment happens in the one request that is not changed
  await t.expect('alipay.trade.pay', 'the same request again', '10000 31.00', () => call('pay', o), (x) => `${outcome(x)} ${x.totalAmount}`);
  shop.moved('charge', o.outTradeNo, 3100);
  await t.expect('alipay.trade.query', 'after all changed requests', 'TRADE_SUCCESS 31.00', () => call('query', only), (x) => `${x.tradeStatus} ${x.totalAmount}`);
  await both('query', only);
  const back = { ...only, outRequestNo: shop.number('BACK'), refundAmount: '11.00' };
  await both('refund', back);
  await t.expect('alipay.trade.refund', 'the same request again', '10000 N 11.00', () => call('refund', back), (x) => `${outcome(x)} ${x.fundChange} ${x.refundFee}`);
  shop.moved('refund', o.outTradeNo, 1100, back.outRequestNo);
  const undone = await orderOf(shop, '32.00');
  await t.expect('alipay.trade.pay', 'to be cancelled', '10000 32.00', () => call('pay', undone), (x) => `${outcome(x)} ${x.totalAmount}`);
  await both('cancel', { outTradeNo: undone.outTradeNo });
  await t.expect('alipay.trade.cancel', 'after all changed requests', '10000 refund', () => call('cancel', { outTradeNo: undone.outTradeNo }), (x) => `${outcome(x)} ${x.action}`);
  shop.moved('charge', undone.outTradeNo, 3200);
  shop.moved('reversal', undone.outTradeNo, 3200);
  await anotherCertificate(t, only);
}

// anotherCertificate: the application shows one that is not its own; then Alipay changes its own, which the SDK cannot
// verify until somebody has fetched the new one by the number that the answer names.
async function anotherCertificate(t, only) {
  const query = (sdk) => sdk.exec('alipay.trade.query', { bizContent: only }, { validateSign: true });
  const wrong = alipayOf(AlipaySdk, certified, { ...certificates(certified), appCertContent: certified.terms.alipay.cert });
  await t.expect('another certificate', 'not the application\'s', 'isv.missing-signature-config', () => query(wrong), outcome);
  const answer = await fetch(`${plan.sandbox}/sandbox/terms`, { method: 'POST', body: JSON.stringify({ name: certified.name, alipay_certificate: true }) });
  if (!answer.ok) throw new Error(`Alipay changes no certificate: ${answer.status}`);
  const before = alipayOf(AlipaySdk, certified, certificates(certified));
  let raw = '';
  await t.expect('another certificate', 'Alipay signs with a new one', 'refused by the SDK', () => refusedBySDK(() => query(before).catch((err) => {
    raw = err.responseDataRaw;
    throw err;
  })), (x) => x);
  const number = /"alipay_cert_sn":"([0-9a-f]{32})"/.exec(raw)?.[1] ?? 'no number';
  const download = (alipayCertSn) => before.exec('alipay.open.app.alipaycert.download', { bizContent: { alipayCertSn } });
  const fetched = await t.expect('another certificate', 'fetched by the number in the answer', '10000', () => download(number), outcome);
  const text = Buffer.from(fetched.alipayCertContent, 'base64').toString('utf8');
  const after = alipayOf(AlipaySdk, certified, { ...certificates(certified), alipayPublicCertContent: text });
  await t.expect('another certificate', 'verifies with the new one', `TRADE_SUCCESS ${number}`, () => query(after), (x) => `${x.tradeStatus} ${after.config.alipayCertSn}`);
  await t.expect('another certificate', 'a number that Alipay does not know', 'CERT_NOT_EXIST', () => download('0'.repeat(32)), outcome);
}

// Sealing cuts the signed text out of an encrypted answer. The SDK's own cut looks for an object there, finds none, and so
// refuses each encrypted answer whose signature it is to check; all else is the SDK's.
class Sealing extends AlipaySdk {
  getSignStr(raw, key) { return new RegExp(`"${key}":("[^"]*")`).exec(raw)?.[1] ?? super.getSignStr(raw, key); }
}

// changedSeal: what does not decrypt is refused before the signature is looked at.
function changedSeal(x) {
  if (/Malformed UTF-8|JSON/.test(x.error?.message)) return { ok: true, reason: 'no content' };
  return changedAnswer(x);
}

async function encrypted(t) {
  const { shop } = t;
  const own = { alipayPublicKey: sealed.account.alipay.public_key, encryptKey: sealed.terms.alipay.content_key };
  const sdks = new Map([home, plan.liar.alipay].map((host) => [host, alipayOf(Sealing, sealed, own, host)]));
  const ask = (sdk, method, bizContent) => sdk.exec(`alipay.trade.${method}`, { bizContent, needEncrypt: true }, { validateSign: true });
  const call = (method, bizContent, host = home) => ask(sdks.get(host), method, bizContent);
  const o = await orderOf(shop, '33.00');
  const only = { outTradeNo: o.outTradeNo };
  for (const [method, content] of [['pay', o], ['query', only]]) {
    for (const [side, judge] of [['request', changedRequest], ['answer', changedSeal]]) {
      await t.everyByte(`alipay.trade.${method}`, side, (host) => call(method, content, host), judge, (x) => x.code === '10000', stride);
    }
  }
  await t.expect('alipay.trade.pay', 'the same order again', '10000 33.00', () => call('pay', o), (x) => `${outcome(x)} ${x.totalAmount}`);
  await t.expect('alipay.trade.query', 'after all changed requests', 'TRADE_SUCCESS 33.00', () => call('query', only), (x) => `${x.tradeStatus} ${x.totalAmount}`);
  shop.moved('charge', o.outTradeNo, 3300);
  await t.expect('alipay.trade.query', 'the SDK\'s own cut of the signed text', 'refused by the SDK', () => refusedBySDK(() => ask(alipayOf(AlipaySdk, sealed, own), 'query', only)), (x) => x);
  const wrong = alipayOf(Sealing, sealed, { ...own, encryptKey: Buffer.alloc(16, 7).toString('base64') });
  // One wrong key of 256 leaves a padding, and then no JSON.
  await t.expect('wrong key', 'the wallet cannot read it', true, () => ask(wrong, 'query', only), (x) => ['isv.decryption-error', 'isv.invalid-parameter'].includes(x.subCode));
}

async function alipayPartner(t) {
  const { shop } = t;
  const sdk = alipayOf(AlipaySdk, provider, { alipayPublicKey: provider.account.alipay.public_key });
  const { app_auth_token: appAuthToken, seller_id: merchantId } = provider.terms.subs[sub.name];
  const call = (method, bizContent, more = { appAuthToken }) => sdk.exec(`alipay.trade.${method}`, { bizContent, ...more }, { validateSign: true });
  const o = await orderOf(shop, '34.00');
  await t.expect('alipay.trade.pay', 'for who authorised it', '10000 34.00', () => call('pay', o), (x) => `${outcome(x)} ${x.totalAmount}`);
  await t.expect('alipay.trade.query', 'for who authorised it', 'TRADE_SUCCESS 34.00', () => call('query', { outTradeNo: o.outTradeNo }), (x) => `${x.tradeStatus} ${x.totalAmount}`);
  shop.moved('charge', o.outTradeNo, 3400);
  await t.expect('alipay.trade.query', 'in its own name', 'ACQ.TRADE_NOT_EXIST', () => call('query', { outTradeNo: o.outTradeNo }, {}), outcome);
  const named = { ...await orderOf(shop, '35.00'), subMerchant: { merchantId } };
  await t.expect('alipay.trade.pay', 'with its sub merchant', '10000 35.00', () => call('pay', named, {}), (x) => `${outcome(x)} ${x.totalAmount}`);
  shop.moved('charge', named.outTradeNo, 3500);
  const foreign = await orderOf(shop, '36.00');
  await t.expect('a foreign merchant', 'a token that nobody gave', 'aop.invalid-app-auth-token', () => call('pay', foreign, { appAuthToken: '2026NOBODY' }), outcome);
  await t.expect('a foreign merchant', 'another\'s sub merchant', 'ACQ.SECONDARY_MERCHANT_STATUS_ERROR',
    () => call('pay', { ...foreign, subMerchant: { merchantId: stranger.account.alipay.seller_id } }, {}), outcome);
  await t.expect('a foreign merchant', 'nothing was paid', 'ACQ.TRADE_NOT_EXIST', () => call('query', { outTradeNo: foreign.outTradeNo }), outcome);
}

async function wechatPartner(t) {
  const { shop } = t;
  const account = provider.account.wechat;
  const key = createPrivateKey(account.client_key);
  const sdk = new Wechatpay({
    mchid: account.mch_id, secret: account.api_key, merchant: { cert: account.client_cert, key: account.client_key },
    serial: 'NONE', privateKey: key, certs: { NOBODY: createPublicKey(key) }, timeout: 20_000, // v3 is not spoken here
  });
  const call = async (path, data) => {
    const type = Hash.ALGO_HMAC_SHA256;
    try {
      return (await sdk.chain(`v2/${path}`).post({ appid: account.appid, mch_id: account.mch_id, sign_type: type, ...data }, { baseURL: `${home}/wechat/` })).data;
    } catch (err) {
      const told = err.response?.data;
      if (err.code !== 'EV2_RES_STATUS_CODE_NOT_SUCESS') throw err;
      if (told.return_code === 'SUCCESS' && !Hash.equals(Hash.sign(type, told, account.api_key), told.sign)) throw new Error(`${told.err_code} has a wrong signature`);
      return told;
    }
  };
  const word = (x) => (x.result_code === 'SUCCESS' ? `${x.trade_state ?? 'SUCCESS'} ${x.total_fee} ${x.sub_mch_id}` : x.err_code ?? x.return_msg);
  const own = { sub_mch_id: provider.terms.subs[sub.name].sub_mch_id };
  const order = async (fee, who) => ({
    body: '一杯茶', out_trade_no: shop.number('ORDER'), total_fee: fee, spbill_create_ip: '127.0.0.1', auth_code: await shop.code(), ...who,
  });
  const o = await order(3700, own);
  const only = { out_trade_no: o.out_trade_no };
  await t.expect('pay/micropay', 'for its sub merchant', `SUCCESS 3700 ${own.sub_mch_id}`, () => call('pay/micropay', o), word);
  await t.expect('pay/orderquery', 'for its sub merchant', `SUCCESS 3700 ${own.sub_mch_id}`, () => call('pay/orderquery', { ...only, ...own }), word);
  shop.moved('charge', o.out_trade_no, 3700);
  await t.expect('pay/orderquery', 'in its own name', 'ORDERNOTEXIST', () => call('pay/orderquery', only), word);
  const foreign = await order(3800, { sub_mch_id: stranger.account.wechat.mch_id });
  await t.expect('a foreign merchant', 'pays', 'NOAUTH', () => call('pay/micropay', foreign), word);
  await t.expect('a foreign merchant', 'asks', 'NOAUTH', () => call('pay/orderquery', { ...only, sub_mch_id: foreign.sub_mch_id }), word);
  await t.expect('a foreign merchant', 'nothing was paid', 'ORDERNOTEXIST', () => call('pay/orderquery', { out_trade_no: foreign.out_trade_no, ...own }), word);
}

// One after the other, for they share the liar.
for (const [sdk, way, wallet, story] of [
  ['alipay-sdk', 'certificates', 'alipay', inCertificateMode], ['alipay-sdk', 'AES', 'alipay', encrypted],
  ['alipay-sdk', 'REST v3', 'alipay', inREST], ['alipay-sdk', 'partner', 'alipay', alipayPartner], ['wechatpay-axios-plugin', 'partner', 'wechat', wechatPartner],
]) say(await new Mode(sdk, way, wallet).tell([story]));
