// An OpenID Connect provider made with oidc-provider: any name and password logs in, refresh tokens rotate and a second
// use of one ends its grant. Prints two ports: its own, and one where a test steers it:
//   GET /begin?origin=http://127.0.0.1:8080   from here on it is there, with the client "shop" that comes from there
//   GET /life?seconds=5        of ID and access tokens from now on
//   GET /down, /up             the token endpoint answers 503, or again
//   GET /forge?aud=other       claims that are put into the next ID token, which is signed as ever
//   GET /counts                how often the token endpoint was asked, by grant
const http = require('http');
const path = require('path');
const { pathToFileURL } = require('url');
const jose = require('jose');

const SECRET = 'a client secret: with % and + in it';
const state = { life: 600, down: false, forge: null, counts: {} };
let provider = null;
let handle = null;

async function load() {
  const folder = process.env.NODE_PATH.split(path.delimiter)[0];
  return (await import(pathToFileURL(path.join(folder, 'oidc-provider/lib/index.js')).href)).default;
}

async function signed(token, changes, keys) {
  const claims = { ...jose.decodeJwt(token), ...changes };
  const { kid, alg } = jose.decodeProtectedHeader(token);
  return new jose.SignJWT(claims).setProtectedHeader({ alg, kid }).sign(keys.privateKey);
}

async function begin(Provider, issuer, origin) {
  const keys = await jose.generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await jose.exportJWK(keys.privateKey)), use: 'sig', alg: 'RS256', kid: 'first' };
  provider = new Provider(issuer, {
    clients: [{
      client_id: 'shop', client_secret: SECRET, grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [`${origin}/.login/callback`, `${origin}/other/.login/callback`],
      post_logout_redirect_uris: [`${origin}/open/bye`],
    }],
    jwks: { keys: [jwk] },
    cookies: { keys: ['not a secret'] },
    claims: { openid: ['sub'], profile: ['name', 'roles', 'bulk'] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `Name of ${id}`, roles: id === 'boss' ? ['staff'] : [],
        ...(id === 'bulky' ? { bulk: 'x'.repeat(4000) } : {}), ...(id === 'vast' ? { bulk: 'x'.repeat(11000) } : {}) }),
    }),
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    pkce: { methods: ['S256'], required: () => true },
    ttl: { IdToken: () => state.life, AccessToken: () => state.life, RefreshToken: 3600, Session: 3600, Grant: 3600,
      Interaction: 600 },
  });
  provider.use(async (ctx, next) => {
    if (ctx.path !== '/token') return next();
    if (state.down) { ctx.status = 503; return undefined; }
    await next();
    const grant = ctx.oidc?.params?.grant_type ?? 'none';
    const key = ctx.status === 200 ? grant : `${grant} refused`;
    state.counts[key] = (state.counts[key] ?? 0) + 1;
    if (state.forge && ctx.body.id_token) {
      ctx.body = { ...ctx.body, id_token: await signed(ctx.body.id_token, state.forge, keys) };
      state.forge = null;
    }
    return undefined;
  });
  handle = provider.callback();
}

async function steer(url, Provider, issuer) {
  const first = (name) => url.searchParams.get(name);
  switch (url.pathname) {
    case '/begin': await begin(Provider, issuer, first('origin')); break;
    case '/life': state.life = Number(first('seconds')); break;
    case '/down': state.down = true; break;
    case '/up': state.down = false; break;
    case '/forge': state.forge = Object.fromEntries(url.searchParams); break;
    default: break;
  }
  return state.counts;
}

(async () => {
  const Provider = await load();
  const server = http.createServer((request, response) => {
    if (handle) return handle(request, response);
    response.writeHead(503);
    return response.end();
  });
  server.listen(0, '127.0.0.1', () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const control = http.createServer(async (request, response) => {
      const told = await steer(new URL(request.url, issuer), Provider, issuer);
      response.end(JSON.stringify(told));
    });
    control.listen(0, '127.0.0.1', () => console.log(server.address().port, control.address().port));
  });
})();
