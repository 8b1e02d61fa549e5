import { Perm } from '../index.ts';
import type { Acl, ErrorName, Stat, WatchEvent, ZkError } from '../index.ts';
import { UsageError } from './command-line.ts';

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

/** The reference's own words, its uneven colons with them. */
const messages: Readonly<Partial<Record<ErrorName, string>>> = {
  NO_NODE: 'Node does not exist: ',
  NODE_EXISTS: 'Node already exists: ',
  NOT_EMPTY: 'Node not empty: ',
  NO_CHILDREN_FOR_EPHEMERALS: 'Ephemerals cannot have children: ',
  BAD_VERSION: 'version No is not valid : ',
  NO_AUTH: 'Insufficient permission : ',
  INVALID_ACL: 'Acl is not valid : ',
  QUOTA_EXCEEDED: 'Quota has exceeded : ',
  NO_WATCHER: 'No watch found : ',
};

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
    if (first < 1 || last <= first) throw new UsageError(`"${entry}" is no scheme:id:perms`);
    let perms = 0;
    for (const letter of entry.slice(last + 1)) {
      const bit = letters.find(([one]) => one === letter)?.[1];
      if (bit === undefined) throw new UsageError(`"${letter}" is none of the permissions cdrwa`);
      perms |= bit;
    }
    return { perms, id: { scheme: entry.slice(0, first), id: entry.slice(first + 1, last) } };
  });
}

export function eventText(event: WatchEvent): string {
  const type = eventTypes[event.type];
  return `\nWATCHER::\n\nWatchedEvent state:SyncConnected type:${type} path:${event.path} zxid: ${event.zxid}`;
}

export function errorText(error: ZkError): string {
  const message = messages[error.code];
  return message === undefined || error.path === null ? error.message : message + error.path;
}
