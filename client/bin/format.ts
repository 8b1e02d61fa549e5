import { Perm } from '../index.ts';
import type { Acl, ErrorName, Stat, WatchEvent, ZkError } from '../index.ts';
import { UsageError } from './command-line.ts';
import { pathProblemText } from './path-text.ts';

const letters: readonly (readonly [string, number])[] = [
  ['c', Perm.CREATE],
  ['d', Perm.DELETE],
  ['r', Perm.READ],
  ['w', Perm.WRITE],
  ['a', Perm.ADMIN],
];

const eventTypes: Readonly<Record<WatchEvent['type'], string>> = {
  NODE_CREATED: 'NodeCreated',
  NODE_DELETED: 'NodeDeleted',
  NODE_DATA_CHANGED: 'NodeDataChanged',
  NODE_CHILDREN_CHANGED: 'NodeChildrenChanged',
};

/** The reference's own words, its uneven colons with them; the path follows. */
const messages: Readonly<Partial<Record<ErrorName, string>>> = {
  NO_NODE: 'Node does not exist: ',
  NODE_EXISTS: 'Node already exists: ',
  NOT_EMPTY: 'Node not empty: ',
  NOT_READ_ONLY: 'Not a read-only call: ',
  NO_CHILDREN_FOR_EPHEMERALS: 'Ephemerals cannot have children: ',
  BAD_VERSION: 'version No is not valid : ',
  BAD_ARGUMENTS: 'Arguments are not valid : ',
  NO_AUTH: 'Insufficient permission : ',
  INVALID_ACL: 'Acl is not valid : ',
  QUOTA_EXCEEDED: 'Quota has exceeded : ',
};

/** Behind `KeeperErrorCode = `, where they are other words than the code's. */
const codeTexts: Readonly<Partial<Record<ErrorName, string>>> = {
  SESSION_EXPIRED: 'Session expired',
  NO_WATCHER: 'No such watcher',
  RECONFIG_DISABLED: 'Reconfig is disabled',
  RECONFIG_IN_PROGRESS:
    'Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)',
  NEW_CONFIG_NO_QUORUM: 'Quorum of new config not connected',
};

/** About the whole ensemble: no path is named. */
const pathless: ReadonlySet<ErrorName> = new Set([
  'RECONFIG_DISABLED',
  'RECONFIG_IN_PROGRESS',
  'NEW_CONFIG_NO_QUORUM',
  'UNIMPLEMENTED',
]);

/** Eleven lines, as the reference's command prints them. */
export function statText(stat: Stat): string {
  return [
    `cZxid = 0x${stat.czxid.toString(16)}`,
    `ctime = ${dateText(stat.ctimeMs)}`,
    `mZxid = 0x${stat.mzxid.toString(16)}`,
    `mtime = ${dateText(stat.mtimeMs)}`,
    `pZxid = 0x${stat.pzxid.toString(16)}`,
    `cversion = ${stat.cversion}`,
    `dataVersion = ${stat.version}`,
    `aclVersion = ${stat.aversion}`,
    `ephemeralOwner = 0x${BigInt.asUintN(64, stat.ephemeralOwner).toString(16)}`,
    `dataLength = ${stat.dataLength}`,
    `numChildren = ${stat.numChildren}`,
  ].join('\n');
}

export function dataText(data: Buffer | null): string {
  return data === null ? 'null' : data.toString('utf8');
}

/** `Thu Jan 01 00:00:00 UTC 1970` */
function dateText(ms: number): string {
  const [weekday = '', day, month, year, time] = new Date(ms).toUTCString().split(/,? /);
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}

export function aclText(acl: readonly Acl[]): string {
  return acl
    .map(({ perms, id }) => {
      const text = letters.filter(([, bit]) => (perms & bit) !== 0).map(([letter]) => letter);
      return `'${id.scheme},'${id.id}\n: ${text.join('')}`;
    })
    .join('\n');
}

/**
 * `scheme:id:perms,…`; an id may hold colons.
 *
 * @throws UsageError
 */
export function parseAcl(text: string): Acl[] {
  return text.split(',').map((entry) => {
    const first = entry.indexOf(':');
    const last = entry.lastIndexOf(':');
    if (first < 1 || last <= first) {
      throw new UsageError(`${entry} does not have the form scheme:id:perm`);
    }
    let perms = 0;
    for (const letter of entry.slice(last + 1)) {
      const bit = letters.find(([one]) => one === letter)?.[1];
      if (bit === undefined)
        throw new UsageError(`Unknown perm type: ${letter}; it is none of cdrwa`);
      perms |= bit;
    }
    return { perms, id: { scheme: entry.slice(0, first), id: entry.slice(first + 1, last) } };
  });
}

export function eventText(event: WatchEvent): string {
  return watcherText('SyncConnected', eventTypes[event.type], event.path, event.zxid);
}

/** As the shell prints any event. */
export function watcherText(
  state: string,
  type: string,
  path: string | null,
  zxid: number = -1,
): string {
  return `\nWATCHER::\n\nWatchedEvent state:${state} type:${type} path:${path} zxid: ${zxid}`;
}

export function errorText(error: ZkError): string {
  const { code, path } = error;
  if (code === 'BAD_ARGUMENTS' && path !== null) {
    const problem = pathProblemText(path);
    if (problem !== null) return problem;
  }
  const message = messages[code];
  if (message !== undefined && path !== null) return message + path;
  const text = codeTexts[code] ?? camelCase(code);
  // What stands behind the code in the message: the path, and what else is known.
  const rest = pathless.has(code) ? '' : error.message.slice(code.length);
  return `KeeperErrorCode = ${text}${rest}`;
}

/** `CONNECTION_LOSS` → `ConnectionLoss` */
function camelCase(code: string): string {
  return code
    .toLowerCase()
    .replaceAll(/(?:^|_)(.)/g, (_all, letter: string) => letter.toUpperCase());
}

/** Sixteen bytes a line, in a frame, as the reference's command prints them. */
export function hexText(data: Buffer): string {
  if (data.length === 0) return '';
  const rule = `+--------+${'-'.repeat(49)}+${'-'.repeat(16)}+`;
  const lines = [
    `         +${'-'.repeat(49)}+`,
    '         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |',
    rule,
  ];
  for (let at = 0; at < data.length; at += 16) {
    const row = data.subarray(at, at + 16);
    const hex = [...row].map((byte) => ` ${byte.toString(16).padStart(2, '0')}`).join('');
    const text = row.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.');
    const offset = at.toString(16).padStart(8, '0');
    lines.push(`|${offset}|${hex.padEnd(48)} |${text.padEnd(16)}|`);
  }
  return [...lines, rule].join('\n');
}
