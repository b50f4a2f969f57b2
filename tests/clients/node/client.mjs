// Node's http, https and http2 as clients. See ../README.md for the arguments and what it prints. Node 18, no packages.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

const [base, caFile, protocol, wanted, ...sizes] = process.argv.slice(2);
if (!wanted) {
  console.log('usage: client.mjs URL CA-FILE h1|h2 CHECK,... SIZE...');
  process.exit(2);
}
const ca = base.startsWith('https:') ? readFileSync(caFile) : undefined;
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

let failed = false;
async function report(name, run) {
  try {
    await run();
    console.log('ok', name);
  } catch (error) {
    failed = true;
    console.log(`FAIL ${name}: ${error.message} ${error.code ?? ''}`);
  }
}
function must(held, what) {
  if (!held) throw new Error(what);
}

// Writes a body and its trailers in pieces; `known`: as one piece, of which the length was announced.
function send(stream, body, known) {
  if (known) return stream.end(body);
  for (let at = 0; at < body.length; at += 50000) stream.write(body.subarray(at, at + 50000));
  stream.end();
}

// Each takes { method, path, headers, body, known, trailers, onData } and gives { status, headers, body, trailers, interim }.
const agent = new (ca ? https : http).Agent({ keepAlive: true, maxSockets: 50, ca });
function ask1({ method = 'GET', path, headers = {}, body, known = true, trailers, onData }) {
  return new Promise((resolve, reject) => {
    const answer = { interim: [] };
    const fields = { ...headers };
    if (body && known) fields['content-length'] = body.length;
    else if (body) fields['transfer-encoding'] = 'chunked';
    const request = (ca ? https : http).request(base + path, { method, headers: fields, agent });
    request.on('error', (error) => answer.status === undefined && reject(error));
    request.on('information', ({ statusCode }) => answer.interim.push(statusCode));
    request.on('response', (response) => {
      Object.assign(answer, { status: response.statusCode, headers: response.headers });
      const pieces = [];
      response.on('data', (piece) => (pieces.push(piece), onData?.(piece)));
      response.on('error', reject);
      response.on('end', () => resolve({ ...answer, body: Buffer.concat(pieces), trailers: response.trailers }));
    });
    if (trailers) request.addTrailers(trailers);
    if (fields.expect) request.flushHeaders(), request.once('continue', () => send(request, body, known));
    else if (body) send(request, body, known);
    else request.end();
  });
}

let session;
function open() {
  if (session && !session.closed && !session.destroyed) return session;
  session = http2.connect(base, { ca, settings: { initialWindowSize: 1 << 20 } });
  session.on('error', () => {});
  return session;
}
function ask2({ method = 'GET', path, headers = {}, body, known = true, trailers, onData }) {
  return new Promise((resolve, reject) => {
    const answer = { interim: [], trailers: {} };
    const fields = { ':method': method, ':path': path, ...headers };
    if (body && known) fields['content-length'] = body.length;
    const stream = open().request(fields, { endStream: !body, waitForTrailers: trailers !== undefined });
    const pieces = [];
    stream.on('error', reject);
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.on('headers', (found) => answer.interim.push(found[':status']));
    stream.on('continue', () => answer.interim.push(100));
    stream.on('response', (found) => Object.assign(answer, { status: found[':status'], headers: found }));
    stream.on('trailers', (found) => (answer.trailers = found));
    stream.on('data', (piece) => (pieces.push(piece), onData?.(piece)));
    stream.on('end', () => resolve({ ...answer, body: Buffer.concat(pieces) }));
    stream.on('close', () => reject(new Error(`closed with ${stream.rstCode}`)));
    if (fields.expect) stream.once('continue', () => send(stream, body, known));
    else if (body) send(stream, body, known);
  });
}
const ask = protocol === 'h2' ? ask2 : ask1;

async function down(size) {
  const { status, headers, body } = await ask({ path: `/bytes/${size}` });
  must(status === 200 && body.length === Number(size), `${status}, ${body.length} bytes`);
  must(digest(body) === headers['x-sha256'], 'another digest');
}
async function up(size, known) {
  const sent = randomBytes(Number(size));
  const { status, body } = await ask({ method: 'PUT', path: '/sum', body: sent, known });
  must(status === 200 && String(body) === `${size} ${digest(sent)}`, `${status}, ${body} of ${size} ${digest(sent)}`);
}
async function small() {
  const all = await Promise.allSettled(Array.from({ length: 1000 }, (_, i) => sleep(i / 100).then(() => down(100))));
  const bad = all.filter(({ reason }) => reason);
  must(bad.length === 0, `${bad.length} of 1000, one of them: ${bad[0]?.reason}`);
}
async function smallInTurns() {
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 100 }, () => down(100)));
}
async function trailersDown() {
  const { body, trailers } = await ask({ path: '/trailers' });
  must(String(body) === 'with trailers', `${body}`);
  must(trailers['x-one'] === 'first' && trailers['x-two'] === 'second', JSON.stringify(trailers));
}
async function trailersUp() {
  const body = Buffer.from('hello');
  const sent = { 'x-up': 'from the client' };
  const headers = { trailer: 'x-up' }; // or Go's server would not keep it
  const answer = await ask({ method: 'POST', path: '/trailers', headers, body, known: false, trailers: sent });
  must(String(answer.body).toLowerCase() === '5\nx-up: from the client\n', `the origin saw ${answer.body}`);
}
async function hints() {
  const { status, interim } = await ask({ path: '/hints' });
  must(status === 200 && interim.includes(103), `${interim} before ${status}`);
}
async function expectContinue() {
  const sent = randomBytes(100000);
  const request = { method: 'PUT', path: '/sum', headers: { expect: '100-continue' }, body: sent };
  const { status, body } = await ask(request); // sends nothing before it was told to continue
  must(status === 200 && String(body) === `100000 ${digest(sent)}`, `${status} ${body}`);
}
async function refuse() {
  const { status } = await ask({ method: 'POST', path: '/refuse', body: randomBytes(1 << 20) });
  must(status === 413, `${status}`);
}
async function events() {
  const id = `node-${process.pid}-${Date.now()}`;
  let seen = 0;
  const onData = () => ask({ path: `/next/${id}` });
  const { body } = await ask({ path: `/events/${id}`, onData: () => (seen++, onData()) });
  must(seen >= 5 && String(body).match(/^data: event /gm).length === 5, `${seen}: ${body}`);
}
async function idle() {
  await down(1);
  await sleep(1600); // longer than the edge keeps an idle connection here
  await down(1);
}

const checks = {
  down: async () => {
    for (const size of sizes) await report(`down ${size}`, () => down(size));
  },
  up: async () => {
    for (const size of sizes) {
      await report(`up ${size}`, () => up(size, true));
      await report(`up ${size} of unknown length`, () => up(size, false));
    }
  },
  small: () => report('1000 small', protocol === 'h2' ? smallInTurns : small),
  trailers: () => report('trailers down', trailersDown).then(() => report('trailers up', trailersUp)),
  interim: () => report('103', hints).then(() => report('100-continue', expectContinue)),
  refuse: () => report('an upload refused early', refuse),
  events: () => report('events', events),
  idle: async () => {
    await report('a pause in the body', async () => {
      const { body } = await ask({ path: '/pause' });
      must(String(body) === 'waitdone', `${body}`);
    });
    await report('idle connections', idle);
  },
};
setTimeout(() => (console.log('FAIL: not finished in time'), process.exit(1)), 150_000).unref();
for (const check of wanted.split(',')) await checks[check]();
process.exit(failed ? 1 : 0);
