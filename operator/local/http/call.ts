import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from '../api/json.ts';
import type { Api } from '../resources/api.ts';
import type { Target } from '../resources/target.ts';
import { parseBody, readBody } from './answer.ts';
import type { ResourcePath } from './path.ts';

/** A request whose path named a resource. */
export interface Call {
  readonly api: Api;
  readonly path: ResourcePath;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly nowMs: () => number;
}

/** What the path of a call names. */
export function targetOf(path: ResourcePath): Target {
  return { definition: path.definition, namespace: path.namespace, name: path.name };
}

/** The body of a call, read as its content type says. */
export async function bodyOf(call: Call): Promise<Json> {
  const bytes = await readBody(call.request);
  return parseBody(bytes, call.request.headers['content-type'] ?? 'application/json');
}
