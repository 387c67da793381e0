// The portal: shows the merged document, and sends requests to the gateway that serves this page. Everything that comes
// from a document or an answer becomes text nodes, never markup. Credentials stay in `secrets`: in memory, gone with
// the page.
'use strict';
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const MOST_SHOWN = 512 * 1024;  // characters of an answer
const DEEPEST = 12;             // levels of an example made of a schema
const SECONDS = 120;            // that a request may take
const folder = document.body.dataset.folder;
const at = id => document.getElementById(id);
const secrets = {};
let api = {};
let operations = [];
let running = null;

// ---- making elements
function el(tag, given, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'value') made.value = value;
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat().filter(one => one !== null && one !== undefined && one !== ''));
  return made;
}

// Markdown, as much as descriptions use: paragraphs, headings, lists, fences, `code`, **bold**, *stress*, [links](to).
function inline(text) {
  const out = [];
  const found = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)/g;
  let end = 0;
  for (const match of text.matchAll(found)) {
    out.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[1]) out.push(el('code', {}, match[1]));
    else if (match[2]) out.push(el('strong', {}, match[2]));
    else if (match[3]) out.push(el('em', {}, match[3]));
    else if (/^https?:\/\//i.test(match[5])) out.push(el('a', {href: match[5], rel: 'noopener noreferrer'}, match[4]));
    else out.push(match[4]);
  }
  return [...out, text.slice(end)];
}
function markdown(text) {
  const out = [];
  const lines = String(text || '').split(/\r?\n/);
  for (let i = 0; i < lines.length;) {
    const take = (pattern, change) => {
      const taken = [];
      while (i < lines.length && pattern.test(lines[i])) taken.push(change(lines[i++]));
      return taken;
    };
    if (/^\s*$/.test(lines[i])) { i++; continue; }
    if (/^```/.test(lines[i])) {
      i++;
      out.push(el('pre', {}, take(/^(?!```)/, line => line).join('\n')));
      i++;
    } else if (/^#{1,6}\s/.test(lines[i])) {
      out.push(el('h3', {}, inline(lines[i++].replace(/^#+\s+/, ''))));
    } else if (/^\s*[-*]\s/.test(lines[i])) {
      out.push(el('ul', {}, take(/^\s*[-*]\s/, line => el('li', {}, inline(line.replace(/^\s*[-*]\s+/, ''))))));
    } else if (/^\s*\d+[.)]\s/.test(lines[i])) {
      out.push(el('ol', {}, take(/^\s*\d+[.)]\s/, line => el('li', {}, inline(line.replace(/^\s*\d+[.)]\s+/, ''))))));
    } else {
      const text = [lines[i++], ...take(/^(?!\s*$|```|#{1,6}\s|\s*[-*]\s|\s*\d+[.)]\s)/, line => line)];
      out.push(el('p', {}, inline(text.join('\n'))));
    }
  }
  return out;
}

// ---- the document
function resolve(value) {
  for (let i = 0; i < 32 && value && typeof value === 'object' && typeof value.$ref === 'string'; i++) {
    const {$ref, ...beside} = value;
    let target = api;
    for (const part of $ref.replace(/^#\//, '').split('/')) {
      const key = part.replace(/~1/g, '/').replace(/~0/g, '~');
      target = target && Object.hasOwn(target, key) ? target[key] : undefined;
    }
    value = target && typeof target === 'object' && Object.keys(beside).length ? {...target, ...beside} : target;
  }
  return value;
}
const nameOf = schema => schema && schema.$ref ? schema.$ref.split('/').pop() : '';
const typeOf = schema => [].concat(schema.type || (schema.properties ? 'object' : schema.items ? 'array' : []));

function readOperations() {
  for (const [path, item] of Object.entries(api.paths || {})) {
    for (const method of METHODS) {
      if (!item[method]) continue;
      const operation = item[method];
      const words = [method, path, operation.summary, operation.operationId, ...(operation.tags || [])].join(' ');
      operations.push({path, method, operation, link: `#/${method}${path}`, words: words.toLowerCase()});
    }
  }
}

// ---- the list at the side
function showList() {
  const wanted = at('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = one => wanted.every(word => one.words.includes(word));
  const groups = api['x-tagGroups'] || [];
  const grouped = new Set(groups.flatMap(group => group.tags));
  const rest = (api.tags || []).map(tag => tag.name).filter(name => !grouped.has(name));
  const all = [...groups, ...(rest.length ? [{name: groups.length ? 'Other' : '', tags: rest}] : [])];
  let count = 0;
  const made = [];
  for (const group of all) {
    const parts = [];
    for (const tag of group.tags) {
      const links = operations.filter(one => (one.operation.tags || [])[0] === tag && fits(one));
      count += links.length;
      if (!links.length) continue;
      parts.push(el('h3', {}, tag), el('ul', {}, links.map(one => el('li', {}, el('a', {href: one.link},
        badge(one.method), el('span', {class: one.operation.deprecated ? 'path gone' : 'path'}, one.path),
        el('small', {}, one.operation.summary || ''))))));
    }
    if (parts.length) made.push(group.name ? el('h2', {}, group.name) : '', ...parts);
  }
  at('list').replaceChildren(...made.filter(Boolean));
  at('found').textContent = wanted.length ? `${count} of ${operations.length} operations` : `${count} operations`;
  markCurrent();
}
const badge = method => el('span', {class: `method ${method}`}, method.toUpperCase());
function markCurrent() {
  for (const link of at('list').querySelectorAll('a')) {
    if (link.getAttribute('href') === currentLink()) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}
function currentLink() {
  try { return decodeURIComponent(location.hash); } catch { return location.hash; }
}

// ---- schemas
function constraints(schema) {
  const out = [];
  const say = (key, words) => { if (schema[key] !== undefined) out.push(`${words} ${schema[key]}`); };
  say('format', 'format'); say('minimum', 'at least'); say('maximum', 'at most'); say('exclusiveMinimum', 'above');
  say('exclusiveMaximum', 'below'); say('multipleOf', 'a multiple of'); say('minLength', 'length from');
  say('maxLength', 'length up to'); say('pattern', 'matches'); say('minItems', 'items from'); say('maxItems', 'items up to');
  say('contentEncoding', 'in'); say('contentMediaType', 'holds');
  if (schema.uniqueItems) out.push('no item twice');
  if (schema.enum) out.push('one of ' + schema.enum.map(one => JSON.stringify(one)).join(', '));
  if (schema.const !== undefined) out.push('is ' + JSON.stringify(schema.const));
  if (schema.default !== undefined) out.push('default ' + JSON.stringify(schema.default));
  if (schema.additionalProperties === false) out.push('no other fields');
  if (schema.readOnly) out.push('only in answers');
  if (schema.writeOnly) out.push('only in requests');
  if (schema.deprecated) out.push('deprecated');
  return out.join('; ');
}
// Parts are made when they are opened, so that schemas which contain themselves have an end.
function schemaView(given, name, required, open) {
  const schema = resolve(given);
  if (schema === undefined || schema === null || typeof schema !== 'object')
    return el('div', {}, name || '', ' ', el('span', {class: 'dim'}, schema === false ? 'nothing' : 'anything'));
  const types = typeOf(schema).join(' or ') || (schema.oneOf || schema.anyOf ? 'one of several' : 'anything');
  const inner = resolve(schema.items);
  const title = [name ? el('code', {}, name) : '', name ? ' ' : '', nameOf(given) ? `${nameOf(given)} ` : '',
    el('span', {class: 'dim'}, types + (types === 'array' && inner && typeof inner === 'object'
      ? ` of ${nameOf(schema.items) || typeOf(inner).join(' or ') || 'anything'}` : '')),
    required ? el('strong', {}, ' required') : ''];
  const body = () => {
    const limits = constraints(schema);
    const parts = [...markdown(schema.description), limits ? el('p', {class: 'dim'}, limits) : ''];
    for (const [key, part] of Object.entries(schema.properties || {}))
      parts.push(schemaView(part, key, (schema.required || []).includes(key)));
    if (schema.items !== undefined) parts.push(schemaView(schema.items, 'items'));
    (schema.prefixItems || []).forEach((part, i) => parts.push(schemaView(part, `item ${i + 1}`)));
    if (typeof schema.additionalProperties === 'object') parts.push(schemaView(schema.additionalProperties, 'other fields'));
    for (const [key, part] of Object.entries(schema.patternProperties || {})) parts.push(schemaView(part, `fields like ${key}`));
    for (const [key, words] of [['allOf', 'all of'], ['oneOf', 'exactly one of'], ['anyOf', 'any of']])
      if (schema[key]) parts.push(el('p', {class: 'dim'}, words), ...schema[key].map(part => schemaView(part)));
    if (schema.not !== undefined) parts.push(el('p', {class: 'dim'}, 'but not'), schemaView(schema.not));
    return parts.filter(Boolean);
  };
  const has = ['properties', 'items', 'prefixItems', 'allOf', 'oneOf', 'anyOf', 'patternProperties', 'not'].some(key => schema[key] !== undefined);
  if (!has && typeof schema.additionalProperties !== 'object') return el('div', {}, title, ...body());
  const made = el('details', {}, el('summary', {}, title));
  const fill = () => { if (made.open && made.children.length === 1) made.append(...body()); };
  made.addEventListener('toggle', fill);
  if (open) { made.open = true; fill(); }
  return made;
}
// An example of what a schema takes.
function sample(given, depth = 0) {
  const schema = resolve(given);
  if (!schema || typeof schema !== 'object' || depth > DEEPEST) return null;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.examples) && schema.examples.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const parts = schema.allOf || [];
  if (parts.length) return Object.assign({}, ...parts.map(part => sample(part, depth + 1)), properties(schema, depth));
  const choice = (schema.oneOf || schema.anyOf || [])[0];
  if (choice !== undefined) return sample(choice, depth + 1);
  switch (typeOf(schema)[0]) {
    case 'object': return properties(schema, depth);
    case 'array': return depth > 4 ? [] : [sample(schema.items, depth + 1)];
    case 'integer': case 'number': return schema.minimum ?? 1;
    case 'boolean': return true;
    case 'null': return null;
    case 'string': return {date: '2026-01-31', 'date-time': '2026-01-31T12:00:00Z', email: 'ada@example.org',
      uuid: '00000000-0000-4000-8000-000000000000', uri: 'https://example.org/'}[schema.format] ?? 'text';
    default: return null;
  }
}
function properties(schema, depth) {
  const out = {};
  for (const [key, part] of Object.entries(schema.properties || {})) {
    const inner = resolve(part);
    if (depth > 3 && !(schema.required || []).includes(key)) continue;
    if (inner && inner.readOnly) continue;
    Object.defineProperty(out, key, {value: sample(part, depth + 1), enumerable: true, configurable: true, writable: true});
  }
  return out;
}
function exampleOf(media) {
  if (media.example !== undefined) return media.example;
  const first = resolve(Object.values(media.examples || {})[0]);
  if (first && first.value !== undefined) return first.value;
  return media.schema === undefined ? undefined : sample(media.schema);
}
const asText = value => typeof value === 'string' ? value : JSON.stringify(value, null, 2);

// ---- one operation
function contentView(content) {
  return Object.entries(content || {}).map(([type, media]) => {
    const example = exampleOf(media);
    return el('div', {}, el('p', {}, el('code', {}, type)),
      media.schema === undefined ? '' : schemaView(media.schema, '', false, true),
      example === undefined || example === null ? ''
        : el('details', {}, el('summary', {}, 'Example'), el('pre', {}, asText(example))));
  });
}
function factsView(operation) {
  const facts = operation['x-trunkline'] || {};
  const rows = [];
  const add = (name, ...values) => rows.push(el('dt', {}, name), el('dd', {}, ...values));
  const ways = (operation.security || []).map(one => Object.keys(one).map(schemeWords).join(' and ') || 'nobody in particular');
  add('Who calls', ways.length && ways[0] !== 'nobody in particular' ? ways.join(', or ') : 'open to all');
  const needs = facts.needs || {};
  if (needs.scopes) add('Scopes', needs.scopes.join(' and '));
  if (needs.roles) add('Roles', 'one of ' + needs.roles.join(', '));
  if (needs.plans) add('Plans', 'one of ' + needs.plans.join(', '));
  if (needs.more) add('Also', needs.more);
  const limits = facts.limits || {};
  if (limits.rate) add('Rate limit', limits.rate.join(', '));
  for (const [plan, list] of Object.entries(limits.rate_of_plan || {})) add(`Rate limit of ${plan}`, list.join(', '));
  if (limits.quota) add('Quota', limits.quota.join(', '));
  for (const [plan, list] of Object.entries(limits.quota_of_plan || {})) add(`Quota of ${plan}`, list.join(', '));
  if (limits.at_once) add('At once', limits.at_once.join(', '));
  if (limits.body) add('Largest body', `${limits.body} bytes`);
  if (facts.host) add('Only for host', facts.host);
  if (facts.headers) add('Needs headers', facts.headers.join(', '));
  if (facts.query) add('Needs query keys', facts.query.join(', '));
  if (facts.judged) add('Checked', 'requests that are not as described here get 400');
  return el('dl', {}, rows);
}
const schemeOf = name => ((api.components || {}).securitySchemes || {})[name] || {};
function schemeWords(name) {
  const scheme = schemeOf(name);
  if (scheme.type === 'apiKey' && scheme.in === 'cookie') return 'a browser that has logged in';
  if (scheme.type === 'apiKey') return `an API key in ${scheme.in} ${scheme.name}`;
  if (scheme.type === 'mutualTLS') return 'a client certificate';
  if (scheme.scheme === 'basic') return 'a name and a password';
  if (scheme.scheme === 'bearer' && scheme.bearerFormat) return 'a bearer token (JWT)';
  return scheme.scheme === 'signature' ? 'a signed request' : `a key as Authorization: ${scheme.scheme || name}`;
}
function parametersView(list) {
  if (!list.length) return '';
  const row = one => el('tr', {}, el('td', {}, el('code', {}, one.name), one.required ? el('strong', {}, ' required') : '',
    one.deprecated ? ' deprecated' : ''), el('td', {}, one.in),
    el('td', {}, schemaView(one.schema ?? (Object.values(one.content || {})[0] || {}).schema), ...markdown(one.description)));
  return el('section', {}, el('h2', {}, 'Parameters'), el('div', {class: 'scroll'}, el('table', {}, el('thead', {}, el('tr', {},
    ['Name', 'In', 'What'].map(name => el('th', {scope: 'col'}, name)))), el('tbody', {}, list.map(row)))));
}
function responsesView(responses) {
  return Object.entries(responses || {}).map(([status, given]) => {
    const response = resolve(given) || {};
    const headers = Object.entries(response.headers || {}).map(([name, header]) =>
      el('li', {}, el('code', {}, name), ' ', ...markdown((resolve(header) || {}).description)));
    return el('div', {}, el('h3', {}, status), ...markdown(response.description),
      headers.length ? el('div', {}, el('p', {class: 'dim'}, 'Headers'), el('ul', {}, headers)) : '', contentView(response.content));
  });
}
function showOperation(one) {
  const {operation, method, path} = one;
  const body = resolve(operation.requestBody);
  const parts = [el('h1', {}, badge(method), el('span', {class: operation.deprecated ? 'path gone' : 'path'}, path)),
    operation.summary ? el('p', {}, el('strong', {}, operation.summary)) : '',
    operation.deprecated ? el('p', {class: 'bad'}, 'Deprecated.') : '', ...markdown(operation.description),
    el('section', {}, el('h2', {}, 'At the gateway'), factsView(operation)), parametersView(operation.parameters || []),
    body ? el('section', {}, el('h2', {}, body.required ? 'Body, required' : 'Body'), ...markdown(body.description), contentView(body.content)) : '',
    operation.responses ? el('section', {}, el('h2', {}, 'Answers'), responsesView(operation.responses)) : '', tryView(one)];
  at('main').replaceChildren(...parts.filter(Boolean));
  document.title = `${method.toUpperCase()} ${path} - ${api.info.title}`;
}
function showHome() {
  const groups = (api.tags || []).map(tag => el('section', {}, el('h2', {}, tag.name), ...markdown(tag.description)));
  at('main').replaceChildren(el('h1', {}, api.info.title), el('p', {class: 'dim'}, `Version ${api.info.version}. ${operations.length} operations.`),
    ...markdown(api.info.description), el('p', {}, 'The document: ', el('a', {href: `${folder}/openapi.json`}, 'openapi.json'), ', ',
      el('a', {href: `${folder}/openapi.yaml`}, 'openapi.yaml'), '.'), ...groups,
    ...((api['x-trunkline'] || {}).notes || []).map(note => el('p', {class: 'dim'}, `Note: ${note}`)));
  document.title = api.info.title;
}
function show(event) {
  cancelRun();
  const one = operations.find(known => known.link === currentLink());
  if (one) showOperation(one); else showHome();
  markCurrent();
  if (!event) return;
  closeMenu();
  at('main').focus({preventScroll: true});
  window.scrollTo(0, 0);
}
