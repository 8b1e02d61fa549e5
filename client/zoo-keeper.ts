import type { Acl } from '../server/protocol/acl.ts';
import { ErrorCode } from '../server/protocol/error-code.ts';
import type { Codec, JuteReader, JuteWriter } from '../server/protocol/jute.ts';
import { OpCode } from '../server/protocol/op-code.ts';
import {
  getAclResponse,
  setAclRequest,
  whoAmIResponse,
} from '../server/protocol/requests/access.ts';
import type { ClientInfo } from '../server/protocol/requests/access.ts';
import {
  create2Response,
  createResponse,
  writeCreateRequest,
} from '../server/protocol/requests/create.ts';
import type { Create2Response } from '../server/protocol/requests/create.ts';
import { deleteRequest } from '../server/protocol/requests/delete.ts';
import {
  countResponse,
  getChildren2Response,
  namesResponse,
  optionalPathRequest,
  pathRequest,
  readRequest,
} from '../server/protocol/requests/read.ts';
import { reconfigRequest } from '../server/protocol/requests/reconfig.ts';
import { setDataRequest, statResponse } from '../server/protocol/requests/set-data.ts';
import {
  AddWatchMode,
  addWatchRequest,
  WatcherType,
  watchesRequest,
} from '../server/protocol/requests/watch.ts';
import type { Stat } from '../server/protocol/stat.ts';
import { zxidNone } from '../server/protocol/zxid.ts';
import type { Zxid } from '../server/protocol/zxid.ts';
import { readBatch, readNode, writeBatch } from './batch.ts';
import type { Node, Read, ReadResult } from './batch.ts';
import type { ConnectOptions, SessionListener } from './connection.ts';
import { ClientConnection } from './connection.ts';
import { bytesOf, checkPath, createRequestOf } from './requests.ts';
import type { CreateOptions, NodeData, Operation, OperationResult } from './requests.ts';
import type { SessionState } from './session-events.ts';
import type { WatchKind, WatchListener } from './watches.ts';
import { ZkError } from './zk-error.ts';

export interface WatchOption {
  /** Called once, at the next change of what was asked. */
  readonly watch?: WatchListener;
}

const configPath = '/zookeeper/config';

/**
 * A session with an ensemble. Calls may be made without waiting for earlier ones: they are carried
 * out in the order made. Every one throws {@link ZkError}: refused, or CONNECTION_LOSS when its
 * fate is not known.
 *
 * ```
 * await using zk = await ZooKeeper.connect('zoo1:2181,zoo2:2181/app');
 * await zk.create('/worker-', 'me', { ephemeral: true, sequential: true });
 * ```
 */
export class ZooKeeper {
  readonly #connection: ClientConnection;

  private constructor(connection: ClientConnection) {
    this.#connection = connection;
  }

  /**
   * Resolves with the first server that takes the session.
   *
   * @throws ZkError CONNECTION_LOSS when none did in time; BAD_ARGUMENTS.
   */
  static async connect(connectString: string, options: ConnectOptions = {}): Promise<ZooKeeper> {
    return new ZooKeeper(await ClientConnection.open(connectString, options));
  }

  get state(): SessionState {
    return this.#connection.session.state;
  }

  get sessionId(): bigint {
    return this.#connection.session.sessionId;
  }

  /** As negotiated with the servers. */
  get sessionTimeoutMs(): number {
    return this.#connection.session.timeoutMs;
  }

  /** Connected to a server that has lost its quorum. */
  get isReadOnly(): boolean {
    return this.#connection.session.isReadOnly;
  }

  /** Highest zxid that any reply had. */
  get lastZxid(): Zxid {
    return this.#connection.session.lastZxid;
  }

  /**
   * When the latest of what a server has answered was sent, in ms of `performance.now()`. A session
   * timeout later the ensemble may have ended the session, whether this client was told or not.
   */
  get lastHeardMs(): number {
    return this.#connection.session.lastHeardMs;
  }

  /** Tells of every change of {@link state}. Returns what ends it. */
  onState(listener: SessionListener): () => void {
    return this.#connection.onState(listener);
  }

  /** The path made, with its number when sequential. */
  async create(path: string, data: NodeData = null, options: CreateOptions = {}): Promise<string> {
    const request = createRequestOf(this.#connection.chroot, path, data, options);
    const isPlain = request.opCode === OpCode.CREATE;
    const made = await this.#call(
      request.opCode,
      path,
      (writer) => writeCreateRequest(writer, request),
      (reader) => (isPlain ? createResponse.read(reader) : create2Response.read(reader).path),
    );
    return this.#connection.out(made);
  }

