// The bills of the day that both SDKs made, held against the sandbox's ledger, line by line and sum by sum. Bills are of days
// that are over, so everything is first made to have happened two days ago.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { AlipaySdk } from 'alipay-sdk';
import wechatpay from 'wechatpay-axios-plugin';
import { Shop, plan, say, versionOf } from './story.mjs';

const { Formatter, Hash, Wechatpay } = wechatpay;
const home = `https://${new URL(plan.sandbox).host}`;

const control = async (method, path, body) => {
  const answer = await fetch(`${plan.sandbox}${path}`, { method, body });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.text();
};
const fen = (yuan) => {
  const [, sign, whole, part] = /^(-?)([0-9]+)\.([0-9]{2})/.exec(yuan) ?? [];
  if (part === undefined) throw new Error(`not an amount: ${yuan}`);
  return Number(`${sign}${whole}${part}`);
};
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const china = (at) => new Date(Date.parse(at) + 8 * 3600_000).toISOString().slice(0, 10);

// books are a wallet's merchant's lines in the ledger; days the days in China on which they were booked.
async function books(mch) {
  const lines = (await control('GET', '/sandbox/ledger')).trim().split('\n').map((line) => JSON.parse(line)).filter((x) => x.mch === mch);
  const charges = lines.filter((x) => x.kind === 'charge').map((x) => x.amount);
  const backs = lines.filter((x) => x.kind !== 'charge').map((x) => x.amount);
  return { lines, days: [...new Set(lines.map((x) => china(x.at)))].sort(), charges, backs };
}

