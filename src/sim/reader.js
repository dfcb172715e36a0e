// The page of the sandbox's card reader. Builds text nodes only.
'use strict';
const T = {
  zh: {
    title: '沙箱读卡器', play: '不动真钱', tongue: 'English', cards: '卡片', tap: '挥卡', insert: '插卡',
    slot: '卡槽', pull: '拔出卡片', keypad: '密码键盘', pin: '密码', enter: '确认', cancel: '取消',
    hint: '正确密码是 123456；wrong-pin 卡的密码是 654321。', more: '其他动作', words: '例如 fault late', do: '执行',
    done: '已执行：', offline: '沙箱没有应答', port: '串口：',
  },
  en: {
    title: 'Sandbox reader', play: 'no real money', tongue: '中文', cards: 'Cards', tap: 'Tap', insert: 'Insert',
    slot: 'Slot', pull: 'Pull the card', keypad: 'Keypad', pin: 'PIN', enter: 'Enter', cancel: 'Cancel',
    hint: 'The right PIN is 123456; that of the card wrong-pin is 654321.', more: 'Something else', words: 'such as: fault late', do: 'Do it',
    done: 'Done: ', offline: 'The sandbox does not answer', port: 'Port: ',
  },
};
let tongue = new URLSearchParams(location.search).get('lang') === 'en' ? 'en' : 'zh';
let cards = [];
const by = (id) => document.getElementById(id);
const t = (word) => T[tongue][word] || word;

function say(text) { by('told').textContent = text; }
function make(tag, text) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  return node;
}
async function act(words, shown) {
  try {
    const answer = await fetch('/desk/reader', { method: 'POST', body: words });
    say(answer.ok ? t('done') + (shown || words) : await answer.text());
  } catch (error) { say(t('offline')); }
}
function button(word, act) {
  const node = make('button', t(word));
  node.onclick = act;
  return node;
}
function words() {
  document.documentElement.lang = tongue;
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll('[data-hint]')) {
    node.placeholder = t(node.dataset.hint);
    node.setAttribute('aria-label', t(node.dataset.hint));
  }
  by('tongue').textContent = t('tongue');
  by('cards').replaceChildren(...cards.map((card) => {
    const row = make('div'), told = make('div', card.name);
    row.className = 'row';
    told.append(make('br'), make('span', card.masked));
    row.append(told, button('tap', () => act('tap ' + card.name)), button('insert', () => act('insert ' + card.name)));
    return row;
  }));
}
by('tongue').onclick = () => { tongue = tongue === 'zh' ? 'en' : 'zh'; words(); };
by('pull').onclick = () => act('pull');
by('cancel').onclick = () => act('pin cancel');
by('keypad').onsubmit = (event) => {
  event.preventDefault();
  act('pin ' + by('pin').value, 'pin ••••');
  by('pin').value = '';
};
by('other').onsubmit = (event) => {
  event.preventDefault();
  act(by('words').value.trim());
};
async function start() {
  words();
  try {
    const answer = await fetch('/desk/reader');
    if (!answer.ok) { say(await answer.text()); return; }
    const told = await answer.json();
    cards = told.cards;
    say(t('port') + told.port);
  } catch (error) { say(t('offline')); }
  words();
}
start();
