// Node's http, https and http2 as origins. See ../README.md for the arguments and what it serves. Node 18, no packages.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

const [kind, certificate, key] = process.argv.slice(2);
const tls = certificate && { cert: readFileSync(certificate), key: readFileSync(key), ALPNProtocols: ['http/1.1'] };
const servers = {
  http: (serve) => http.createServer(serve),
  https: (serve) => https.createServer(tls, serve),
  h2c: (serve) => http2.createServer(serve),
  h2: (serve) => http2.createSecureServer({ ...tls, ALPNProtocols: undefined }, serve),
};
if (!servers[kind]) {
  console.log('usage: origin.mjs http|h2c | origin.mjs https|h2 CERTIFICATE KEY');
  process.exit(2);
}

const patterns = new Map();
function pattern(size) {
  if (!patterns.has(size)) {
    const bytes = Buffer.alloc(size);
    for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(Math.imul(at + 1, 2654435761) >>> 0, at);
    patterns.set(size, { bytes, digest: createHash('sha256').update(bytes).digest('hex') });
  }
  return patterns.get(size);
}

function answerGet(path, response) {
  if (path.startsWith('/bytes/')) {
    const { bytes, digest } = pattern(Number(path.slice(7)));
    response.writeHead(200, { 'x-sha256': digest, 'content-length': bytes.length });
    return response.end(bytes);
  }
  if (path === '/trailers') {
    response.writeHead(200, { trailer: 'x-one, x-two' });
    response.write('with trailers');
    response.addTrailers({ 'x-one': 'first', 'x-two': 'second' });
    return response.end();
  }
  if (path === '/hints') {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    return response.end('after hints');
  }
  response.writeHead(404);
  response.end();
}

function answerBody(path, request, response) {
  const hash = createHash('sha256');
  let size = 0;
  request.on('data', (piece) => {
    hash.update(piece);
    size += piece.length;
  });
  request.on('end', () => {
    if (path !== '/trailers') return response.end(`${size} ${hash.digest('hex')}`);
    const lines = Object.entries(request.trailers).map(([name, value]) => `${name}: ${value}\n`);
    response.end(`${size}\n${lines.join('')}`);
  });
}

function serve(request, response) {
  const path = request.url;
  request.on('error', () => {});
  response.on('error', () => {});
  if (path === '/refuse') {
    response.writeHead(413);
    response.end('too large for me');
    request.resume();
  } else if (request.method === 'GET') {
    answerGet(path, response);
  } else {
    answerBody(path, request, response);
  }
}

const server = servers[kind](serve);
server.on('error', (error) => (console.log(error.message), process.exit(1)));
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