  async createWithStat(
    path: string,
    data: NodeData = null,
    options: CreateOptions = {},
  ): Promise<Create2Response> {
    const request = createRequestOf(this.#connection.chroot, path, data, options);
    const made = await this.#call(
      request.opCode === OpCode.CREATE ? OpCode.CREATE2 : request.opCode,
      path,
      (writer) => writeCreateRequest(writer, request),
      (reader) => create2Response.read(reader),
    );
    return { path: this.#connection.out(made.path), stat: made.stat };
  }

  /** Version -1: whatever it is. @throws ZkError NOT_EMPTY, BAD_VERSION, NO_NODE */
  async remove(path: string, version: number = -1): Promise<void> {
    const target = this.#into(path);
    await this.#ask(
      OpCode.DELETE,
      path,
      deleteRequest,
      { op: 'delete', path: target, version },
      noRecord,
    );
  }

  /** The watch hears of a change or the removal. @throws ZkError NO_NODE */
  async get(path: string, options: WatchOption = {}): Promise<Node> {
    return this.#getAt(this.#into(path), path, options);
  }

  async set(path: string, data: NodeData, version: number = -1): Promise<Stat> {
    const request = {
      op: 'setData',
      path: this.#into(path),
      data: bytesOf(data),
      version,
    } as const;
    return this.#ask(OpCode.SET_DATA, path, setDataRequest, request, statResponse);
  }

