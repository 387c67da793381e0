// The second half of the page's script, one with page.js: requests, credentials, and the start.
'use strict';

// ---- trying it
let count = 0;
function field(words, input, hint) {
  input.id = `field-${++count}`;
  return el('div', {class: 'field'}, el('label', {for: input.id}, words), input, hint ? el('small', {class: 'dim'}, hint) : '');
}
function inputOf(parameter) {
  const schema = resolve(parameter.schema) || {};
  const example = parameter.example ?? (resolve(Object.values(parameter.examples || {})[0]) || {}).value ?? (schema.examples || [])[0];
  const value = example !== undefined ? asText(example) : parameter.required ? asText(schema.default ?? '') : '';
  if (!Array.isArray(schema.enum)) return el('input', {value, autocomplete: 'off', spellcheck: 'false', required: parameter.required});
  const made = el('select', {}, ['', ...schema.enum.map(asText)].map(one => el('option', {value: one}, one)));
  made.value = value;
  return made;
}
function tryView(one) {
  const {operation, method} = one;
  const parameters = (operation.parameters || []).filter(parameter => parameter.in !== 'cookie').map(parameter => ({parameter, input: inputOf(parameter)}));
  const body = resolve(operation.requestBody);
  const types = Object.keys((body || {}).content || {});
  const type = el('select', {}, types.map(name => el('option', {value: name}, name)));
  const text = el('textarea', {rows: 8, spellcheck: 'false'});
  const fill = () => { const value = exampleOf(body.content[type.value] || {}); text.value = value === undefined ? '' : asText(value); };
  if (types.length) { fill(); type.addEventListener('change', fill); }
  const free = !body && ['post', 'put', 'patch'].includes(method);
  const headers = el('textarea', {rows: 2, spellcheck: 'false', placeholder: 'Name: value'});
  const result = el('div', {role: 'status', 'aria-live': 'polite'});
  const given = () => build(one, parameters, headers.value, types.length ? type.value : free && text.value ? 'application/json' : '', body || free ? text.value : '');
  const curl = el('pre', {'aria-label': 'The same with curl'});
  const tell = () => { try { curl.textContent = curlOf(given()); } catch (error) { curl.textContent = error.message; } };
  const cancel = el('button', {type: 'button', hidden: true, onclick: cancelRun}, 'Cancel');
  const form = el('form', {class: 'try', oninput: tell, onchange: tell, onsubmit: event => { event.preventDefault(); tell(); send(given, result, cancel); }},
    parameters.map(({parameter, input}) => field(`${parameter.name} (${parameter.in}${parameter.required ? ', required' : ''})`, input,
      typeOf(resolve(parameter.schema) || {}).includes('array') ? 'several values with commas between them' : '')),
    types.length ? field('Content type', type) : '', body || free ? field('Body', text) : '', field('More headers, one a line', headers),
    el('div', {class: 'row'}, el('button', {type: 'submit', class: 'main'}, 'Send'), cancel,
      el('span', {class: 'dim'}, 'Real requests, with real effects. Credentials: above.')));
  tell();
  tellCurl = tell;
  return el('section', {}, el('h2', {}, 'Try it'), form, el('h3', {}, 'curl'), curl, result);
}
let tellCurl = () => {};

