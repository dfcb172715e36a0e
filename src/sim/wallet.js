// The wallet page. Builds text nodes and pictures only: nothing that a till sent can become markup.
'use strict';
const T = {
  zh: {
    title: '沙箱钱包', play: '不动真钱', tongue: 'English', reader: '读卡器', empty: '选择钱包，点下面的按钮出示付款码',
    show: '把手机对准收银台', bills: '账单', none: '还没有账单', password: '请输入支付密码',
    hint: '任意六位数字都正确，000000 是错误密码。不输入的话，约 12 秒后自动决定。', later: '先不输入',
    digits: '查看数字', away: '拿开手机', front: '秒内在镜头前', gone: '手机已拿开', price: '订单金额',
    charged: '实扣', returned: '退回', right: '支付成功', wrong: '密码错误，未扣款', offline: '沙箱没有应答',
    scan: '扫一扫', paste: '粘贴收款码内容', pay: '付款', amount: '金额（元）', static: '付给固定码',
    open: '等待扫码的订单，点一下就付款', nothing: '现在没有等待扫码的订单', any: '任意钱包', looked: '订单状态：', unnamed: '商品',
    bad: '请输入金额，例如 12.80',
    alipay: '支付宝', wechat: '微信支付', unionpay: '云闪付',
    ALIPAY: '支付宝', WECHAT: '微信支付', UQRCODEPAY: '云闪付', DCPAY: '数字人民币', BESTPAY: '翼支付', SUNING: '苏宁支付',
    CREATE: '等待扫码', DEAL: '等待支付', SUCCESS: '已支付', FAIL: '未支付', CLOSE: '已关闭', REFUND: '已退回', PART_REFUND: '部分退回',
  },
  en: {
    title: 'Sandbox wallet', play: 'no real money', tongue: '中文', reader: 'Card reader', empty: 'Choose a wallet, then show its payment code',
    show: 'Hold the phone to the till', bills: 'Payments', none: 'No payments yet', password: 'Enter your payment password',
    hint: 'Any six digits are right; 000000 is wrong. If you type nothing, it is decided after about 12 seconds.', later: 'Not now',
    digits: 'Show digits', away: 'Put it away', front: 's in front of the camera', gone: 'The phone was taken away', price: 'Price',
    charged: 'charged', returned: 'returned', right: 'Paid', wrong: 'Wrong password, nothing charged', offline: 'The sandbox does not answer',
    scan: 'Scan', paste: 'Paste what the code says', pay: 'Pay', amount: 'Yuan', static: 'Printed code',
    open: 'Orders that wait for a scan; tap one to pay it', nothing: 'No order waits for a scan now', any: 'any wallet', looked: 'The order is: ', unnamed: 'Goods',
    bad: 'Enter an amount such as 12.80',
    alipay: 'Alipay', wechat: 'WeChat Pay', unionpay: 'UnionPay',
    ALIPAY: 'Alipay', WECHAT: 'WeChat Pay', UQRCODEPAY: 'UnionPay', DCPAY: 'e-CNY', BESTPAY: 'BestPay', SUNING: 'Suning Pay',
    CREATE: 'Waits for a scan', DEAL: 'Waiting', SUCCESS: 'Paid', FAIL: 'Not paid', CLOSE: 'Closed', REFUND: 'Returned', PART_REFUND: 'Partly returned',
  },
};
const MOOD = { SUCCESS: 'ok', FAIL: 'bad', CLOSE: 'bad', REFUND: 'back', PART_REFUND: 'back' };
const OPENS = { ALIPAY: 'alipay', UQRCODEPAY: 'unionpay' };
let tongue = new URLSearchParams(location.search).get('lang') === 'en' ? 'en' : 'zh';
let kind = 'alipay', typed = '', asking = null, shown = null, timer = 0, bills = [], codes = { open: [] };
const put_off = new Set();
const by = (id) => document.getElementById(id);
const t = (word) => T[tongue][word] || word;
const yuan = (fen) => '¥' + (fen / 100).toFixed(2);

function make(tag, text, kindOf) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (kindOf) node.className = kindOf;
  return node;
}
function button(text, act, kindOf) {
  const node = make('button', text, kindOf);
  node.onclick = act;
  return node;
}
function picture(svg, kindOf, alt) {
  const node = make('img', undefined, kindOf);
  node.src = 'data:image/svg+xml,' + encodeURIComponent(svg);
  node.alt = alt;
  return node;
}
async function post(path, body) {
  const answer = await fetch(path, { method: 'POST', body });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}
// A passing word at the bottom; the newest stands.
let passing = 0;
function say(text) {
  by('told').textContent = text;
  by('told').hidden = !text;
  clearTimeout(passing);
  passing = setTimeout(() => { by('told').hidden = true; }, 5000);
}

