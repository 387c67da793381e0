// A service for test_http2 that speaks HTTP/2 on $PORT, by Node's own http2: in cleartext (h2c), or by TLS where
// $TLS_CERT and $TLS_KEY name files. What its path says:
//   /echo       JSON of what it saw            /body     {length, sha256} of what came, and the trailers that came
//   /big?bytes=N      N bytes and their sha256       /trailers a body, and trailers behind it
//   /only       a head that ends the stream, as gRPC's trailers-only answers do
//   /early      103, then 200                  /hang     never answers; /hung tells how many of these were cancelled
//   /goaway     answers, and ends its connection in good order: GOAWAY
//   /refuse?K   refuses the stream the first time it sees K, then answers
//   /reset      half an answer, then RST_STREAM
// A CONNECT with :protocol (RFC 8441) is echoed byte by byte.
'use strict';
const fs = require('fs');
const http2 = require('http2');
const crypto = require('crypto');

let hung = 0;
const refused = new Set();
const { NGHTTP2_REFUSED_STREAM } = http2.constants;

function pattern(size) {
  return Buffer.alloc(size, '0123456789abcdef');
}

function body(stream, respond) {
  const digest = crypto.createHash('sha256');
  let length = 0;
  let trailers = {};
  stream.on('data', (piece) => { digest.update(piece); length += piece.length; });
  stream.on('trailers', (got) => { trailers = { ...got }; });
  stream.on('end', () => respond({ length, sha256: digest.digest('hex'), trailers }));
}

function json(stream, value) {
  if (stream.destroyed) return;
  const text = JSON.stringify(value);
  stream.respond({ ':status': 200, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  stream.end(text);
}

const paths = {
  '/echo': (stream, headers) => json(stream, { headers, version: 2 }),
  '/healthz': (stream) => json(stream, {}),
  '/body': (stream) => body(stream, (seen) => json(stream, seen)),
  '/big': (stream, headers, query) => {
    const data = pattern(Number(query.replace('bytes=', '')));
    stream.respond({ ':status': 200, 'x-sha256': crypto.createHash('sha256').update(data).digest('hex') });
    stream.end(data);
  },
  '/trailers': (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
    stream.end('with trailers');
  },
  '/only': (stream) => stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true }),
  '/early': (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>' });
    json(stream, {});
  },
  '/hang': (stream) => stream.on('close', () => { hung += 1; }),
  '/hung': (stream) => json(stream, { hung }),
  '/goaway': (stream) => {
    const session = stream.session;
    json(stream, {});
    session.close();
  },
  '/refuse': (stream, headers, query) => {
    if (refused.has(query)) return json(stream, { again: true });
    refused.add(query);
    return stream.close(NGHTTP2_REFUSED_STREAM);
  },
  '/reset': (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('half');
    setTimeout(() => stream.destroy(new Error('told so')), 50);
  },
};

const options = { settings: { enableConnectProtocol: true, maxConcurrentStreams: 50 } };
const { TLS_CERT, TLS_KEY } = process.env;
const server = TLS_CERT
  ? http2.createSecureServer({ ...options, cert: fs.readFileSync(TLS_CERT), key: fs.readFileSync(TLS_KEY) })
  : http2.createServer(options);
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  if (headers[':method'] === 'CONNECT') {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
    return;
  }
  const [path, query] = headers[':path'].split('?');
  (paths[path] || paths['/echo'])(stream, headers, query);
});
server.on('sessionError', () => {});
server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
