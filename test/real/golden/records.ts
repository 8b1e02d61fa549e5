/** A field's type: a primitive, a record's name, `?` for one that may be missing, `[x]` for a vector. */
type Fields = readonly (readonly [name: string, type: string])[];

/** 64-bit integers as decimal text, buffers as hex, as the recordings write them. */
export type Value = number | string | boolean | null | readonly Value[] | RecordValue;
export interface RecordValue {
  readonly [name: string]: Value;
}

/** Source: client-protocol, section 6. */
const records: Readonly<Record<string, Fields>> = {
  Id: fields('scheme string, id string'),
  ACL: fields('perms int, id Id'),
  Stat: fields(
    'czxid long, mzxid long, ctime long, mtime long, version int, cversion int, aversion int, ' +
      'ephemeralOwner long, dataLength int, numChildren int, pzxid long',
  ),
  ClientInfo: fields('authScheme string, user string'),
  ConnectResponse: fields(
    'protocolVersion int, timeOut int, sessionId long, passwd buffer, readOnly bool?',
  ),
  ReplyHeader: fields('xid int, zxid long, err int'),
  MultiHeader: fields('type int, done bool, err int'),
  WatcherEvent: fields('type int, state int, path string'),
  ErrorResponse: fields('err int'),
  CreateResponse: fields('path string'),
  Create2Response: fields('path string, stat Stat'),
  ExistsResponse: fields('stat Stat'),
  GetDataResponse: fields('data buffer, stat Stat'),
  SetDataResponse: fields('stat Stat'),
  GetACLResponse: fields('acl [ACL], stat Stat'),
  SetACLResponse: fields('stat Stat'),
  GetChildrenResponse: fields('children [string]'),
  GetChildren2Response: fields('children [string], stat Stat'),
  GetAllChildrenNumberResponse: fields('totalNumber int'),
  GetEphemeralsResponse: fields('ephemerals [string]'),
  SyncResponse: fields('path string'),
  SetSASLResponse: fields('token buffer'),
  WhoAmIResponse: fields('clientInfo [ClientInfo]'),
  Empty: [],
};

const answers: Readonly<Record<string, string>> = {
  create: 'CreateResponse',
  create2: 'Create2Response',
  createContainer: 'Create2Response',
  createTTL: 'Create2Response',
  exists: 'ExistsResponse',
  getData: 'GetDataResponse',
  setData: 'SetDataResponse',
  getACL: 'GetACLResponse',
  setACL: 'SetACLResponse',
  getChildren: 'GetChildrenResponse',
  getChildren2: 'GetChildren2Response',
  sync: 'SyncResponse',
  sasl: 'SetSASLResponse',
  getEphemerals: 'GetEphemeralsResponse',
  getAllChildrenNumber: 'GetAllChildrenNumberResponse',
  addWatch: 'ErrorResponse',
  whoAmI: 'WhoAmIResponse',
};

/** By the result's type on the wire. */
const multiAnswers: Readonly<Record<number, string>> = {
  1: 'CreateResponse',
  15: 'Create2Response',
  2: 'Empty',
  13: 'Empty',
  5: 'SetDataResponse',
  8: 'GetChildrenResponse',
  4: 'GetDataResponse',
  [-1]: 'ErrorResponse',
};

function fields(text: string): Fields {
  return text.split(', ').map((field) => {
    const [name = '', type = ''] = field.split(' ');
    return [name, type] as const;
  });
}

class Reader {
  readonly #bytes: Buffer;
  #at = 4;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  value(type: string): Value {
    if (type.startsWith('[')) return this.#vector(type.slice(1, -1));
    switch (type) {
      case 'int':
        return this.#take(4).readInt32BE();
      case 'long':
        return String(this.#take(8).readBigInt64BE());
      case 'bool':
        return this.#bool();
      case 'bool?':
        return this.left === 0 ? null : this.#bool();
      case 'buffer':
        return this.#sized()?.toString('hex') ?? null;
      case 'string':
        return this.#sized()?.toString('utf8') ?? null;
      default:
        return this.record(type);
    }
  }

  record(name: string): RecordValue {
    const found = records[name];
    if (found === undefined) throw new Error(`no record ${name}`);
    return Object.fromEntries(found.map(([field, type]) => [field, this.value(type)]));
  }

  #vector(type: string): Value {
    const count = this.#take(4).readInt32BE();
    return count === -1 ? null : Array.from({ length: count }, () => this.value(type));
  }

  #bool(): boolean {
    const byte = this.#take(1)[0];
    if (byte !== 0 && byte !== 1) throw new Error(`a boolean of ${byte}`);
    return byte === 1;
  }

  #sized(): Buffer | null {
    const length = this.#take(4).readInt32BE();
    return length === -1 ? null : this.#take(length);
  }

  #take(count: number): Buffer {
    if (count < 0 || count > this.left) throw new Error(`${count} bytes of ${this.left} left`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

/** One reply frame as the recordings show it. Every byte of it is accounted for, or this throws. */
export function decodeReply(op: string, frame: Buffer): RecordValue {
  const reader = new Reader(frame);
  const decoded = op === 'connect' ? connectOf(reader) : replyOf(op, reader);
  if (reader.left !== 0)
    throw new Error(`${reader.left} bytes too many in ${frame.toString('hex')}`);
  return decoded;
}

function connectOf(reader: Reader): RecordValue {
  return { record: 'ConnectResponse', body: reader.record('ConnectResponse') };
}

function replyOf(op: string, reader: Reader): RecordValue {
  const header = reader.record('ReplyHeader');
  if (header['xid'] === -1) {
    return { header, record: 'WatcherEvent', body: reader.record('WatcherEvent') };
  }
  if (reader.left === 0) return { header, record: null };
  if (op === 'multi' || op === 'multiRead') {
    return { header, record: 'MultiResponse', body: multiOf(reader) };
  }
  const record = answers[op] ?? 'Empty';
  return { header, record, body: reader.record(record) };
}

function multiOf(reader: Reader): RecordValue {
  const ops: RecordValue[] = [];
  for (;;) {
    const header = reader.record('MultiHeader');
    if (header['done'] === true) return { ops, end: header };
    const record = multiAnswers[Number(header['type'])] ?? '';
    ops.push({ header, record, body: reader.record(record) });
  }
}

/** A field that is a text; 64-bit integers and buffers are. */
export function textOf(value: Value | undefined): string {
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} is no text`);
  return value;
}
