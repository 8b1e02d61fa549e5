import type { Auth } from '../auth/auth.ts';
import type { Acl } from '../protocol/acl.ts';
import { Perm } from '../protocol/acl.ts';
import { CreateMode } from '../protocol/create-mode.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { JuteReader } from '../protocol/jute.ts';
import { OpCode } from '../protocol/op-code.ts';
import { readWrite } from '../protocol/requests/write-request.ts';
import type { DecodedWrite } from '../protocol/requests/write-request.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { Applied } from '../tree/door.ts';
import type { Client, Pending } from './client.ts';
import { hexOf } from './leadership.ts';

/** Where the lines go. */
export interface AuditSink {
  /** Who runs the process. */
  readonly user: string;
  /** One line, without its end. */
  readonly write: (line: string) => void;
}

export interface AuditOptions extends AuditSink {
  readonly auth: Pick<Auth, 'userOf'>;
}

type Field = readonly [key: string, value: string];

/**
 * The audit log: one line for each change that a client of this server asked for, whether it was
 * carried out or not, and for each ephemeral that went with its session. Data never stand in it.
 *
 * Source: protocol/audit.
 */
export class Audit {
  readonly #options: AuditOptions;
  readonly #reader = new JuteReader(Buffer.alloc(0));

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  /** Every server tells of these: none of them is asked for by a client. */
  ended(sessionId: SessionId, ephemerals: readonly string[]): void {
    for (const path of ephemerals) {
      this.#line([
        ['session', hexOf(sessionId)],
        ['user', this.#options.user],
        ['operation', 'ephemeralZNodeDeletionOnSessionCloseOrExpire'],
        ['znode', path],
        ['result', 'success'],
      ]);
    }
  }

  /** What a client asked for as `pending` is decided. */
  answered(client: Client, pending: Pending, applied: Applied): void {
    this.#reader.reset(pending.buffer, pending.start, pending.end);
    const op = readWrite(pending.opCode, this.#reader);
    const isDone = applied.error === ErrorCode.OK;
    if (op.op !== 'multi') return this.#change(client, op, isDone, applied.path);
    const results = applied.results ?? [];
    if (!isDone || results.some(({ error }) => error !== ErrorCode.OK)) {
      return this.#asked(client, [['operation', 'multiOperation']], false);
    }
    op.ops.forEach((part, index) => {
      if (part.op !== 'check') this.#change(client, part, true, results[index]?.path ?? null);
    });
  }

  #change(client: Client, op: DecodedWrite, isDone: boolean, made: string | null): void {
    switch (op.op) {
      case 'create':
        return this.#asked(client, createFields(op, made), isDone);
      case 'delete':
      case 'deleteContainer':
        return this.#asked(client, pathFields('delete', op.path), isDone);
      case 'setData':
        return this.#asked(client, pathFields('setData', op.path), isDone);
      case 'setAcl': {
        const fields = [...pathFields('setAcl', op.path), ['acl', aclText(op.acl ?? [])]] as const;
        return this.#asked(client, fields, isDone);
      }
      case 'reconfig':
        return this.#asked(client, [['operation', 'reconfig']], isDone);
      case 'multi':
      case 'createSession':
      case 'closeSession':
        return;
    }
  }

  #asked(client: Client, fields: readonly Field[], isDone: boolean): void {
    this.#line([
      ['session', hexOf(client.sessionId)],
      ['user', this.#userOf(client)],
      ['ip', client.connection.remote.host],
      ...fields,
      ['result', isDone ? 'success' : 'failure'],
    ]);
  }

  /** What the client has proven last comes first. */
  #userOf(client: Client): string {
    const users = client.authIds.map((id) => this.#options.auth.userOf(id));
    return users
      .filter((user) => user !== '')
      .reverse()
      .join(',');
  }

  #line(fields: readonly Field[]): void {
    this.#options.write(lineOf(fields));
  }
}

/** The process begins or is told to end. */
export function auditProcess(sink: AuditSink, operation: 'serverStart' | 'serverStop'): void {
  const result = operation === 'serverStart' ? 'success' : 'invoked';
  sink.write(
    lineOf([
      ['user', sink.user],
      ['operation', operation],
      ['result', result],
    ]),
  );
}

function lineOf(fields: readonly Field[]): string {
  return fields.map(([key, value]) => `${key}=${escaped(value)}`).join('\t');
}

const typeNames: ReadonlyMap<number, string> = new Map<number, string>([
  [CreateMode.PERSISTENT, 'persistent'],
  [CreateMode.EPHEMERAL, 'ephemeral'],
  [CreateMode.PERSISTENT_SEQUENTIAL, 'persistent_sequential'],
  [CreateMode.EPHEMERAL_SEQUENTIAL, 'ephemeral_sequential'],
  [CreateMode.CONTAINER, 'container'],
  [CreateMode.PERSISTENT_WITH_TTL, 'persistent_with_ttl'],
  [CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, 'persistent_sequential_with_ttl'],
]);

function createFields(
  op: { readonly opCode: number; readonly path: string; readonly flags: number },
  made: string | null,
): readonly Field[] {
  const flags = op.opCode === OpCode.CREATE_CONTAINER ? CreateMode.CONTAINER : op.flags;
  const type = typeNames.get(flags) ?? String(flags);
  return [...pathFields('create', made ?? op.path), ['znode_type', type]];
}

function pathFields(operation: string, path: string): readonly Field[] {
  return [
    ['operation', operation],
    ['znode', path],
  ];
}

/** `scheme:id:perms` of each entry, as it was asked for. The hash of a password stays out. */
function aclText(acl: readonly Acl[]): string {
  return acl
    .map(({ perms, id }) => {
      const colon = id.scheme === 'digest' ? id.id.indexOf(':') : -1;
      return `${id.scheme}:${colon === -1 ? id.id : id.id.slice(0, colon)}:${permsText(perms)}`;
    })
    .join('');
}

const permLetters = [
  [Perm.CREATE, 'c'],
  [Perm.DELETE, 'd'],
  [Perm.READ, 'r'],
  [Perm.WRITE, 'w'],
  [Perm.ADMIN, 'a'],
] as const;

function permsText(perms: number): string {
  return permLetters.map(([bit, letter]) => ((perms & bit) === 0 ? '' : letter)).join('');
}

/** Nobody begins a line or a field of their own by their name. */
function escaped(value: string): string {
  return value.replace(
    // oxlint-disable-next-line no-control-regex -- these are what must not get through
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