// same compares two lists whatever their order, and says how many are equal or which are not.
function same(t, call, scenario, got, want) {
  const left = [...want];
  const odd = got.filter((x) => {
    const at = left.indexOf(x);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  const told = odd.length + left.length === 0 ? `${got.length} lines` : `in the bill alone ${odd.slice(0, 2).join(' ')}, in the ledger alone ${left.slice(0, 2).join(' ')}`;
  t.row(call, scenario, told, `${want.length} lines`);
}

async function wechatBills(t) {
  const account = plan.account.wechat;
  const key = createPrivateKey(account.client_key);
  const sdk = new Wechatpay({
    mchid: account.mch_id, secret: account.api_key, merchant: { cert: account.client_cert, key: account.client_key },
    serial: 'NONE', privateKey: key, certs: { NOBODY: createPublicKey(key) }, timeout: 20_000, // v3 is not spoken here
  });
  const who = { appid: account.appid, mch_id: account.mch_id };
  const whole = { responseType: 'arraybuffer', transformResponse: [(data) => data] }; // a bill is no XML
  const compact = (day) => day.replaceAll('-', '');
  const post = async (path, data, more) => (await sdk.chain(`v2/${path}`).post({ ...who, ...data }, { baseURL: `${home}/wechat/`, ...more })).data;
  const refusal = (path, data, more) => post(path, data, more).then((x) => `a bill of ${x.length}`, (err) => {
    if (err.code !== 'EV2_RES_STATUS_CODE_NOT_SUCESS') throw err;
    return err.response.data.return_msg;
  });
  const { lines, days, charges, backs } = await books(account.mch_id);

  const trade = (day) => ({ bill_date: compact(day), bill_type: 'ALL' });
  const bills = [];
  for (const day of days) bills.push(Formatter.castCsvBill(await post('pay/downloadbill', trade(day), whole)));
  const rows = bills.flatMap((b) => b.rows);
  const kinds = { SUCCESS: 'charge', REFUND: 'refund', REVOKED: 'reversal' };
  same(t, 'pay/downloadbill', 'each line as it was booked', rows.map((r) => [r.微信订单号, r.商户订单号, kinds[r.交易状态],
    fen(r.交易状态 === 'SUCCESS' ? r.应结订单金额 : r.退款金额), r.商户退款单号].join('/')),
  lines.map((x) => [x.wallet_ref, x.out_trade_no, x.kind, x.amount, x.out_refund_no ?? '0'].join('/')));
  const sums = (name) => sum(bills.map((b) => fen(b.summary[name])));
  t.row('pay/downloadbill', 'its sums', `${sum(bills.map((b) => Number(b.summary.总交易单数)))} ${sums('应结订单总金额')} ${sums('订单总金额')} ${sums('退款总金额')}`,
    `${lines.length} ${sum(charges)} ${sum(charges)} ${sum(backs)}`);
  const fees = sum(rows.map((r) => fen(r.手续费)));
  t.row('pay/downloadbill', 'its fees', sums('手续费总金额'), fees);
  const packed = await post('pay/downloadbill', { ...trade(days[0]), tar_type: 'GZIP' }, whole);
  t.row('pay/downloadbill', 'in gzip', gunzipSync(packed).equals(await post('pay/downloadbill', trade(days[0]), whole)), true);
  t.row('no bill', 'of today', await refusal('pay/downloadbill', trade(china(new Date()))), 'NO Bill Exist');
  t.row('no bill', 'of a day without payments', await refusal('pay/downloadbill', trade('2020-01-01')), 'NO Bill Exist');

  const funds = (day) => ({ bill_date: compact(day), account_type: 'Basic', sign_type: Hash.ALGO_HMAC_SHA256 });
  const flows = [];
  for (const day of days) flows.push(Formatter.castCsvBill(await post('pay/downloadfundflow', funds(day), { security: true, ...whole })));
  const moved = flows.flatMap((b) => b.rows);
  const of = (...names) => sum(moved.filter((r) => names.includes(r.业务类型)).map((r) => fen(r['收支金额(元)'])));
  t.row('pay/downloadfundflow', 'payments, what went back, fees', `${of('交易')} ${of('退款', '撤销')} ${of('扣除交易手续费') - of('退还交易手续费')}`,
    `${sum(charges)} ${sum(backs)} ${fees}`);
  const total = (name) => sum(flows.map((b) => fen(b.summary[name])));
  t.row('pay/downloadfundflow', 'its sums', total('收入金额') - total('支出金额'), sum(charges) - sum(backs) - fees);
  t.row('no bill', 'of funds, without the certificate', await refusal('pay/downloadfundflow', funds(days[0])), 'CERT_ERROR');
  t.row('no bill', 'of funds, signed with MD5', await refusal('pay/downloadfundflow', { ...funds(days[0]), sign_type: 'MD5' }, { security: true }), 'SIGN ERROR');
}

// unzip reads an archive by its directory; names are in GBK.
function unzip(archive) {
  const files = new Map();
  let at = archive.lastIndexOf(Buffer.from('PK\x05\x06'));
  let entries = archive.readUInt16LE(at + 10);
  for (at = archive.readUInt32LE(at + 16); entries > 0; entries -= 1) {
    const [size, name, extra, comment, local] = [archive.readUInt32LE(at + 20), ...[28, 30, 32].map((n) => archive.readUInt16LE(at + n)), archive.readUInt32LE(at + 42)];
    const from = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const read = (bytes) => new TextDecoder('gbk', { fatal: true }).decode(bytes);
    files.set(read(archive.subarray(at + 46, at + 46 + name)), read(inflateRawSync(archive.subarray(from, from + size))));
    at += 46 + name + extra + comment;
  }
  return files;
}

async function alipayBills(t) {
  const account = plan.account.alipay;
  const sdk = new AlipaySdk({ appId: account.app_id, privateKey: plan.alipay_key, alipayPublicKey: account.public_key, gateway: `${home}/alipay/gateway.do` });
  const ask = (billType, billDate) => sdk.exec('alipay.data.dataservice.bill.downloadurl.query', { bizContent: { billType, billDate } }, { validateSign: true });
  const { lines, days, charges, backs } = await books(account.app_id);
  const cells = (text) => text.split('\r\n').filter((line) => line !== '' && !line.startsWith('#')).slice(1).map((line) => line.split(',').map((cell) => cell.trim()));
  const fetched = async (billType, name) => {
    const found = { details: [], texts: [], sums: [] };
    for (const day of days) {
      const a = await ask(billType, day);
      const answer = await fetch(a.billDownloadUrl);
      if (!answer.ok) throw new Error(`${billType} of ${day}: ${outcome(a)}, then ${answer.status}`);
      for (const [file, text] of unzip(Buffer.from(await answer.arrayBuffer()))) {
        if (file.endsWith(`_${name}.csv`)) {
          found.details.push(...cells(text));
          found.texts.push(text);
        } else found.sums.push(...cells(text));
      }
    }
    return found;
  };
  const outcome = (a) => a.subCode ?? a.code;

  // The goods' name has a comma that nothing quotes, so what is behind it is counted from the end.
  const trade = await fetched('trade', '业务明细');
  same(t, 'trade', 'each line as it was booked', trade.details.map((c) => [c[0], c[1], c[2], fen(c.at(-14)), c.at(-4)].join('/')),
    lines.map((x) => [x.wallet_ref, x.out_trade_no, ...(x.kind === 'charge' ? ['交易', x.amount] : ['退款', -x.amount]), x.out_refund_no ?? ''].join('/')));
  const told = (pattern) => trade.texts.map((text) => pattern.exec(text)).map(([, n, yuan]) => [Number(n), fen(yuan)]);
  const both = (pairs) => `${sum(pairs.map(([n]) => n))} ${sum(pairs.map(([, x]) => x))}`;
  t.row('trade', 'its sums', `${both(told(/#交易合计：(\d+)笔，商家实收共(-?[\d.]+)元/))} ${both(told(/#退款合计：(\d+)笔，商家实收退款共(-?[\d.]+)元/))}`,
    `${charges.length} ${sum(charges)} ${backs.length} ${-sum(backs)}`);
  const fees = -sum(trade.details.map((c) => fen(c.at(-3))));
  t.row('trade', 'the second file\'s sums', trade.sums.map((c) => [c[2], c[3], fen(c[5]), -fen(c[9]), fen(c.at(-1))]).reduce((a, b) => a.map((x, i) => Number(x) + Number(b[i]))).join(' '),
    `${charges.length} ${backs.length} ${sum(charges) - sum(backs)} ${fees} ${sum(charges) - sum(backs) - fees}`);
  const funds = await fetched('signcustomer', '账务明细');
  t.row('signcustomer', 'what came and went', sum(funds.details.map((c) => sum([c[6], c[7]].filter((x) => x !== '').map(fen)))), sum(charges) - sum(backs) - fees);

  await t.expect('no bill', 'of today', 'BILL_NOT_EXIST', () => ask('trade', china(new Date())), outcome);
  await t.expect('no bill', 'of a day without payments', 'BILL_NOT_EXIST', () => ask('trade', '2020-01-01'), outcome);
  await t.expect('no bill', 'of a type that there is not', 'TYPE_NOT_SUPPORTED', () => ask('tea', days[0]), outcome);
  const { billDownloadUrl } = await ask('trade', days[0]);
  const other = new URL(billDownloadUrl);
  other.searchParams.set('userId', plan.others.stranger.account.alipay.app_id);
  t.row('no bill', 'another merchant\'s at our address', (await fetch(other)).status, 403);
}

await control('POST', '/sandbox/age', JSON.stringify({ hours: 48 }));
for (const [sdk, wallet, story] of [['wechatpay-axios-plugin', 'wechat', wechatBills], ['alipay-sdk', 'alipay', alipayBills]]) {
  const shop = new Shop(sdk, wallet);
  shop.sdk = `${sdk}, bills ${versionOf(sdk)}`;
  say(await shop.tell([story]));
}
