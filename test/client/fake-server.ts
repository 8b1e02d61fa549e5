import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions } from 'node:tls';

import { aclOpen } from '../../server/protocol/acl.ts';
import { connectRequest } from '../../server/protocol/connect.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { FrameDecoder } from '../../server/protocol/framing.ts';
import { JuteReader } from '../../server/protocol/jute.ts';
import type { JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { nameOf, parentOf, withSequence } from '../../server/protocol/path.ts';
import * as access from '../../server/protocol/requests/access.ts';
import { create2Response, readCreateRequest } from '../../server/protocol/requests/create.ts';
import { deleteRequest } from '../../server/protocol/requests/delete.ts';
import {
  readMultiRead,
  writeMultiReadResponse,
} from '../../server/protocol/requests/multi-read.ts';
import type { MultiReadResult } from '../../server/protocol/requests/multi-read.ts';
import { readMulti, writeMultiResponse } from '../../server/protocol/requests/multi.ts';
import type { MultiResult } from '../../server/protocol/requests/multi.ts';
import * as read from '../../server/protocol/requests/read.ts';
import { setDataRequest } from '../../server/protocol/requests/set-data.ts';
import * as watch from '../../server/protocol/requests/watch.ts';
import type { Stat } from '../../server/protocol/stat.ts';
import { writeStat } from '../../server/protocol/stat.ts';
import { connectedFrame, eventFrame, replyFrame } from './wire.ts';

interface FakeNode {
  data: Uint8Array | null;
  version: number;
  creates: number;
  readonly owner: bigint;
}

interface FakeConnection {
  readonly socket: Socket;
  sessionId: bigint;
  readonly dataWatches: Set<string>;
  readonly childWatches: Set<string>;
  readonly persistentWatches: Set<string>;
}

type Answer = (writer: JuteWriter) => void;

/**
 * A server of one machine and no disk, enough to try a client on: nodes, watches, sessions that
 * move, and faults on request. Refusals are thrown as error codes.
 */
export class FakeServer {
  readonly nodes: Map<string, FakeNode> = new Map();
  readonly opCodes: number[] = [];
  readonly #server: Server;
  readonly #connections = new Set<FakeConnection>();
  readonly #sessions = new Set<bigint>();
  #nextSessionId = 0x100n;
  #zxid = 0;

  /** With `tls` it speaks nothing else. */
  constructor(tls: TlsOptions | null = null) {
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server = tls === null ? createServer(accept) : createTlsServer(tls, accept);
    this.#server.on('tlsClientError', () => undefined);
    this.nodes.set('/', { data: null, version: 0, creates: 0, owner: 0n });
    this.nodes.set('/zookeeper/config', {
      data: Buffer.from('version=0'),
      version: 0,
      creates: 0,
      owner: 0n,
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Cuts every connection; sessions live on. */
  drop(): void {
    for (const { socket } of this.#connections) socket.destroy();
    this.#connections.clear();
  }

  expireAll(): void {
    this.#sessions.clear();
    this.drop();
  }

  #accept(socket: Socket): void {
    const decoder = new FrameDecoder(0xfffff);
    const connection: FakeConnection = {
      socket,
      sessionId: 0n,
      dataWatches: new Set(),
      childWatches: new Set(),
      persistentWatches: new Set(),
    };
    this.#connections.add(connection);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#connections.delete(connection));
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      while (decoder.next()) {
        const reader = new JuteReader(decoder.buffer, decoder.start, decoder.end);
        if (connection.sessionId === 0n) this.#greet(connection, reader);
        else this.#answer(connection, reader);
      }
    });
  }

  #greet(connection: FakeConnection, reader: JuteReader): void {
    const { sessionId, timeoutMs } = connectRequest.read(reader);
    if (sessionId !== 0n && !this.#sessions.has(sessionId)) {
      connection.socket.end(connectedFrame(0n, 0));
      return;
    }
    connection.sessionId = sessionId === 0n ? this.#nextSessionId : sessionId;
    this.#nextSessionId += 1n;
    this.#sessions.add(connection.sessionId);
    connection.socket.write(connectedFrame(connection.sessionId, timeoutMs));
  }

  #answer(connection: FakeConnection, reader: JuteReader): void {
    const xid = reader.int32();
    const opCode = reader.int32();
    this.opCodes.push(opCode);
    try {
      const answer = this.#perform(connection, opCode, reader);
      connection.socket.write(replyFrame(xid, this.#zxid, 0, answer));
    } catch (error) {
      if (typeof error !== 'number') throw error;
      connection.socket.write(replyFrame(xid, this.#zxid, error));
    }
    if (opCode === OpCode.CLOSE_SESSION) connection.socket.end();
  }

  #perform(connection: FakeConnection, opCode: number, reader: JuteReader): Answer {
    switch (opCode) {
      case OpCode.CREATE:
      case OpCode.CREATE2:
      case OpCode.CREATE_CONTAINER:
      case OpCode.CREATE_TTL: {
        const path = this.#create(connection, readCreateRequest(reader, opCode));
        if (opCode === OpCode.CREATE) return (writer) => writer.string(path);
        return (writer) => create2Response.write(writer, { path, stat: this.#stat(path) });
      }
      case OpCode.DELETE: {
        const { path, version } = deleteRequest.read(reader);
        this.#remove(path, version);
        return () => undefined;
      }
      case OpCode.SET_DATA: {
        const { path, data, version } = setDataRequest.read(reader);
        this.#set(path, data, version);
        return (writer) => writeStat(writer, this.#stat(path));
      }
      case OpCode.MULTI:
        return this.#multi(connection, readMulti(reader).ops);
      case OpCode.CLOSE_SESSION:
        for (const [path, node] of this.nodes) {
          if (node.owner === connection.sessionId) this.#remove(path, -1);
        }
        this.#sessions.delete(connection.sessionId);
        return () => undefined;
      default:
        return this.#performRead(connection, opCode, reader);
    }
  }

  #performRead(connection: FakeConnection, opCode: number, reader: JuteReader): Answer {
    switch (opCode) {
      case OpCode.EXISTS:
      case OpCode.GET_DATA:
      case OpCode.GET_CHILDREN2:
        return this.#read(connection, opCode, reader);
      case OpCode.MULTI_READ: {
        const results = readMultiRead(reader).map((op) => this.#multiReadOne(op));
        return (writer) => writeMultiReadResponse(writer, results);
      }
      case OpCode.GET_ACL: {
        const stat = this.#stat(reader.string());
        return (writer) => access.getAclResponse.write(writer, { acl: aclOpen, stat });
      }
      case OpCode.SET_ACL: {
        const stat = this.#stat(access.setAclRequest.read(reader).path);
        return (writer) => writeStat(writer, stat);
      }
      case OpCode.AUTH: {
        const { scheme } = access.authRequest.read(reader);
        if (scheme !== 'digest') throw ErrorCode.AUTH_FAILED;
        return () => undefined;
      }
      case OpCode.SET_WATCHES:
      case OpCode.SET_WATCHES2:
        return this.#setWatches(connection, opCode, reader);
      case OpCode.ADD_WATCH:
        connection.persistentWatches.add(reader.string());
        return (writer) => writer.int32(0);
      case OpCode.REMOVE_WATCHES: {
        const path = reader.string();
        if (!connection.persistentWatches.delete(path)) throw ErrorCode.NO_WATCHER;
        return () => undefined;
      }
      case OpCode.SYNC:
        return (
          (path) => (writer: JuteWriter) =>
            writer.string(path)
        )(reader.string());
      case OpCode.GET_EPHEMERALS: {
        const prefix = reader.string();
        const paths = [...this.nodes]
          .filter(([path, { owner }]) => owner !== 0n && path.startsWith(prefix))
          .map(([path]) => path);
        return (writer) => read.namesResponse.write(writer, paths);
      }
      case OpCode.GET_ALL_CHILDREN_NUMBER: {
        const prefix = `${reader.string()}/`;
        const count = [...this.nodes.keys()].filter((path) => path.startsWith(prefix)).length;
        return (writer) => writer.int32(count);
      }
      case OpCode.WHO_AM_I:
        return (writer) =>
          access.whoAmIResponse.write(writer, [{ scheme: 'ip', user: '127.0.0.1' }]);
      case OpCode.PING:
        return () => undefined;
      default:
        throw ErrorCode.UNIMPLEMENTED;
    }
  }

  #read(connection: FakeConnection, opCode: number, reader: JuteReader): Answer {
    const request = read.readRequest.read(reader);
    const { path } = request;
    const isChildren = opCode === OpCode.GET_CHILDREN2;
    const node = this.nodes.get(path);
    if (request.watch && (node !== undefined || opCode === OpCode.EXISTS)) {
      (isChildren ? connection.childWatches : connection.dataWatches).add(path);
    }
    if (node === undefined) throw ErrorCode.NO_NODE;
    const stat = this.#stat(path);
    if (opCode === OpCode.EXISTS) return (writer) => writeStat(writer, stat);
    if (isChildren) {
      const children = this.#children(path);
      return (writer) => read.getChildren2Response.write(writer, { children, stat });
    }
    return (writer) => read.getDataResponse.write(writer, { data: node.data, stat });
  }

  #multiReadOne(op: { readonly opCode: number; readonly path: string }): MultiReadResult {
    const node = this.nodes.get(op.path);
    if (node === undefined) return { type: -1, error: ErrorCode.NO_NODE };
    if (op.opCode === OpCode.GET_CHILDREN) return { type: 8, children: this.#children(op.path) };
    return { type: 4, data: node.data, stat: this.#stat(op.path) };
  }

  #multi(connection: FakeConnection, ops: ReturnType<typeof readMulti>['ops']): Answer {
    const failing = ops.findIndex((op) => op.op === 'check' && !this.nodes.has(op.path));
    const results = ops.map((op, index): MultiResult => {
      const nothing = { path: null, stat: null };
      if (failing >= 0) {
        const error = index === failing ? ErrorCode.NO_NODE : ErrorCode.RUNTIME_INCONSISTENCY;
        return { type: -1, error: index < failing ? ErrorCode.OK : error, ...nothing };
      }
      const done = { error: ErrorCode.OK, ...nothing };
      switch (op.op) {
        case 'create': {
          const path = this.#create(connection, op);
          return { type: op.opCode, error: ErrorCode.OK, path, stat: this.#stat(path) };
        }
        case 'delete':
          this.#remove(op.path, op.version);
          return { type: OpCode.DELETE, ...done };
        case 'setData':
          this.#set(op.path, op.data, op.version);
          return { ...done, type: OpCode.SET_DATA, stat: this.#stat(op.path) };
        case 'check':
          return { type: OpCode.CHECK, ...done };
      }
      throw new Error('a multi holds nothing else');
    });
    return (writer) => writeMultiResponse(writer, results);
  }

  #setWatches(connection: FakeConnection, opCode: number, reader: JuteReader): Answer {
    const isOld = opCode === OpCode.SET_WATCHES;
    const request = (isOld ? watch.setWatchesRequest : watch.setWatches2Request).read(reader);
    for (const path of request.dataWatches) {
      if (!this.nodes.has(path)) connection.socket.write(eventFrame(2, path, -1));
      else connection.dataWatches.add(path);
    }
    for (const path of request.existWatches) {
      if (this.nodes.has(path)) connection.socket.write(eventFrame(1, path, -1));
      else connection.dataWatches.add(path);
    }
    for (const path of request.childWatches) connection.childWatches.add(path);
    for (const path of request.persistentWatches) connection.persistentWatches.add(path);
    return () => undefined;
  }

  #create(
    connection: FakeConnection,
    request: { readonly path: string; readonly data: Uint8Array | null; readonly flags: number },
  ): string {
    const parent = this.nodes.get(parentOf(request.path));
    if (parent === undefined) throw ErrorCode.NO_NODE;
    const isSequential = [2, 3, 6].includes(request.flags);
    const path = isSequential ? withSequence(request.path, parent.creates) : request.path;
    if (this.nodes.has(path)) throw ErrorCode.NODE_EXISTS;
    parent.creates += 1;
    const isEphemeral = request.flags === 1 || request.flags === 3;
    this.nodes.set(path, {
      data: request.data === null ? null : Buffer.from(request.data),
      version: 0,
      creates: 0,
      owner: isEphemeral ? connection.sessionId : 0n,
    });
    this.#changed(1, path);
    return path;
  }

  #remove(path: string, version: number): void {
    const node = this.nodes.get(path);
    if (node === undefined) throw ErrorCode.NO_NODE;
    if (version !== -1 && version !== node.version) throw ErrorCode.BAD_VERSION;
    if (this.#children(path).length > 0) throw ErrorCode.NOT_EMPTY;
    this.nodes.delete(path);
    this.#changed(2, path);
  }

  #set(path: string, data: Uint8Array | null, version: number): void {
    const node = this.nodes.get(path);
    if (node === undefined) throw ErrorCode.NO_NODE;
    if (version !== -1 && version !== node.version) throw ErrorCode.BAD_VERSION;
    node.data = data === null ? null : Buffer.from(data);
    node.version += 1;
    this.#changed(3, path);
  }

  #changed(type: 1 | 2 | 3, path: string): void {
    this.#zxid += 1;
    const parent = parentOf(path);
    for (const { socket, dataWatches, childWatches, persistentWatches } of this.#connections) {
      if (dataWatches.delete(path) || persistentWatches.has(path)) {
        socket.write(eventFrame(type, path, this.#zxid));
      }
      if (type !== 3 && (childWatches.delete(parent) || persistentWatches.has(parent))) {
        socket.write(eventFrame(4, parent, this.#zxid));
      }
    }
  }

  #children(path: string): string[] {
    return [...this.nodes.keys()]
      .filter((other) => other !== '/' && parentOf(other) === path)
      .map(nameOf);
  }

  #stat(path: string): Stat {
    const node = this.nodes.get(path);
    if (node === undefined) throw ErrorCode.NO_NODE;
    return {
      czxid: 1,
      mzxid: 1,
      ctimeMs: 1,
      mtimeMs: 1,
      version: node.version,
      cversion: node.creates,
      aversion: 0,
      ephemeralOwner: node.owner,
      dataLength: node.data?.length ?? 0,
      numChildren: this.#children(path).length,
      pzxid: 1,
    } as unknown as Stat;
  }
}
