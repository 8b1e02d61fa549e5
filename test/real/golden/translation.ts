import type { RecordValue, Value } from './records.ts';
import { textOf } from './records.ts';

const zxidFields: ReadonlySet<string> = new Set(['zxid', 'czxid', 'mzxid', 'pzxid']);
const sessionFields: ReadonlySet<string> = new Set(['sessionId', 'ephemeralOwner']);

/** Vectors whose order the protocol leaves open. */
const unordered: ReadonlySet<string> = new Set(['children', 'ephemerals', 'clientInfo']);

/** A recorded zxid beyond it is made up. */
const zxidMax = 2n ** 60n;

/** Session ids that one server gives out in one run are closer to each other. */
const sessionsMax = 2n ** 16n;

/** Offsets in a ConnectRequest frame, and of relativeZxid in a setWatches frame. */
const sessionIdAt = 20;
const passwordAt = 32;
const relativeZxidAt = 12;

/** One run: the recorded or this one. */
interface Side {
  readonly translate: (name: string, value: string) => string;
  /** Zxid of this run → time of that transaction. */
  readonly times: Map<string, string>;
}

/**
 * What must differ between two runs of the same requests, and nothing else: session ids and their
 * passwords, times, and zxids by the transactions that this run does not make.
 */
export class Translation {
  /** Pairs of a recorded session id and this run's. */
  readonly #sessions: (readonly [recorded: bigint, given: bigint])[] = [];
  /** Recorded password → this run's, hex. */
  readonly #passwords = new Map<string, string>();
  /** Recorded zxids that this run does not use. */
  readonly #unused: readonly bigint[];
  readonly #recorded: Side;
  readonly #given: Side;

  constructor(unused: readonly bigint[]) {
    this.#unused = unused;
    this.#recorded = {
      translate: (name, value) => this.#ofField(name, value),
      times: new Map<string, string>(),
    };
    this.#given = { translate: (_, value) => value, times: new Map<string, string>() };
  }

  learnSession(recorded: RecordValue, given: RecordValue): void {
    const [theirs, ours] = [recorded['body'] as RecordValue, given['body'] as RecordValue];
    if (theirs['sessionId'] === '0' || ours['sessionId'] === '0') return;
    const id = BigInt(textOf(theirs['sessionId']));
    if (this.#session(id) === id) this.#sessions.push([id, BigInt(textOf(ours['sessionId']))]);
    this.#passwords.set(textOf(theirs['passwd']), textOf(ours['passwd']));
  }

  /** Puts this run's session and zxids in place of the recorded ones. */
  patchRequest(op: string, frame: Buffer): void {
    if (op === 'connect') {
      frame.writeBigInt64BE(this.#session(frame.readBigInt64BE(sessionIdAt)), sessionIdAt);
      const password = frame.subarray(passwordAt, passwordAt + 16);
      const own = this.#passwords.get(password.toString('hex'));
      if (own !== undefined) password.write(own, 'hex');
    } else if (op === 'setWatches' || op === 'setWatches2') {
      frame.writeBigInt64BE(this.#zxid(frame.readBigInt64BE(relativeZxidAt)), relativeZxidAt);
    }
  }

  /** The recorded record as this run should give it. */
  ofRecorded(record: RecordValue): Value {
    return walk(record, this.#recorded);
  }

  ofGiven(record: RecordValue): Value {
    return walk(record, this.#given);
  }

  #ofField(name: string, value: string): string {
    if (zxidFields.has(name)) return String(this.#zxid(BigInt(value)));
    if (sessionFields.has(name)) return String(this.#session(BigInt(value)));
    return name === 'passwd' ? (this.#passwords.get(value) ?? value) : value;
  }

  #zxid(recorded: bigint): bigint {
    if (recorded <= 0n || recorded > zxidMax) return recorded;
    return recorded - BigInt(this.#unused.filter((zxid) => zxid <= recorded).length);
  }

  /** A server numbers its sessions: what is known of one tells of the others. */
  #session(recorded: bigint): bigint {
    for (const [theirs, ours] of this.#sessions) {
      const distance = recorded - theirs;
      if (distance > -sessionsMax && distance < sessionsMax) return ours + distance;
    }
    return recorded;
  }
}

function walk(value: Value, side: Side): Value {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((each: Value) => walk(each, side));
  const result: Record<string, Value> = {};
  for (const [name, field] of Object.entries(value as RecordValue)) {
    const walked = typeof field === 'string' ? side.translate(name, field) : walk(field, side);
    result[name] = unordered.has(name) && Array.isArray(walked) ? sorted(walked) : walked;
  }
  return 'ctime' in result ? withoutTimes(result, side.times) : result;
}

/** A time becomes what it says: that of the transaction of that zxid. */
function withoutTimes(stat: RecordValue, times: Map<string, string>): RecordValue {
  const timeOf = (zxid: string, time: string): string => {
    if (time === '0') return '0';
    const known = times.get(zxid) ?? time;
    times.set(zxid, known);
    return time === known ? `of ${zxid}` : `${time}, and ${known} before`;
  };
  return {
    ...stat,
    ctime: timeOf(textOf(stat['czxid']), textOf(stat['ctime'])),
    mtime: timeOf(textOf(stat['mzxid']), textOf(stat['mtime'])),
  };
}

function sorted(values: readonly Value[]): Value {
  return [...values].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
