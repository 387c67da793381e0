// An issuer made with jose: keys of every algorithm, a JWKS that rotates, discovery, and an outage on demand.
//   GET /.well-known/openid-configuration, /jwks
//   GET /token?alg=ES256&sub=alice   a token by the newest key of that algorithm
//   GET /rotate?alg=ES256            a new key for it; GET /retire?alg=ES256 takes the oldest out of the set
//   GET /down, /up                   the set and discovery answer 503, or again
// Prints its port.
const http = require('http');
const jose = require('jose');

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const keys = new Map(ALGORITHMS.map((alg) => [alg, []]));
let down = false;
let issuer = '';

async function rotate(alg) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  jwk.kid = await jose.calculateJwkThumbprint(jwk);
  jwk.alg = alg;
  jwk.use = 'sig';
  keys.get(alg).push({ jwk, privateKey });
  return { kid: jwk.kid };
}

async function token(alg, sub) {
  const { jwk, privateKey } = keys.get(alg).at(-1);
  const jwt = await new jose.SignJWT({ scope: 'orders:read', roles: ['staff'] })
    .setProtectedHeader({ alg, kid: jwk.kid, typ: 'at+jwt' })
    .setIssuer(issuer).setAudience('shop').setSubject(sub).setIssuedAt().setExpirationTime('10m').sign(privateKey);
  return { token: jwt };
}

async function answer(url) {
  const alg = url.searchParams.get('alg');
  switch (url.pathname) {
    case '/.well-known/openid-configuration':
      return down ? null : { issuer, jwks_uri: `${issuer}/jwks` };
    case '/jwks':
      return down ? null : { keys: [...keys.values()].flat().map(({ jwk }) => jwk) };
    case '/token': return token(alg, url.searchParams.get('sub'));
    case '/rotate': return rotate(alg);
    case '/retire': return keys.get(alg).shift().jwk;
    case '/down': down = true; return {};
    case '/up': down = false; return {};
    default: return null;
  }
}

const server = http.createServer(async (request, response) => {
  const told = await answer(new URL(request.url, issuer));
  response.writeHead(told === null ? 503 : 200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(told));
});

(async () => {
  for (const alg of ALGORITHMS) await rotate(alg);
  server.listen(0, '127.0.0.1', () => {
    issuer = `http://127.0.0.1:${server.address().port}`;
    console.log(server.address().port);
  });
})();
