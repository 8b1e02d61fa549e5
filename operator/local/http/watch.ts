import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { namespaceOf } from '../api/kube-object.ts';
import type { Api } from '../resources/api.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { apiVersionOf, resourceKey } from '../resources/definition.ts';
import type { Selector } from '../resources/selectors.ts';
import type { Change } from '../store/store.ts';

/** Time between two bookmarks of a quiet watch. */
const bookmarkIntervalMs = 10_000;
/** A watch that names no end ends by then, as the real API server's do. */
const watchTimeoutMsMax = 30 * 60_000;
/** Bytes that may wait for a slow client before its watch is ended. */
const backlogBytesMax: number = 16 * 2 ** 20;

export interface WatchRequest {
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly selector: Selector;
  /** `null`: start with everything there is. */
  readonly since: number | null;
  readonly timeoutMs: number | null;
  readonly hasBookmarks: boolean;
  /** Everything there is first, and a bookmark that says when that is done. */
  readonly sendsInitialEvents: boolean;
  readonly render: (object: KubeObject) => Json;
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** The event a watcher with a selector sees; `null` for a change that is not its own. */
function eventFor(request: WatchRequest, change: Change): readonly [EventType, KubeObject] | null {
  const { object, previous } = change;
  if (request.namespace !== '' && namespaceOf(object) !== request.namespace) return null;
  const matched = previous !== undefined && request.selector(previous);
  const matches = change.type !== 'DELETED' && request.selector(object);
  if (matches) return [matched ? 'MODIFIED' : 'ADDED', object];
  return matched ? ['DELETED', object] : null;
}

class Watch {
  readonly #request: WatchRequest;
  readonly #response: ServerResponse;
  readonly #api: Api;
  readonly #timers: NodeJS.Timeout[] = [];
  #unsubscribe: () => void = () => {};
  #lines: string[] = [];
  #isFlushing = false;

  constructor(api: Api, request: WatchRequest, response: ServerResponse) {
    this.#api = api;
    this.#request = request;
    this.#response = response;
  }

  start(): void {
    const { definition, since, timeoutMs, hasBookmarks } = this.#request;
    const { store } = this.#api;
    this.#response.writeHead(200, {
      'content-type': 'application/json',
      'cache-control': 'no-cache, private',
      'transfer-encoding': 'chunked',
    });
    this.#response.flushHeaders();
    if (since === null) {
      this.#sendInitial();
    } else {
      try {
        for (const change of store.changesSince(resourceKey(definition), since)) this.#take(change);
      } catch (error) {
        // As the real API server does it: a stream with the refusal as its only event.
        if (!(error instanceof ApiError)) throw error;
        this.#response.end(`${JSON.stringify({ type: 'ERROR', object: error.toStatus() })}\n`);
        return;
      }
    }
    this.#unsubscribe = store.subscribe((change) => {
      if (change.resource === resourceKey(definition)) this.#take(change);
    });
    if (hasBookmarks) {
      this.#timers.push(setInterval(() => this.#sendBookmark({}), bookmarkIntervalMs));
    }
    const endMs = Math.min(timeoutMs ?? watchTimeoutMsMax, watchTimeoutMsMax);
    this.#timers.push(setTimeout(() => this.#response.end(), endMs));
    this.#response.on('close', () => this.#stop());
  }

  #stop(): void {
    this.#unsubscribe();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #sendInitial(): void {
    const { definition, namespace, selector } = this.#request;
    for (const object of this.#api.list(definition, namespace, selector)) {
      this.#send('ADDED', this.#request.render(object));
    }
    if (this.#request.sendsInitialEvents) {
      this.#sendBookmark({ annotations: { 'k8s.io/initial-events-end': 'true' } });
    }
  }

  #take(change: Change): void {
    const event = eventFor(this.#request, change);
    if (event !== null) this.#send(event[0], this.#request.render(event[1]));
  }

  #sendBookmark(metadata: JsonObject): void {
    const { definition } = this.#request;
    this.#send('BOOKMARK', {
      kind: definition.kind,
      apiVersion: apiVersionOf(definition),
      metadata: { ...metadata, resourceVersion: String(this.#api.store.revision) },
    });
  }

  /** Events of one turn leave in one write. */
  #send(type: string, object: Json): void {
    this.#lines.push(`${JSON.stringify({ type, object })}\n`);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      const text = this.#lines.join('');
      this.#lines = [];
      if (this.#response.writableEnded) return;
      this.#response.write(text);
      if (this.#response.writableLength > backlogBytesMax) this.#response.destroy();
    });
  }
}

/**
 * Answers a watch: one JSON line for each event until the client leaves or the time is over. A
 * position that is too old is answered with an error event, code 410.
 * @throws ApiError 504 for a position in the future.
 */
export function serveWatch(
  api: Api,
  request: WatchRequest,
  incoming: IncomingMessage,
  response: ServerResponse,
): void {
  if (request.since !== null && request.since > api.store.revision) {
    throw new ApiError(504, 'Timeout', `Too large resource version: ${request.since}`);
  }
  incoming.socket.setNoDelay(true);
  new Watch(api, request, response).start();
}