function build(one, parameters, more, type, body) {
  let path = one.path;
  const query = [];
  const headers = [];
  const described = (one.operation['x-trunkline'] || {}).described;
  for (const {parameter, input} of parameters) {
    const value = input.value;
    if (parameter.in === 'path') {
      const deep = !described && parameter.name === 'rest';
      const coded = deep ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value);
      path = deep && !value ? path.replace('/{rest}', '') || '/' : path.replace(`{${parameter.name}}`, () => coded);
      continue;
    }
    if (value === '') continue;
    const many = typeOf(resolve(parameter.schema) || {}).includes('array');
    if (parameter.in === 'header') headers.push([parameter.name, value]);
    else if (many && parameter.explode !== false) value.split(',').forEach(each => query.push([parameter.name, each.trim()]));
    else query.push([parameter.name, value]);
  }
  if (type) headers.push(['Content-Type', type]);
  for (const line of more.split('\n')) {
    if (!line.trim()) continue;
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`"${line.trim()}" is no header; write Name: value`);
    headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  // The first way for which there is a credential.
  const way = (one.operation.security || []).map(each => Object.keys(each)[0]).find(name => name && secrets[name]);
  if (way) {
    const scheme = schemeOf(way);
    if (scheme.type === 'apiKey' && scheme.in === 'query') query.push([scheme.name, secrets[way]]);
    else if (scheme.type === 'apiKey' && scheme.in === 'header') headers.push([scheme.name, secrets[way]]);
    else if (scheme.scheme === 'basic') headers.push(['Authorization', `Basic ${base64(secrets[way])}`]);
    else if (scheme.type === 'http') headers.push(['Authorization', `${scheme.scheme === 'bearer' ? 'Bearer' : scheme.scheme} ${secrets[way]}`]);
  }
  const pairs = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  return {method: one.method.toUpperCase(), url: location.origin + path + (pairs ? `?${pairs}` : ''), headers, body};
}
const base64 = text => btoa(Array.from(new TextEncoder().encode(text), byte => String.fromCharCode(byte)).join(''));
const quoted = text => `'${text.replace(/'/g, `'\\''`)}'`;
function curlOf({method, url, headers, body}) {
  const words = ['curl', '-i'];
  if (method === 'HEAD') words.push('-I'); else if (method !== 'GET') words.push('-X', method);
  words.push(quoted(url));
  for (const [name, value] of headers) words.push('-H', quoted(`${name}: ${value}`));
  if (body) words.push('--data-binary', quoted(body));
  return words.join(' ');
}
function cancelRun() { if (running) running.abort(); running = null; }
async function send(given, result, cancel) {
  cancelRun();
  const mine = running = new AbortController();
  const timer = setTimeout(() => mine.abort(), SECONDS * 1000);
  const began = performance.now();
  cancel.hidden = false;
  result.replaceChildren(el('p', {}, 'Sending.'));
  try {
    const request = given();
    const options = {method: request.method, headers: request.headers, signal: mine.signal, redirect: 'manual', cache: 'no-store', credentials: 'same-origin'};
    if (request.body && !['GET', 'HEAD'].includes(request.method)) options.body = request.body;
    const answer = await fetch(request.url, options);
    const text = el('pre', {'aria-label': 'Body of the answer', tabindex: '0'});
    const took = el('span', {class: 'dim'}, `head after ${Math.round(performance.now() - began)} ms`);
    const trace = answer.headers.get('x-trace-id');
    result.replaceChildren(...[el('h3', {}, el('span', {class: answer.status < 400 ? 'good' : 'bad'}, answer.type === 'opaqueredirect'
      ? 'A redirect' : `${answer.status} ${answer.statusText}`), ' ', took),
      trace ? el('p', {}, 'Trace ', el('code', {}, trace), ': ', el('code', {}, `trunkline why ${trace}`)) : '',
      el('details', {}, el('summary', {}, 'Headers'), el('pre', {}, [...answer.headers].map(pair => pair.join(': ')).join('\n'))), text].filter(Boolean));
    await readBody(answer, text);
    took.textContent = `${Math.round(performance.now() - began)} ms`;
  } catch (error) {
    const why = mine.signal.aborted ? 'Cancelled.' : `It could not be sent: ${error.message}`;
    result.append(el('p', {class: 'bad'}, why));
  } finally {
    clearTimeout(timer);
    cancel.hidden = true;
    if (running === mine) running = null;
  }
}
// As it comes, so that streams of events can be watched.
async function readBody(answer, into) {
  if (!answer.body) return;
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const {done, value} = await reader.read();
    text += done ? decoder.decode() : decoder.decode(value, {stream: true});
    into.textContent = text.slice(0, MOST_SHOWN);
    if (text.length > MOST_SHOWN) { into.append('\nand more, which is not shown'); reader.cancel(); return; }
    if (done) break;
  }
  if (!/json/.test(answer.headers.get('content-type') || '')) return;
  try { into.textContent = JSON.stringify(JSON.parse(text), null, 2); } catch { /* it stays as it came */ }
}

// ---- credentials, theme, menu
function showCredentials() {
  const schemes = Object.entries((api.components || {}).securitySchemes || {}).filter(([, scheme]) =>
    scheme.type === 'apiKey' ? scheme.in !== 'cookie' : scheme.type === 'http' && scheme.scheme !== 'signature');
  at('credentials').replaceChildren(schemes.length ? el('p', {class: 'dim'}, 'Kept in the memory of this page alone; gone when it is closed or loaded anew.')
    : el('p', {}, 'No operation asks for a credential that can be given here.'), ...schemes.map(([name, scheme]) =>
    field(`${name}: ${schemeWords(name)}`, el('input', {type: 'password', autocomplete: 'off', oninput: event => { secrets[name] = event.target.value; tellCurl(); }}),
      scheme.scheme === 'basic' ? 'name:password' : '')));
}
at('keys').addEventListener('click', () => {
  at('credentials').hidden = !at('credentials').hidden;
  at('keys').setAttribute('aria-expanded', String(!at('credentials').hidden));
  const first = at('credentials').querySelector('input');
  if (!at('credentials').hidden && first) first.focus();
});
function closeMenu() { at('side').classList.remove('open'); at('menu').setAttribute('aria-expanded', 'false'); }
at('menu').addEventListener('click', () => at('menu').setAttribute('aria-expanded', String(at('side').classList.toggle('open'))));
const THEMES = ['system', 'light', 'dark'];
at('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme || 'system') + 1) % THEMES.length];
  if (next === 'system') delete root.dataset.theme; else root.dataset.theme = next;
  at('theme').textContent = `Theme: ${next}`;
});
document.addEventListener('keydown', event => {
  if (event.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName || '')) return;
  event.preventDefault();
  at('side').classList.add('open');
  at('search').focus();
});
at('search').addEventListener('input', showList);
window.addEventListener('hashchange', show);

// A key in the page's own query opens the document, too.
fetch(`${folder}/openapi.json${location.search}`, {credentials: 'same-origin'}).then(answer => {
  if (!answer.ok) throw new Error(`it answers ${answer.status}`);
  return answer.json();
}).then(read => {
  api = read;
  readOperations();
  showCredentials();
  showList();
  show();
}).catch(error => at('main').replaceChildren(el('p', {class: 'bad', role: 'alert'}, `The document cannot be read: ${error.message}.`)));
