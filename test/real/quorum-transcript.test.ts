import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { readForwardedHeader } from '../../server/protocol/learner-payload.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import { readQuorumPacket } from '../../server/protocol/quorum-packet.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { setDataRequest } from '../../server/protocol/requests/set-data.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { decodeTxn } from '../../server/protocol/txn-codec.ts';
import type { Txn } from '../../server/protocol/txn.ts';
import { freePorts } from '../support/ports.ts';
import { QuorumTap } from '../support/quorum-tap.ts';
import { RawSession } from '../support/raw-session.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import type { Member, MemberSpec } from '../support/real-ensemble.ts';

// Goal: who sends which quorum packet, in which order and with which content, is what members of
// the reference sent each other when the same clients did the same.
// Method: what the recorded follower's clients asked for is asked again, on real servers, with a
// tap between follower and leader. Times, session ids, ports and digests differ; all else does not.

interface Frame {
  readonly dir: 'learner->leader' | 'leader->learner';
  readonly kind: string;
  readonly hex: string;
}

function recording(name: string): readonly Frame[] {
  const path = join(import.meta.dirname, '../golden/quorum', `${name}.json`);
  return (JSON.parse(readFileSync(path, 'utf8')) as { readonly frames: readonly Frame[] }).frames;
}

function packetOf(frame: Frame): QuorumPacket {
  return readQuorumPacket(new JuteReader(Buffer.from(frame.hex, 'hex')));
}

/** Packets as lines that two runs have in common; sessions are named in the order they appear. */
class Lines {
  readonly #names = new Map<SessionId, string>();

  name(id: SessionId): string {
    const known = this.#names.get(id) ?? (id === 0n ? 'nobody' : `s${this.#names.size + 1}`);
    if (id !== 0n) this.#names.set(id, known);
    return known;
  }

  /** `null`: heartbeats, whose number is chance. */
  of(packet: QuorumPacket): string | null {
    if (packet.type === PacketType.PING) return null;
    const type = Object.entries(PacketType).find(([, value]) => value === packet.type)?.[0];
    return `${type} ${packet.zxid.toString(16)} ${this.#content(packet)}`.trimEnd();
  }

  #content({ type, data, authIds }: QuorumPacket): string {
    if (data === null) return '';
    const bytes = Buffer.from(data);
    const reader = new JuteReader(bytes);
    if (type === PacketType.REQUEST) {
      const { sessionId, cxid, opCode } = readForwardedHeader(reader);
      const ids = (authIds ?? []).map(({ scheme, id }) => `${scheme}:${id}`).toSorted();
      const record = bytes.toString('hex', reader.offset);
      return `${this.name(sessionId)} ${cxid} op ${opCode} ${record} ${ids.join(' ')}`;
    }
    if (type === PacketType.PROPOSAL) {
      const { header, body, digest } = decodeTxn(bytes);
      // Those of a session are a set to whoever lists them.
      const own = body.type === OpCode.CLOSE_SESSION ? { paths: body.paths?.toSorted() } : {};
      const text = JSON.stringify({ ...body, ...own });
      const has = digest === null ? 'no digest' : 'digest';
      return `${this.name(header.sessionId)} ${header.cxid} ${text} ${has}`;
    }
    if (type === PacketType.REVALIDATE) {
      return `${this.name(reader.bigint64() as SessionId)} ${bytes.toString('hex', 8)}`;
    }
    if (type === PacketType.NEWLEADER) {
      return bytes.toString('utf8').replaceAll(/:\d+:\d+:/g, ':*:*:');
    }
    return bytes.toString('hex');
  }
}

/** Does at our servers what the recorded clients did at the recorded ones. */
class Clients {
  readonly #at: Member;
  readonly #elsewhere: Member;
  readonly #frames: readonly Frame[];
  readonly #sessions = new Map<SessionId, RawSession>();
  readonly #isAsked = new Set<string>();
  /** To another server, which the recorded follower's own connection does not know. */
  readonly #moved = new Set<SessionId>();

  /** @param at where the recorded follower's clients go; others go `elsewhere`. */
  constructor(at: Member, elsewhere: Member, frames: readonly Frame[]) {
    this.#at = at;
    this.#elsewhere = elsewhere;
    this.#frames = frames;
  }

  async run(): Promise<void> {
    for (const [index, frame] of this.#frames.entries()) {
      const packet = packetOf(frame);
      const reader = new JuteReader(Buffer.from(packet.data ?? []));
      if (packet.type === PacketType.REQUEST) {
        const { sessionId, cxid, opCode } = readForwardedHeader(reader);
        this.#isAsked.add(`${sessionId} ${cxid} ${opCode}`);
        const record = Buffer.from(packet.data ?? []).subarray(reader.offset);
        if (opCode === OpCode.CREATE_SESSION) {
          await this.#open(sessionId, record.readInt32BE(0), index);
        } else {
          const answer = this.#session(sessionId).request(opCode as OpCode, record);
          if (this.#moved.has(sessionId)) await assert.rejects(answer, /closed/);
          else await answer;
        }
        if (this.#isLast(sessionId, index)) this.#session(sessionId).destroy();
      } else if (frame.dir === 'learner->leader' && packet.type === PacketType.REVALIDATE) {
        await this.#move(reader.bigint64() as SessionId, this.#at);
      } else if (packet.type === PacketType.PROPOSAL) {
        await this.#elsewhereAsked(decodeTxn(packet.data ?? new Uint8Array(0)));
      }
    }
  }

  destroy(): void {
    for (const session of this.#sessions.values()) session.destroy();
  }

  #session(id: SessionId): RawSession {
    const session = this.#sessions.get(id);
    assert(session !== undefined);
    return session;
  }

  /** With the identities that its next request has. */
  async #open(id: SessionId, timeoutMs: number, index: number): Promise<void> {
    const session = await RawSession.open(this.#at.clientPort, { timeoutMs });
    this.#sessions.set(id, session);
    const next = this.#frames.slice(index + 1).find((frame) => {
      const packet = packetOf(frame);
      return packet.type === PacketType.REQUEST && sessionOf(packet) === id;
    });
    const ids = next === undefined ? null : packetOf(next).authIds;
    if (ids?.some(({ scheme }) => scheme === 'digest')) session.addAuth('digest', 'bob:secret');
  }

