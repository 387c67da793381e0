// A client for test_http2, by Node's own http2: `node http2_client.js PORT SCENARIO` prints one JSON value.
'use strict';
const http2 = require('http2');
const crypto = require('crypto');

const [port, scenario, prefix] = process.argv.slice(2);
const session = http2.connect(`http://127.0.0.1:${port}`);
session.on('error', (error) => { console.log(JSON.stringify({ session: error.message })); process.exit(1); });

function ask(path, { method = 'GET', body, headers = {}, trailers, ...options } = {}) {
  return new Promise((resolve) => {
    const stream = session.request({ ':method': method, ':path': prefix + path, ...headers },
      { endStream: body === undefined, waitForTrailers: trailers !== undefined, ...options });
    const told = { status: 0, early: [], bytes: 0, text: '', trailers: {} };
    const digest = crypto.createHash('sha256');
    stream.on('headers', (got) => told.early.push(got[':status']));
    stream.on('response', (got) => { told.status = got[':status']; told.headers = { ...got }; });
    stream.on('data', (piece) => {
      digest.update(piece);
      told.bytes += piece.length;
      if (told.bytes < 100000) told.text += piece;
    });
    stream.on('trailers', (got) => { told.trailers = { ...got }; });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.on('error', (error) => { told.error = error.message; });
    stream.on('close', () => resolve({ ...told, sha256: digest.digest('hex'), code: stream.rstCode }));
    if (body !== undefined) stream.end(body);
    told.stream = undefined;
    if (options.opened) options.opened(stream);
  });
}

const scenarios = {
  async many() {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(`/echo?${i}`)));
    return answers.map((told) => told.status);
  },
  async bodies() {
    const body = crypto.randomBytes(3 << 20);
    const sent = crypto.createHash('sha256').update(body).digest('hex');
    const [up, again, down] = await Promise.all([
      ask('/body', { method: 'POST', body }),
      ask('/body', { method: 'PUT', body, headers: { 'content-length': body.length } }),
      ask('/big?bytes=10000000')]);
    return { sent, up: JSON.parse(up.text), again: JSON.parse(again.text), bytes: down.bytes, sha256: down.sha256,
      expected: down.headers['x-sha256'] };
  },
  async trailers() {
    const down = await ask('/trailers');
    const up = await ask('/body', { method: 'POST', body: 'x', headers: { te: 'trailers' }, trailers: { 'x-mine': '1' } });
    const only = await ask('/only');
    return { down: down.trailers, up: JSON.parse(up.text).trailers, only: only.headers };
  },
  async early() {
    const told = await ask('/early');
    return { early: told.early, status: told.status };
  },
  async cancel() {
    const told = ask('/hang', { opened: (stream) => setTimeout(() => stream.close(8), 200) });
    await told;
    for (let i = 0; i < 100; i += 1) {
      const hung = JSON.parse((await ask('/hung')).text).hung;
      if (hung > 0) return { hung };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { hung: 0 };
  },
  async goaway() {
    const answers = [];
    for (let i = 0; i < 20; i += 1) {
      answers.push(...await Promise.all([ask('/goaway'), ask('/echo'), ask('/echo'), ask(`/refuse?${i}`, { method: 'POST', body: 'x' })]));
    }
    return answers.map((told) => told.status);
  },
  async reset() {
    const told = await ask('/reset');
    return { status: told.status, text: told.text, code: told.code };
  },
  async head() {
    const told = await ask('/big?bytes=1000', { method: 'HEAD' });
    return { status: told.status, bytes: told.bytes };
  },
  async websocket() {
    await new Promise((resolve) => { session.on('remoteSettings', (got) => got.enableConnectProtocol && resolve()); });
    return new Promise((resolve) => {
      const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': `${prefix}/ws`,
        'sec-websocket-version': '13' }, { endStream: false });
      const told = { text: '' };
      stream.on('response', (headers) => {
        told.status = headers[':status'];
        told.accept = headers['sec-websocket-accept'];
        // A masked text message "hello" with a mask of zeros: what comes back has no mask, but the same text.
        stream.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from('hello')]));
      });
      stream.on('data', (piece) => {
        told.text += piece.toString('latin1');
        if (told.text.includes('hello')) stream.close();
      });
      stream.on('close', () => resolve({ ...told, hello: told.text.endsWith('hello') }));
      stream.on('error', (error) => { told.error = error.message; });
    });
  },
};

scenarios[scenario]().then((told) => {
  console.log(JSON.stringify(told));
  session.destroy();
}, (error) => { console.log(JSON.stringify({ failed: error.stack })); process.exit(1); });
setTimeout(() => { console.log(JSON.stringify({ failed: 'no end after 30 s' })); process.exit(1); }, 30000).unref();
