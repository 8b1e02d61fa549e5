import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { ApiError, badRequest } from '../api/api-error.ts';
import type { Json } from '../api/json.ts';
import { decodeProtobuf } from './protobuf.ts';

/** Bytes of one request's body. */
export const bodyBytesMax: number = 3 * 2 ** 20;

export function sendJson(
  response: ServerResponse,
  code: number,
  body: Json,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(code, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    'cache-control': 'no-cache, private',
    ...headers,
  });
  response.end(bytes);
}

export function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}

/** Sentences for the client in the form that kubectl prints. Source: RFC 7234, section 5.5. */
export function warningHeaders(warnings: readonly string[]): Record<string, string> {
  if (warnings.length === 0) return {};
  const shown = [...new Set(warnings)].map(
    (text) => `299 - "${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  );
  return { warning: shown.join(', ') };
}

/** The whole body. @throws ApiError 413 when it is too large. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const piece = chunk as Buffer;
    bytes += piece.length;
    if (bytes > bodyBytesMax) {
      const message = `the request is too large: at most ${bodyBytesMax} bytes`;
      throw new ApiError(413, 'RequestEntityTooLarge', message);
    }
    chunks.push(piece);
  }
  return Buffer.concat(chunks);
}

/** @throws ApiError 400 for what cannot be read, 415 for a language the server does not speak. */
export function parseBody(body: Buffer, contentType: string): Json {
  if (body.length === 0) return null;
  if (contentType.includes('protobuf')) return decodeProtobuf(body);
  if (contentType.includes('cbor')) {
    const message = `the body of the request was in an unknown format: ${contentType}`;
    throw new ApiError(415, 'UnsupportedMediaType', message);
  }
  const text = body.toString('utf8');
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (!contentType.includes('yaml')) {
      throw badRequest(`the body of the request is no JSON: ${(error as Error).message}`);
    }
  }
  try {
    return parseYaml(text) as Json;
  } catch (error) {
    throw badRequest(`the body of the request is no YAML: ${(error as Error).message}`);
  }
}
