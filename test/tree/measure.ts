// Prints what a million znodes cost in time and memory; no test. Usage:
//   node --expose-gc test/tree/measure.ts [nodes] [data bytes]

import { aclOpen } from '../../server/protocol/acl.ts';
import { JuteWriter } from '../../server/protocol/jute.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Txn, TxnBody } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import { createWatchTable } from '../../server/watch/watch-table.ts';
import { WatchMode } from '../../server/watch/door.ts';

const nodeCount = Number(process.argv[2] ?? 1_000_000);
const dataBytes = Number(process.argv[3] ?? 100);
const tree = createTree();
const data = Buffer.alloc(dataBytes, 'd');
let zxid = 0;

function txn(body: TxnBody): Txn {
  zxid += 1;
  const header = { sessionId: 1n as SessionId, cxid: 1, zxid: zxid as Zxid, timeMs: 1.7e12 + zxid };
  return { header, body, digest: null };
}

function pathOf(index: number): string {
  return `/bench/n${String(index).padStart(10, '0')}`;
}

/** By CPU time, all threads: the machine may be shared. */
function measure(name: string, count: number, run: () => void): void {
  const start = performance.now();
  const cpu = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = (user + system) / 1000;
  const wallMs = performance.now() - start;
  const times = `${wallMs.toFixed(0).padStart(6)} ms wall ${cpuMs.toFixed(0).padStart(6)} ms cpu`;
  console.log(`${name.padEnd(22)} ${times}  ${Math.round(count / cpuMs)} k/s`);
}

function printMemory(): void {
  globalThis.gc?.();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  console.log(
    `rss ${mb(rss)}, heap ${mb(heapUsed)}, external ${mb(external)}, buffers ${mb(arrayBuffers)}, ` +
      `reserved ${mb(tree.reservedBytes)}`,
  );
}

function create(path: string, parentCversion: number, bytes: Buffer): void {
  tree.apply(txn({ type: 1, path, data: bytes, acl: aclOpen, ephemeral: false, parentCversion }));
}

printMemory();
create('/bench', 1, data);
measure('create', nodeCount, () => {
  for (let index = 0; index < nodeCount; index += 1) create(pathOf(index), index + 1, data);
});
printMemory();

const paths = Array.from({ length: 1000 }, (_, k) => {
  return Buffer.from(pathOf((Math.imul(k, 7919 * 131) % nodeCount) >>> 0));
});
const many = Buffer.concat(
  Array.from({ length: nodeCount }, (_, k) => Buffer.from(pathOf((k * 7919) % nodeCount))),
);
const pathBytes = paths[0]!.length;
let found = 0;
measure('findBytes, scattered', nodeCount, () => {
  for (let at = 0; at < many.length; at += pathBytes) {
    found += tree.findBytes(many, at, at + pathBytes) < 0 ? 0 : 1;
  }
});
const writer = new JuteWriter(4096);
measure('getData, scattered', nodeCount, () => {
  for (let at = 0; at < many.length; at += pathBytes) {
    const node = tree.findBytes(many, at, at + pathBytes);
    writer.clear();
    tree.writeData(node, writer);
    tree.writeStat(node, writer);
  }
});
const texts = paths.map(String);
measure('find, by string', 1_000_000, () => {
  for (let k = 0; k < 1_000_000; k += 1) found += tree.find(texts[k % 1000]!) < 0 ? 0 : 1;
});
measure('setData', 1_000_000, () => {
  for (let k = 0; k < 1_000_000; k += 1) {
    tree.apply(txn({ type: 5, path: texts[k % 1000]!, data, version: k }));
  }
});
console.log(`found ${found}`);

const slices: Buffer[] = [];
let longestMs = 0;
measure('snapshot out', nodeCount, () => {
  const source = tree.snapshotSource();
  for (;;) {
    const start = performance.now();
    const slice = source.next(1 << 20);
    longestMs = Math.max(longestMs, performance.now() - start);
    if (slice === null) return;
    slices.push(Buffer.from(slice));
  }
});
console.log(`longest slice of 1 MiB: ${longestMs.toFixed(1)} ms`);
const digest = tree.digest;
measure('snapshot in', nodeCount, () => {
  const sink = tree.beginSnapshot();
  for (const slice of slices) sink.push(slice);
  tree.endSnapshot(zxid as Zxid);
});
console.log(`digest ${digest === tree.digest ? 'equal' : 'DIFFERS'}`);
slices.length = 0;
printMemory();
measure('delete', nodeCount, () => {
  for (let index = 0; index < nodeCount; index += 1)
    tree.apply(txn({ type: 2, path: pathOf(index) }));
});
printMemory();

const table = createWatchTable<object>();
const watchers = Array.from({ length: 10_000 }, () => ({}));
for (const watcher of watchers) table.addData('/a', watcher, WatchMode.STANDARD);
let heard = 0;
measure('fire 10,000 watchers', 10_000, () => {
  table.fire({ type: 3, path: '/a' }, () => (heard += 1));
});
globalThis.gc?.();
const before = process.memoryUsage();
for (let k = 0; k < 1_000_000; k += 1) {
  table.addData(`/w/${k % 1000}`, watchers[Math.floor(k / 1000)]!, WatchMode.STANDARD);
}
globalThis.gc?.();
const after = process.memoryUsage();
const bytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
console.log(`${(bytes / 1e6).toFixed(0)} bytes a watch, ${heard} heard`);
