import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { Network, addressOf, fairWeather, networkMissing } from '../harness/network.ts';
import type { Weather } from '../harness/network.ts';

// Goal: the weather that the harness asks for is the weather that its machines have.
// Method: packets between namespaces of its own, each way by itself; lost, late or as they should be.

const skip = networkMissing() ?? false;
const node = resolve(import.meta.dirname, '../../node_modules/.bin/node');
const port = 7;

/** Answers every packet that it gets. */
const echoScript = `const s = require('node:dgram').createSocket('udp4');
s.on('message', (m, from) => s.send(m, from.port, from.address));
s.bind(${port}, () => console.log('ready'));`;

/** Sends some packets, one after the other, and says how many answers came, and how late at worst. */
const probeScript = `const [address, count] = process.argv.slice(1);
const s = require('node:dgram').createSocket('udp4');
const sent = new Map(); let came = 0; let worst = 0;
s.on('message', (m) => { came += 1; worst = Math.max(worst, performance.now() - sent.get(String(m).trim())); });
let n = 0;
const timer = setInterval(() => {
  if (n === Number(count)) { clearInterval(timer); setTimeout(() => { console.log(came + ' ' + worst); process.exit(); }, 1500); return; }
  sent.set(String(n), performance.now()); s.send(String(n).padEnd(1000), ${port}, address); n += 1;
}, 2);`;

let network: Network;
const echoes: ChildProcess[] = [];

before(async () => {
  if (skip !== false) return;
  network = Network.make();
  for (const host of ['m1', 'm2', 'm3']) {
    const echo = network.spawn(host, [node, '-e', echoScript], ['ignore', 'pipe', 'inherit']);
    echoes.push(echo);
    assert(echo.stdout !== null);
    await once(echo.stdout, 'data');
  }
});

after(() => {
  if (skip === false) network.destroy();
});

/** Answers to that many packets, and the longest time that one took, ms. */
async function probe(
  from: string,
  to: string,
  count: number,
): Promise<{ readonly came: number; readonly worstMs: number }> {
  const command = [node, '-e', probeScript, addressOf(to), String(count)];
  const child = network.spawn(from, command, ['ignore', 'pipe', 'inherit']);
  assert(child.stdout !== null);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  await once(child, 'close');
  const [came = 0, worstMs = 0] = text.split(' ').map(Number);
  return { came, worstMs };
}

async function under(weather: Partial<Weather>): Promise<void> {
  await network.set({ ...fairWeather, ...weather });
}

test('a cut is one way, and gone when it is taken away', { skip }, async () => {
  await under({ cuts: [['m1', 'm2']] });
  assert.equal((await probe('m1', 'm2', 10)).came, 0);
  assert.equal((await probe('m1', 'm3', 10)).came, 10);
  assert.equal((await probe('m3', 'm2', 10)).came, 10);
  await under({ cuts: [['m2', 'm1']] });
  assert.equal((await probe('m1', 'm2', 10)).came, 0);
  await under({});
  assert.equal((await probe('m1', 'm2', 10)).came, 10);
});

test('some packets are lost, but none of the harness itself', { skip }, async () => {
  await under({ lossPercent: 30 });
  const { came } = await probe('m1', 'm2', 200);
  assert(came > 40 && came < 160, `${came} of 200, about 98 expected`);
  assert.equal((await probe('ctl', 'm2', 100)).came, 100);
  await under({});
});

test('a slow link is slow, and fast again afterwards', { skip }, async () => {
  await under({ slow: ['m2'] });
  const slow = await probe('m1', 'm2', 300);
  await under({});
  const fast = await probe('m1', 'm2', 10);
  assert(slow.came > 0 && slow.worstMs > 50, `${slow.worstMs} ms`);
  assert.equal(fast.came, 10);
  await assert.doesNotReject(under({ slow: ['m1', 'm2', 'm3'] }));
  await under({});
});