function words() {
  document.documentElement.lang = tongue;
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll('[data-hint]')) {
    node.placeholder = t(node.dataset.hint);
    node.setAttribute('aria-label', t(node.dataset.hint));
  }
  by('tongue').textContent = t('tongue');
  document.body.dataset.wallet = kind;
  by('kinds').replaceChildren(...['alipay', 'wechat', 'unionpay'].map((name) => {
    const node = button(t(name), () => { kind = name; shown = null; words(); });
    node.setAttribute('aria-pressed', name === kind);
    return node;
  }));
  phone();
  scannable();
  list();
}
function scannable() {
  const rows = codes.open.map((order) => {
    // The code of one wallet is scanned with that wallet.
    const node = button(undefined, () => { kind = OPENS[order.wallet] || kind; words(); scan(order.code); }, 'tap');
    const told = make('div', order.subject || t('unnamed'));
    told.append(make('br'), make('span', (order.wallet ? t(order.wallet) : t('any')) + ' · …' + order.order.slice(-8)));
    node.append(told, make('b', yuan(order.price)));
    return node;
  });
  by('codes').replaceChildren(make('p', t(rows.length ? 'open' : 'nothing'), 'soft'), ...rows);
}
async function scan(code, fen) {
  const asked = new URLSearchParams({ code, wallet: kind });
  if (fen) asked.set('amount', fen);
  try {
    const told = await post('/scan?' + asked);
    say(t('looked') + t(told.state) + ' ' + yuan(told.price));
    by('text').value = by('amount').value = '';
  } catch (error) { say(error.message); }
  refresh();
}
by('paste').onsubmit = (event) => {
  event.preventDefault();
  scan(by('text').value.trim());
};
by('static').onclick = () => {
  const typedIn = by('amount').value.trim();
  if (!/^[0-9]{1,6}([.][0-9]{1,2})?$/.test(typedIn)) { say(t('bad')); return; }
  const [whole, part = ''] = typedIn.split('.');
  scan(codes.static, whole * 100 + Number(part.padEnd(2, '0')));
};
function phone() {
  if (!shown) {
    by('code').replaceChildren(make('p', t('empty'), 'soft'));
    return;
  }
  const digits = make('p', '···· ' + shown.code_tail, 'digits'), left = make('p', '', 'soft');
  left.id = 'left';
  const row = make('div', undefined, 'row');
  row.append(
    button(t('digits'), () => { digits.textContent = shown.code.replace(/(.{4})/g, '$1 '); }, 'small'),
    button(t('away'), away, 'small'));
  by('code').replaceChildren(
    picture(shown.bars, 'bars', 'Code 128'), picture(shown.svg, 'square', 'QR'), digits, left, row);
}
async function away() {
  clearInterval(timer);
  shown = null;
  phone();
  try { await post('/hide'); say(t('gone')); } catch (error) { say(error.message); }
}
by('show').onclick = async () => {
  try { shown = await post('/show?wallet=' + kind); } catch (error) { say(error.message); return; }
  phone();
  let left = shown.seconds;
  clearInterval(timer);
  const tick = () => {
    if (by('left')) by('left').textContent = left > 0 ? left + ' ' + t('front') : t('gone');
    if (left-- <= 0) clearInterval(timer);
  };
  tick();
  timer = setInterval(tick, 1000);
};
by('tongue').onclick = () => { tongue = tongue === 'zh' ? 'en' : 'zh'; words(); };

function list() {
  if (!bills.length) {
    by('bills').replaceChildren(make('p', t('none'), 'soft'));
    return;
  }
  by('bills').replaceChildren(...bills.map((bill) => {
    const node = make('div', undefined, 'bill');
    const top = make('div', undefined, 'top'), under = make('div', undefined, 'under'), more = make('div', undefined, 'under');
    top.append(make('b', yuan(bill.price)), make('span', t(bill.state), 'pill ' + (MOOD[bill.state] || 'wait')));
    under.append(make('span', t(bill.wallet)), make('span', t('charged') + ' ' + yuan(bill.charged) + ' · ' + t('returned') + ' ' + yuan(bill.returned)));
    more.append(make('span', '…' + bill.order.slice(-8)), make('span', bill.time.replace(/^(....)(..)(..)(..)(..)(..)$/, '$1-$2-$3 $4:$5:$6')));
    node.append(top, under, more);
    if (bill.asks_password) node.append(button(t('password'), () => ask(bill), 'small'));
    return node;
  }));
}
function ask(bill) {
  asking = bill;
  typed = '';
  by('ask').hidden = !bill;
  if (!bill) return;
  by('told').hidden = true;
  by('price').textContent = yuan(bill.price);
  dots();
  by('keys').firstChild.focus();
}
function dots() {
  by('dots').replaceChildren(...[0, 1, 2, 3, 4, 5].map((at) => make('span', at < typed.length ? '●' : '')));
}
async function key(digit) {
  typed = digit === '⌫' ? typed.slice(0, -1) : (typed + digit).slice(0, 6);
  dots();
  if (typed.length < 6 || !asking) return;
  const order = asking.order, body = new URLSearchParams({ password: typed });
  put_off.add(order);
  ask(null);
  try {
    const told = await post('/password?order=' + encodeURIComponent(order), body);
    say(told.state === 'SUCCESS' ? t('right') : t('wrong'));
  } catch (error) { say(error.message); }
  refresh();
}
by('keys').replaceChildren(...['1', '2', '3', '4', '5', '6', '7', '8', '9', '', '0', '⌫'].map((label) => {
  const node = label ? button(label, () => key(label)) : make('span');
  return node;
}));
by('later').onclick = () => { if (asking) put_off.add(asking.order); ask(null); };
document.addEventListener('keydown', (event) => {
  if (by('ask').hidden) return;
  if (/^[0-9]$/.test(event.key)) key(event.key);
  if (event.key === 'Backspace') key('⌫');
  if (event.key === 'Escape') by('later').click();
});

async function refresh() {
  try {
    const told = await (await fetch('/orders')).json();
    const seen = await (await fetch('/codes')).json();
    if (JSON.stringify(seen) !== JSON.stringify(codes)) { codes = seen; scannable(); }
    const changed = JSON.stringify(told) !== JSON.stringify(bills);
    bills = told;
    if (changed) list();
    if (asking && !bills.some((bill) => bill.order === asking.order && bill.asks_password)) ask(null);
    const next = bills.find((bill) => bill.asks_password && !put_off.has(bill.order));
    if (next && !asking) ask(next);
  } catch (error) { say(t('offline')); }
}
async function watch() {
  await refresh();
  setTimeout(watch, 700);
}
words();
watch();