  /** `null`: there is no such node. The watch hears of its creation, change or removal. */
  async exists(path: string, options: WatchOption = {}): Promise<Stat | null> {
    const request = { path: this.#into(path), watch: options.watch !== undefined };
    const { watch } = options;
    return this.#connection.call({
      opCode: OpCode.EXISTS,
      path,
      write: (writer) => readRequest.write(writer, request),
      read: (reader) => {
        if (watch !== undefined) this.#connection.watches.add('data', request.path, watch);
        return statResponse.read(reader);
      },
      otherwise: (error) => {
        if (error !== ErrorCode.NO_NODE) return undefined;
        if (watch !== undefined) this.#connection.watches.add('exist', request.path, watch);
        return null;
      },
    });
  }

  /** Names, in no particular order. The watch hears of children made and removed. */
  async children(path: string, options: WatchOption = {}): Promise<string[]> {
    return (await this.childrenWithStat(path, options)).children;
  }

  async childrenWithStat(
    path: string,
    options: WatchOption = {},
  ): Promise<{ readonly children: string[]; readonly stat: Stat }> {
    const request = { path: this.#into(path), watch: options.watch !== undefined };
    const { watch } = options;
    return this.#call(
      OpCode.GET_CHILDREN2,
      path,
      (writer) => readRequest.write(writer, request),
      (reader) => {
        if (watch !== undefined) this.#connection.watches.add('child', request.path, watch);
        const { children, stat } = getChildren2Response.read(reader);
        return { children: [...children], stat };
      },
    );
  }

  async getAcl(path: string): Promise<{ readonly acl: readonly Acl[]; readonly stat: Stat }> {
    const target = this.#into(path);
    return this.#ask(OpCode.GET_ACL, path, pathRequest, target, getAclResponse);
  }

  /** `version` is the access list's own (`stat.aversion`). */
  async setAcl(path: string, acl: readonly Acl[], version: number = -1): Promise<Stat> {
    const request = { op: 'setAcl', path: this.#into(path), acl, version } as const;
    return this.#ask(OpCode.SET_ACL, path, setAclRequest, request, statResponse);
  }

  /** Afterwards reads see at least what the leader had proposed when it got this. */
  async sync(path: string = '/'): Promise<void> {
    const target = this.#into(path);
    await this.#ask(OpCode.SYNC, path, optionalPathRequest, target, noRecord);
  }

  /** All or nothing. @throws MultiError with the result of every part */
  async multi(operations: readonly Operation[]): Promise<OperationResult[]> {
    return writeBatch(this.#connection, operations);
  }

  /** Each read succeeds or fails alone. */
  async multiRead(reads: readonly Read[]): Promise<ReadResult[]> {
    return readBatch(this.#connection, reads);
  }

  /** Hears of every change of the node, or of all below it too, until removed. */
  async addWatch(
    path: string,
    listener: WatchListener,
    options: { readonly recursive?: boolean } = {},
  ): Promise<void> {
    const isRecursive = options.recursive === true;
    const mode = isRecursive ? AddWatchMode.PERSISTENT_RECURSIVE : AddWatchMode.PERSISTENT;
    const target = this.#into(path);
    await this.#call(
      OpCode.ADD_WATCH,
      path,
      (writer) => addWatchRequest.write(writer, { path: target, mode }),
      () => {
        const kind = isRecursive ? 'recursive' : 'persistent';
        this.#connection.watches.add(kind, target, listener);
      },
    );
  }

  /**
   * Without a listener: all of that type. The server is told when nobody is left. The answer: the
   * kinds of watches that went.
   *
   * @throws ZkError NO_WATCHER when there is none.
   */
  async removeWatches(
    path: string,
    options: { readonly listener?: WatchListener; readonly type?: WatcherType } = {},
  ): Promise<readonly WatchKind[]> {
    const { watches } = this.#connection;
    const { listener = null, type = WatcherType.ANY } = options;
    const target = this.#into(path);
    if (!watches.has(target, type, listener)) throw new ZkError('NO_WATCHER', path);
    const kinds = watches.remove(target, type, listener);
    if (!watches.has(target, type, null)) {
      const request = { path: target, type };
      await this.#ask(OpCode.REMOVE_WATCHES, path, watchesRequest, request, noRecord);
    }
    return kinds;
  }

  /** Proves an identity, now and after every reconnect. @throws ZkError AUTH_FAILED */
  addAuth(scheme: string, auth: NodeData): Promise<void> {
    return this.#connection.addAuth(scheme, bytesOf(auth) ?? new Uint8Array(0));
  }

  /** Ephemeral nodes of this session below a path. */
  async getEphemerals(prefix: string = '/'): Promise<string[]> {
    const target = this.#into(prefix);
    const paths = await this.#ask(
      OpCode.GET_EPHEMERALS,
      prefix,
      optionalPathRequest,
      target,
      namesResponse,
    );
    return paths.map((path) => this.#connection.out(path));
  }

  /** All nodes below, at every depth. */
  async getAllChildrenNumber(path: string): Promise<number> {
    const target = this.#into(path);
    return this.#ask(OpCode.GET_ALL_CHILDREN_NUMBER, path, pathRequest, target, countResponse);
  }

  /** What this connection has proven. */
  async whoAmI(): Promise<readonly ClientInfo[]> {
    return this.#ask(OpCode.WHO_AM_I, null, noRecord, undefined, whoAmIResponse);
  }

  /** Text of the membership; not below the chroot. */
  getConfig(options: WatchOption = {}): Promise<Node> {
    return this.#getAt(configPath, configPath, options);
  }

  /** Changes the membership: by difference, or by the whole list. The new text is the answer. */
  async reconfig(change: {
    readonly joining?: string;
    readonly leaving?: string;
    readonly members?: string;
    /** Version of the configuration it applies to. */
    readonly version?: Zxid;
  }): Promise<Node> {
    const request = {
      op: 'reconfig',
      joiningServers: change.joining ?? null,
      leavingServers: change.leaving ?? null,
      newMembers: change.members ?? null,
      curConfigId: change.version ?? zxidNone,
    } as const;
    return this.#call(
      OpCode.RECONFIG,
      configPath,
      (writer) => reconfigRequest.write(writer, request),
      readNode,
    );
  }

  /** Ends the session: its ephemeral nodes go. Never throws. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #getAt(target: string, path: string, options: WatchOption): Promise<Node> {
    const request = { path: target, watch: options.watch !== undefined };
    const { watch } = options;
    return this.#call(
      OpCode.GET_DATA,
      path,
      (writer) => readRequest.write(writer, request),
      (reader) => {
        if (watch !== undefined) this.#connection.watches.add('data', target, watch);
        return readNode(reader);
      },
    );
  }

  /** For async methods, where a bad path becomes a rejection like every other. */
  #into(path: string): string {
    checkPath(path);
    return this.#connection.into(path);
  }

  #ask<Q, R>(
    opCode: number,
    path: string | null,
    request: Codec<Q>,
    value: Q,
    response: Codec<R>,
  ): Promise<R> {
    return this.#call(
      opCode,
      path,
      (writer) => request.write(writer, value),
      (reader) => response.read(reader),
    );
  }

  #call<T>(
    opCode: number,
    path: string | null,
    write: (writer: JuteWriter) => void,
    read: (reader: JuteReader) => T,
  ): Promise<T> {
    return this.#connection.call({ opCode, path, write, read, otherwise: null });
  }
}

/** A header alone. */
const noRecord: Codec<undefined> = { read: () => undefined, write: () => undefined };
