import { allowed } from '../prep/access.ts';
import { Perm } from '../protocol/acl.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { EventType } from '../protocol/event-type.ts';
import type { JuteReader } from '../protocol/jute.ts';
import { JuteError, JuteWriter } from '../protocol/jute.ts';
import { OpCode } from '../protocol/op-code.ts';
import {
  AddWatchMode,
  addWatchRequest,
  setWatches2Request,
  setWatchesRequest,
  watchesRequest,
} from '../protocol/requests/watch.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidNone } from '../protocol/zxid.ts';
import type { TreeChange } from '../tree/door.ts';
import { nodeNone } from '../tree/door.ts';
import { WatchMode } from '../watch/door.ts';
import type { Client } from './client.ts';
import type { Core } from './core.ts';
import { beginReply, endReply, replyHeader, writeEvent } from './replies.ts';

/** Requests about watches, and the events that fire. Source: semantics, section 6. */
export class Watching {
  readonly #core: Core;
  /** The event that was encoded last: thousands may hear the same one. */
  readonly #event = new JuteWriter(256);
  #eventType = 0;
  #eventPath = '';

  constructor(core: Core) {
    this.#core = core;
  }

  /** Fires for what a transaction did; before the reply to it is written. */
  fire(changes: readonly TreeChange[], zxid: Zxid): void {
    const core = this.#core;
    if (core.watches.watchCount === 0) return;
    this.#eventPath = '';
    for (const change of changes) {
      core.watches.fire(change, (client, type, path) => {
        const acl = type === EventType.NODE_CHILDREN_CHANGED ? change.parentAcl : change.acl;
        if (!allowed(acl, Perm.READ, client.authIds, core.access)) return;
        this.#send(client, zxid, type, path);
      });
    }
  }

  /** @throws JuteError on an unknown mode. */
  addWatch(client: Client, xid: number, reader: JuteReader): void {
    const core = this.#core;
    const request = addWatchRequest.read(reader);
    const path = request.path ?? '';
    if (request.mode === AddWatchMode.PERSISTENT) {
      core.watches.addData(path, client, WatchMode.PERSISTENT);
      core.watches.addChild(path, client, WatchMode.PERSISTENT);
    } else if (request.mode === AddWatchMode.PERSISTENT_RECURSIVE) {
      core.watches.addData(path, client, WatchMode.RECURSIVE);
    } else {
      throw new JuteError(`watch mode ${request.mode}`);
    }
    const writer = beginReply(core, client, xid, core.tree.lastZxid, ErrorCode.OK);
    writer.int32(ErrorCode.OK);
    endReply(core, client, core.tree.lastZxid);
  }

  /** checkWatches and removeWatches. @throws JuteError on an unknown type. */
  checkOrRemove(client: Client, xid: number, opCode: number, reader: JuteReader): void {
    const core = this.#core;
    const { path, type } = watchesRequest.read(reader);
    if (type < 1 || type > 5) throw new JuteError(`watch type ${type}`);
    const found =
      opCode === OpCode.REMOVE_WATCHES
        ? core.watches.remove(path ?? '', client, type)
        : core.watches.has(path ?? '', client, type);
    const error = found ? ErrorCode.OK : ErrorCode.NO_WATCHER;
    replyHeader(core, client, xid, core.tree.lastZxid, error);
  }

  /** After a reconnect: each watch is set again, or the change that it missed is told. */
  setWatches(client: Client, xid: number, opCode: number, reader: JuteReader): void {
    const core = this.#core;
    const { tree, watches } = core;
    const codec = opCode === OpCode.SET_WATCHES ? setWatchesRequest : setWatches2Request;
    const request = codec.read(reader);
    const since = request.relativeZxid;
    for (const path of request.dataWatches) {
      const node = tree.find(path);
      if (node === nodeNone) this.#catchUp(client, EventType.NODE_DELETED, path);
      else if (tree.mzxid(node) > since) this.#catchUp(client, EventType.NODE_DATA_CHANGED, path);
      else watches.addData(path, client, WatchMode.STANDARD);
    }
    for (const path of request.existWatches) {
      if (tree.find(path) !== nodeNone) this.#catchUp(client, EventType.NODE_CREATED, path);
      else watches.addData(path, client, WatchMode.STANDARD);
    }
    for (const path of request.childWatches) {
      const node = tree.find(path);
      if (node === nodeNone) this.#catchUp(client, EventType.NODE_DELETED, path);
      else if (tree.pzxid(node) > since) {
        this.#catchUp(client, EventType.NODE_CHILDREN_CHANGED, path);
      } else watches.addChild(path, client, WatchMode.STANDARD);
    }
    for (const path of request.persistentWatches) {
      watches.addData(path, client, WatchMode.PERSISTENT);
      watches.addChild(path, client, WatchMode.PERSISTENT);
    }
    for (const path of request.persistentRecursiveWatches) {
      watches.addData(path, client, WatchMode.RECURSIVE);
    }
    replyHeader(core, client, xid, tree.lastZxid, ErrorCode.OK);
  }

  #catchUp(client: Client, type: EventType, path: string): void {
    const core = this.#core;
    core.dirty(client);
    writeEvent(client.connection.outbox.beginFrame(), zxidNone, type, path);
    client.connection.outbox.endFrame();
    core.counters.packetsSent += 1;
  }

  #send(client: Client, zxid: Zxid, type: EventType, path: string): void {
    const core = this.#core;
    if (type !== this.#eventType || path !== this.#eventPath) {
      this.#event.clear();
      writeEvent(this.#event, zxid, type, path);
      this.#eventType = type;
      this.#eventPath = path;
    }
    core.dirty(client);
    client.connection.outbox.beginFrame().raw(this.#event.view());
    client.connection.outbox.endFrame();
    client.sentCount += 1;
    core.counters.packetsSent += 1;
  }
}