  async #move(id: SessionId, to: Member): Promise<RawSession> {
    const { sessionId, password, timeoutMs } = this.#session(id);
    return RawSession.open(to.clientPort, { sessionId, password, timeoutMs });
  }

  /** A transaction that no client of the recorded follower asked for, if a client did at all. */
  async #elsewhereAsked({ header: { sessionId, cxid }, body }: Txn): Promise<void> {
    if (this.#isAsked.has(`${sessionId} ${cxid} ${body.type}`)) return;
    if (body.type === OpCode.CREATE_SESSION) {
      const { timeoutMs } = body;
      const session = await RawSession.open(this.#elsewhere.clientPort, { timeoutMs });
      this.#sessions.set(sessionId, session);
    } else if (body.type === OpCode.CREATE) {
      const writer = new JuteWriter();
      const { path, data, acl, ephemeral } = body;
      const flags = ephemeral ? CreateMode.EPHEMERAL : CreateMode.PERSISTENT;
      const opCode = OpCode.CREATE;
      writeCreateRequest(writer, { op: 'create', opCode, path, data, acl, flags, ttlMs: 0 });
      assert.equal(await this.#session(sessionId).request(opCode, writer.take()), 0);
    } else if (body.type === OpCode.SET_DATA) {
      const writer = new JuteWriter();
      const { path, data } = body;
      setDataRequest.write(writer, { op: 'setData', path, data, version: -1 });
      this.#moved.add(sessionId);
      const moved = await this.#move(sessionId, this.#elsewhere);
      assert.equal(await moved.request(OpCode.SET_DATA, writer.take()), 0);
      moved.destroy();
    }
  }

  /** Its client went without a word: nothing more was asked, but the session was closed. */
  #isLast(id: SessionId, index: number): boolean {
    const rest = this.#frames.slice(index + 1).map(packetOf);
    return (
      !rest.some((packet) => packet.type === PacketType.REQUEST && sessionOf(packet) === id) &&
      rest.some(({ type, data }) => {
        if (type !== PacketType.PROPOSAL) return false;
        const { header, body } = decodeTxn(data ?? new Uint8Array(0));
        return header.sessionId === id && body.type === OpCode.CLOSE_SESSION && header.cxid === 0;
      })
    );
  }
}

function sessionOf(packet: QuorumPacket): SessionId {
  return readForwardedHeader(new JuteReader(Buffer.from(packet.data ?? []))).sessionId;
}

function linesOf(packets: readonly QuorumPacket[]): string[] {
  const lines = new Lines();
  return packets.map((packet) => lines.of(packet)).filter((line) => line !== null);
}

/**
 * Of those of one kind the order counts, and of what clients asked for. When a commit comes is up to
 * disks: a client may ask on before its follower's own is done, the leader propose on before a quorum's.
 */
function inOrder(...both: [readonly string[], readonly string[]]): [string[][], string[][]] {
  const kinds = [/^ACK /, /^COMMIT /, /^(?!ACK |COMMIT )/];
  const [left, right] = both.map((lines) => {
    return kinds.map((kind) => lines.filter((line) => kind.test(line)));
  });
  return [left ?? [], right ?? []];
}

const voter: MemberSpec = { kind: 'ours' };

for (const [name, observers] of [
  ['follower_traffic', 1],
  ['container_ttl_expiry', 0],
] as const) {
  test(`${name}: follower and leader say what Apache's said`, async () => {
    const observer: MemberSpec = { kind: 'ours', role: 'observer' };
    await using ensemble = await RealEnsemble.create({
      members: [voter, voter, voter, ...Array.from({ length: observers }, () => observer)],
      tickMs: 1000,
      properties: {
        'zookeeper.extendedTypesEnabled': 'true',
        'znode.container.checkIntervalMs': '1000',
      },
    });
    const [follower, other, leader] = ensemble.members as [Member, Member, Member];
    const [port = 0] = await freePorts(1);
    await using tap = await QuorumTap.open(port, leader.quorumPort);
    const path = join(follower.directory, 'zoo.cfg');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(`:${leader.quorumPort}:`, `:${port}:`));
    leader.start();
    follower.start();
    await ensemble.ready();
    other.start();
    await ensemble.ready();
    assert.equal(await ensemble.leader(), leader);

    const frames = recording(name);
    const clients = new Clients(follower, other, frames);
    await clients.run();
    for (const [dir, said] of [
      ['learner->leader', () => tap.fromLearner],
      ['leader->learner', () => tap.fromLeader],
    ] as const) {
      const expected = linesOf(
        frames.filter((frame) => frame.dir === dir).map((frame) => packetOf(frame)),
      );
      await until('everything to be said', 10_000, () => {
        return linesOf(said()).length >= expected.length;
      });
      assert.deepEqual(...inOrder(linesOf(said()), expected), dir);
    }
    clients.destroy();
  });
}
