import type { Acl } from '../protocol/acl.ts';
import { JuteReader } from '../protocol/jute.ts';
import type { Txn, TxnBody } from '../protocol/txn.ts';
import { decodeTxn, txnHeaderBytes } from '../protocol/txn-codec.ts';
import { csvString, javaShortDate, shortHex } from './java-text.ts';

/** Type numbers by the names that the reference prints. */
const names: ReadonlyMap<number, string> = new Map([
  [-10, 'createSession'],
  [-11, 'closeSession'],
  [-1, 'error'],
  [1, 'create'],
  [2, 'delete'],
  [5, 'setData'],
  [7, 'setACL'],
  [13, 'check'],
  [14, 'multi'],
  [15, 'create2'],
  [16, 'reconfig'],
  [19, 'createContainer'],
  [20, 'deleteContainer'],
  [21, 'createTTL'],
]);

/**
 * A transaction's bytes as one line of TxnLogToolkit, with its line end. Paths and data may hold
 * line ends of their own: the reference does not escape them everywhere.
 *
 * @throws JuteError when the bytes are no transaction.
 */
export function txnLine(bytes: Buffer): string {
  const { header, body } = decodeTxn(bytes);
  const zxid = shortHex(BigInt(header.zxid));
  const session = shortHex(header.sessionId);
  const cxid = shortHex(BigInt(header.cxid));
  return (
    `${javaShortDate(header.timeMs)} session ${session} cxid ${cxid} zxid ${zxid} ` +
    `${names.get(body.type) ?? `unknown ${body.type}`} ${bodyText(body, bytes)}\n`
  );
}

/** What {@link txnLine} leaves out: `digest 0x…` and data in base64; empty when there is neither. */
export function txnExtras(
  txn: Txn,
  wants: { readonly digest: boolean; readonly data: boolean },
): string {
  const lines: string[] = [];
  if (wants.digest) {
    lines.push(txn.digest === null ? '  no digest' : `  digest ${shortHex(txn.digest)}`);
  }
  if (wants.data) {
    for (const body of txn.body.type === 14 ? txn.body.txns : [txn.body]) {
      if (!('data' in body)) continue;
      const data = body.data === null ? 'null' : Buffer.from(body.data).toString('base64');
      lines.push(`  data ${JSON.stringify(body.path)} ${data}`);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

function bodyText(body: TxnBody, bytes: Buffer): string {
  switch (body.type) {
    case -10:
      return String(body.timeoutMs);
    case -11:
      return body.paths === null ? '' : `v{${body.paths.map(csvString).join(',')}}`;
    case -1:
      return String(body.error);
    case 1:
    case 15:
      return `${createdText(body)},${body.ephemeral},${body.parentCversion}`;
    case 2:
    case 20:
      return csvString(body.path);
    case 5:
    case 16:
      return `${body.path},${dataText(body.data)},${body.version}`;
    case 7:
      return `${csvString(body.path)},v{${body.acl.map((acl) => `s{${aclText(acl)}}`).join(',')}},${body.version}`;
    case 13:
      return `${csvString(body.path)},${body.version}`;
    case 14:
      return multiText(bytes);
    case 19:
      return `${createdText(body)},${body.parentCversion}`;
    case 21:
      return `${createdText(body)},${body.parentCversion},${body.ttlMs}`;
  }
}

function createdText(body: Extract<TxnBody, { readonly parentCversion: number }>): string {
  const acls = body.acl.map((acl) => `${aclText(acl)}\n`).join(', ');
  return `${body.path},${dataText(body.data)},[${acls}]`;
}

function dataText(data: Uint8Array | null): string {
  return data === null ? '' : Buffer.from(data.buffer, data.byteOffset, data.length).toString();
}

function aclText({ perms, id }: Acl): string {
  return `${perms},s{${csvString(id.scheme)},${csvString(id.id)}}`;
}

/** The reference prints the parts' records as if they were text. */
function multiText(bytes: Buffer): string {
  const reader = new JuteReader(bytes, txnHeaderBytes, bytes.length);
  const parts = reader.vector((part) => {
    const name = names.get(part.int32()) ?? 'unknown';
    return `${name}:${dataText(part.bytes())}`;
  });
  return parts.join(';');
}
