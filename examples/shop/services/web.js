'use strict';
// A small HTTP/1.1 server for the shop's Node services, on the standard library only.
//
// Routes, JSON in and out, problem replies (RFC 9457), one log line a request, and an exact stop:
// on SIGTERM no new connection is taken, idle ones are closed at once, requests in flight are
// answered with `Connection: close`, then the process exits with 0. It knows nothing of Trunkline:
// PORT, HOST, SERVICE and INSTANCE come in the environment.

const http = require('node:http');

const MAX_BODY = 64 * 1024;
const MAX_DISCARD = 1024 * 1024;
const MAX_CONNECTIONS = 512;

// A reply that says what is wrong: `code` for programs, `detail` for people.
class Problem extends Error {
  constructor(status, code, detail, more = {}) {
    super(detail);
    Object.assign(this, { status, code, detail, more });
  }

  body() {
    const { status, code, detail, more } = this;
    return { type: 'about:blank', title: http.STATUS_CODES[status], status, code, detail, ...more };
  }
}

class Service {
  constructor(name) {
    this.name = process.env.SERVICE || name;
    this.instance = process.env.INSTANCE || `${name}-1`;
    this.routes = [];
    this.stopping = false;
    this.idle = new Set(); // connections without a request on them
  }

  // `{name}` in the pattern is one path segment. A handler gets {params, query, headers, body} and gives
  // {status, body}, or throws a Problem.
  route(method, pattern, handler) {
    const regex = new RegExp('^' + pattern.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)') + '$');
    this.routes.push({ method, regex, handler });
  }

  // Serves until SIGTERM; then `close` is awaited and the process ends with 0.
  run(healthy, close) {
    this.route('GET', '/healthz', async () => {
      await healthy();
      return { status: 200, body: { status: 'ok', service: this.name, instance: this.instance } };
    });
    const port = Number(process.env.PORT);
    const host = process.env.HOST || '127.0.0.1';
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      fail(`${this.name}: set PORT to the port to listen on, for example PORT=9001.`);
    }
    const server = http.createServer((request, response) => this.serve(request, response));
    server.maxConnections = MAX_CONNECTIONS;
    server.keepAliveTimeout = 75000; // longer than a proxy in front keeps its idle connections
    server.headersTimeout = 10000;
    server.requestTimeout = 10000;
    server.on('connection', (socket) => this.isIdle(socket));
    server.on('error', (error) => fail(`${this.name}: cannot listen on ${host}:${port}: ${error.code}.`));
    server.on('clientError', (error, socket) => refuseUnparsed(socket));
    server.listen(port, host, 256, () => console.log(`${this.name} (${this.instance}) listens on ${host}:${port}`));
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => this.stop(server, close));
  }

  stop(server, close) {
    if (this.stopping) return;
    this.stopping = true;
    server.close(async () => {
      await close();
      console.log(`${this.name} (${this.instance}) stopped`);
      process.exit(0);
    });
    for (const socket of this.idle) socket.destroy();
  }

  isIdle(socket) {
    this.idle.add(socket);
    socket.once('close', () => this.idle.delete(socket));
  }

  async serve(request, response) {
    const socket = request.socket; // a request forgets it when it is closed
    this.idle.delete(socket);
    response.once('close', () => socket.destroyed || this.idle.add(socket));
    const started = process.hrtime.bigint();
    const [status, type, body] = await this.answer(request);
    const bytes = Buffer.from(JSON.stringify(body) + '\n');
    response.statusCode = status;
    response.setHeader('Content-Type', type);
    response.setHeader('Content-Length', bytes.length);
    // Also after a body that was not read to its end: what follows cannot be told from a request.
    if (this.stopping || !request.complete) response.setHeader('Connection', 'close');
    response.end(request.method === 'HEAD' ? undefined : bytes);
    // Probes come every second for ever: only those that fail are worth a line.
    if (request.url === '/healthz' && status === 200) return;
    const took = (Number(process.hrtime.bigint() - started) / 1e6).toFixed(1);
    console.log(`${request.method} ${request.url} ${status} ${took}ms trace=${request.headers.traceparent || '-'}`);
  }

  // One request to [status, content type, body]; never throws.
  async answer(request) {
    try {
      const reply = await this.dispatch(request);
      return [reply.status, 'application/json', reply.body];
    } catch (error) {
      let problem = error;
      if (!(error instanceof Problem)) {
        console.log(`error ${request.method} ${request.url}: ${error.message}`);
        problem = new Problem(500, 'internal_error', `The ${this.name} service failed; see its log.`);
      }
      return [problem.status, 'application/problem+json', problem.body()];
    }
  }

  async dispatch(request) {
    let url;
    try {
      url = new URL(request.url, 'http://localhost');
    } catch {
      throw new Problem(400, 'bad_request', 'The request target is not a path.');
    }
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const matching = this.routes.filter((route) => route.regex.test(url.pathname));
    const found = matching.find((route) => route.method === method);
    if (!found && matching.length > 0) {
      const allowed = matching.map((route) => route.method).join(', ');
      throw new Problem(405, 'method_not_allowed', `${url.pathname} answers ${allowed}.`);
    }
    if (!found) throw new Problem(404, 'not_found', `The ${this.name} service has no ${url.pathname}.`);
    const body = await readJson(request);
    return found.handler({ params: found.regex.exec(url.pathname).groups || {}, query: url.searchParams, headers: request.headers, body });
  }
}

// The body as an object, {} when there is none.
async function readJson(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > MAX_DISCARD) break;
    if (size <= MAX_BODY) pieces.push(piece);
  }
  // Told after what came was read: closing on unread bytes would reset the connection, answer and all.
  if (size > MAX_BODY) throw new Problem(413, 'body_too_large', `A body may have ${MAX_BODY} bytes.`);
  if (size === 0) return {};
  let value;
  try {
    value = JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch (error) {
    throw new Problem(400, 'bad_json', `The body is not JSON: ${error.message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Problem(400, 'bad_json', 'The body must be a JSON object.');
  }
  return value;
}

// A field that must be a text, or 422 that names it.
function text(source, name, longest = 500) {
  const value = source[name];
  if (typeof value !== 'string' || value.trim() === '' || value.length > longest) {
    throw new Problem(422, 'invalid_field', `'${name}' must be a text of 1 to ${longest} characters.`, { field: name });
  }
  return value;
}

function refuseUnparsed(socket) {
  if (!socket.writable) return;
  const body = JSON.stringify(new Problem(400, 'bad_request', 'This is not an HTTP request.').body());
  socket.end(`HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}` +
    `\r\nConnection: close\r\n\r\n${body}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

module.exports = { Problem, Service, text, fail };
