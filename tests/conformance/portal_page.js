// The portal's page in jsdom, with its own script and the real gateway behind fetch: what somebody sees and does there.
// Arguments: the gateway's URL, an API key. Prints one JSON document.
'use strict';
const {JSDOM, VirtualConsole} = require('jsdom');
const [, , gateway, key] = process.argv;

const errors = [];
const asked = [];

async function until(condition, what) {
  for (let i = 0; i < 500; i++) {
    const value = condition();
    if (value) return value;
    await new Promise(done => setTimeout(done, 10));
  }
  throw new Error(`waited in vain for ${what}`);
}

async function main() {
  const console_ = new VirtualConsole();
  console_.on('jsdomError', error => errors.push(String(error.detail || error.message)));
  console_.on('error', error => errors.push(String(error)));
  const html = await (await fetch(`${gateway}/docs`)).text();
  const dom = new JSDOM(html, {url: `${gateway}/docs`, runScripts: 'dangerously', pretendToBeVisual: true, virtualConsole: console_,
    beforeParse(window) {
      window.TextDecoder = TextDecoder;
      window.TextEncoder = TextEncoder;
      window.scrollTo = () => {};
      window.fetch = (to, {signal, ...options} = {}) => {
        asked.push(new URL(to, window.location.href).href);
        return fetch(new URL(to, window.location.href), options);
      };
    }});
  const {window} = dom;
  const {document} = window;
  const at = id => document.getElementById(id);
  const event = name => new window.Event(name, {bubbles: true, cancelable: true});
  const type = (input, value) => { input.value = value; input.dispatchEvent(event('input')); };
  const links = () => [...at('list').querySelectorAll('a')];
  const texts = found => [...found].map(one => one.textContent);
  const open = async link => {
    window.location.hash = link;
    await until(() => texts(at('list').querySelectorAll('[aria-current]')).length === 1 &&
      document.querySelector('main h1 .path') && link.endsWith(document.querySelector('main h1 .path').textContent) &&
      link.startsWith(`#/${document.querySelector('main h1 .method').textContent.toLowerCase()}/`), link);
  };
  const inputOf = words => {
    const label = [...document.querySelectorAll('label')].find(one => one.textContent.startsWith(words));
    return label && at(label.htmlFor);
  };
  const send = async () => {
    document.querySelector('form').dispatchEvent(event('submit'));
    const result = document.querySelector('form ~ [role=status]');
    const mine = await until(() => result.querySelector('h3, .bad') && result, 'an answer');
    await until(() => /\d ms$/.test(mine.querySelector('h3').textContent) && !/head after/.test(mine.querySelector('h3').textContent), 'the end of it');
    return {status: mine.querySelector('h3').textContent, body: mine.querySelector('[aria-label="Body of the answer"]').textContent,
      trace: (mine.querySelector('p code') || {}).textContent, curl: document.querySelector('[aria-label="The same with curl"]').textContent};
  };

  await until(() => links().length, 'the list');
  const out = {title: document.title, groups: texts(at('list').querySelectorAll('h2, h3')), links: texts(links()), home: at('main').textContent,
    markup: document.querySelectorAll('main img, main script, main iframe').length, hrefs: [...document.querySelectorAll('main a')].map(a => a.getAttribute('href'))};

  type(at('search'), 'orders post');
  out.searched = texts(links());
  out.found = at('found').textContent;
  type(at('search'), '');

  await open('#/get/v1/orders/{id}');
  out.operation = at('main').textContent;
  out.markup += document.querySelectorAll('main img, main script, main iframe').length;
  out.focus = document.activeElement.id;
  type(inputOf('id (path'), '7/7');
  type(inputOf('tags (query'), 'a, b&c');
  type(inputOf('More headers'), "X-More: it's");
  out.get = await send();

  await open('#/post/v1/orders');
  out.example = JSON.parse(inputOf('Body').value);
  type(inputOf('Body'), '{"customer": "ada@example.org", "items": [{"sku": "cup"}]}');
  out.post = await send();
  type(inputOf('Body'), '{"customer": 5}');
  out.refused = await send();

  await open('#/get/key/{rest}');
  type(inputOf('rest'), 'a b/c');
  out.without = await send();
  at('keys').click();
  out.credentials = texts(at('credentials').querySelectorAll('label'));
  type(inputOf('key_'), key);
  out.with = await send();
  out.labelled = [...document.querySelectorAll('input, select, textarea')].every(one => one.labels && one.labels.length);
  out.stored = [window.localStorage.length, window.sessionStorage.length, document.cookie];

  at('theme').click();
  out.theme = document.documentElement.dataset.theme;
  at('menu').click();
  out.menu = [at('menu').getAttribute('aria-expanded'), at('side').className];
  out.asked = asked;
  out.errors = errors;
  console.log(JSON.stringify(out));
  window.close();
}
main().catch(error => { console.error(error, errors); process.exit(1); });
