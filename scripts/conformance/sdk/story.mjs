// What both SDKs' stories share: rows of the table, money that answers told of, customers' codes, the liar.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as rest } from 'node:timers/promises';

// plan is what the Go side tells: where the sandbox is, and an account there.
export const plan = JSON.parse(readFileSync(0, 'utf8'));

export const versionOf = (sdk) => JSON.parse(readFileSync(new URL(`./node_modules/${sdk}/package.json`, import.meta.url))).version;

// Shop is one SDK with its account: it collects what is told.
export class Shop {
  constructor(sdk, wallet, liar = wallet) {
    this.sdk = `${sdk} ${versionOf(sdk)}`;
    this.wallet = wallet;
    this.liar = liar;
    this.money = new Map();
    this.orders = 0;
  }

  // number is a fresh out_trade_no or out_refund_no; the sandbox is fresh too.
  number(kind = 'ORDER') {
    this.orders += 1;
    return `CONF${kind}${String(this.orders).padStart(6, '0')}`;
  }

  // code has a customer show a payment code; the scenario decides how its payment ends.
  async code(scenario = '00') {
    const answer = await fetch(`${plan.sandbox}/sandbox/codes`, { method: 'POST', body: JSON.stringify({ wallet: this.wallet, scenario }) });
    if (!answer.ok) throw new Error(`no code: ${answer.status}`);
    return (await answer.json()).code;
  }

  // scan has a customer scan a code that is shown; it gives what he sees.
  async scan(qr, scenario = '00') {
    const answer = await fetch(`${plan.sandbox}/sandbox/pay`, { method: 'POST', body: JSON.stringify({ qr, scenario }) });
    if (!answer.ok) throw new Error(`not scanned: ${answer.status}`);
    return (await answer.json()).seen;
  }

  // moved notes money that a verified answer told of. Several answers may tell of the same.
  moved(kind, outTradeNo, amount, outRefundNo = '') {
    const key = `${kind} ${outTradeNo} ${outRefundNo}`;
    const known = this.money.get(key);
    if (known && known.amount !== amount) throw new Error(`${key}: first ${known.amount} fen, then ${amount}`);
    this.money.set(key, { wallet: this.wallet, kind, out_trade_no: outTradeNo, out_refund_no: outRefundNo, amount });
  }

  // paid is what an answer told of the order's charge, in fen.
  paid(outTradeNo) {
    const charge = this.money.get(`charge ${outTradeNo} `);
    if (!charge) throw new Error(`nobody told that ${outTradeNo} was paid`);
    return charge.amount;
  }

  // tell runs the stories side by side and gives their rows in the stories' order.
  async tell(stories) {
    const told = await Promise.all(stories.map(async (story) => {
      const s = new Story(this);
      try {
        await story(s);
      } catch (err) {
        s.row(story.name, 'the story breaks off', `${err.stack}`, '');
      }
      return s.rows;
    }));
    return { rows: told.flat(), money: [...this.money.values()] };
  }
}

// Story is a sequence of calls, each with what must come of it.
export class Story {
  constructor(shop) {
    this.shop = shop;
    this.rows = [];
  }

  row(call, scenario, got, want, more = {}) {
    this.rows.push({ sdk: this.shop.sdk, call, scenario, got: String(got), want: String(want), ...more });
  }

  // expect makes a call and gives what came of it; tellIt says it in words that are compared with want.
  async expect(call, scenario, want, makeIt, tellIt) {
    let got;
    let answer;
    try {
      answer = await makeIt();
      got = tellIt(answer);
    } catch (err) {
      got = `${err.name}: ${err.code ?? ''} ${err.message}`;
    }
    this.row(call, scenario, got, want);
    return answer;
  }

  // everyByte makes the call again and again, with the liar changing another byte each time until there is none left,
  // and sees each judged as it should be; then once unchanged, which must be accepted. With a stride it is every so manieth.
  async everyByte(call, side, makeIt, judge, accepted, stride = 1) {
    const liar = plan.liar[this.shop.liar];
    const wrong = [];
    const reasons = new Map();
    for (let at = 0; ; at += stride) {
      const aimed = await fetch(`${liar}/aim`, { method: 'POST', body: JSON.stringify({ side, at }) });
      if (!aimed.ok) throw new Error(`the liar does not aim: ${aimed.status}`);
      let answer;
      let error;
      try {
        answer = await makeIt(liar);
      } catch (err) {
        error = err;
      }
      const shot = await (await fetch(`${liar}/shot`)).json();
      if (shot.field === '') {
        if (error || !accepted(answer)) wrong.push(`unchanged: ${error ?? JSON.stringify(answer)}`);
        const refused = `refused: ${[...reasons].map(([reason, n]) => `${n} ${reason}`).join(', ')}`;
        this.row(call, `${at / stride} bytes of the ${side} changed, one at a time`, wrong.length ? wrong.slice(0, 3).join('; ') : refused, refused,
          { side, changes: at / stride });
        return;
      }
      const { ok, reason } = judge({ answer, error, shot });
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      if (!ok) wrong.push(`byte ${at}, in ${shot.field}: ${reason}`);
    }
  }
}

// until asks again until the answer will do, for ten seconds at most; it gives the last answer.
export async function until(ask, done) {
  for (const end = Date.now() + 10_000; ;) {
    const answer = await ask();
    if (done(answer) || Date.now() > end) return answer;
    await rest(400);
  }
}

// told has the sandbox send a notice of an order or of one of its refunds, and gives what it posted. The first
// sending is refused with "no", so that the second must be the same; accept silences it.
export async function told(asked, accept) {
  const heard = [];
  let done;
  const twice = new Promise((resolve) => { done = resolve; });
  const server = createServer((request, answer) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      heard.push(Buffer.concat(parts).toString('utf8'));
      answer.end(heard.length > 1 ? accept : 'no');
      if (heard.length > 1) done();
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const post = async (path, body) => {
    const answer = await fetch(`${plan.sandbox}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  try {
    await post('/sandbox/notices', { pace_ms: 2 });
    await post('/sandbox/notices/send', { ...asked, url: `http://127.0.0.1:${server.address().port}/notify` });
    await Promise.race([twice, rest(20_000).then(() => { throw new Error('no second notice came'); })]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return heard;
}

// changedAll changes the middle character of each value, one at a time (the last one of base64 may say nothing), and counts
// those that are still believed.
export async function changedAll(values, believed) {
  let taken = 0;
  for (const [name, value] of Object.entries(values)) {
    if (value === '') continue;
    const at = value.length >> 1;
    const other = value[at] === '1' ? '2' : '1';
    try {
      if (await believed({ ...values, [name]: value.slice(0, at) + other + value.slice(at + 1) })) taken += 1;
    } catch {
      // a kind of signature that the SDK does not know
    }
  }
  return taken;
}

export { rest };

// say hands everything to the Go side.
export function say({ rows, money = [] }) {
  for (const row of rows) console.log(JSON.stringify({ row }));
  for (const m of money) console.log(JSON.stringify({ money: m }));
}
