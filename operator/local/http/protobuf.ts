import { ApiError } from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import { isObject, stringAt } from '../api/json.ts';

/** First bytes of an object in this form. */
const magic = Buffer.from('k8s\u0000');

type FieldType =
  | 'string'
  | 'bytes'
  | 'int'
  | 'bool'
  | 'time'
  | 'intOrString'
  | 'stringMap'
  | 'bytesMap'
  | Message;

interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly isList?: boolean;
}

/** Fields of a message by their number. */
interface Message {
  readonly [number: number]: Field;
}

const ownerReference: Message = {
  1: { name: 'kind', type: 'string' },
  3: { name: 'name', type: 'string' },
  4: { name: 'uid', type: 'string' },
  5: { name: 'apiVersion', type: 'string' },
  6: { name: 'controller', type: 'bool' },
  7: { name: 'blockOwnerDeletion', type: 'bool' },
};

const objectMeta: Message = {
  1: { name: 'name', type: 'string' },
  2: { name: 'generateName', type: 'string' },
  3: { name: 'namespace', type: 'string' },
  5: { name: 'uid', type: 'string' },
  6: { name: 'resourceVersion', type: 'string' },
  7: { name: 'generation', type: 'int' },
  8: { name: 'creationTimestamp', type: 'time' },
  11: { name: 'labels', type: 'stringMap' },
  12: { name: 'annotations', type: 'stringMap' },
  13: { name: 'ownerReferences', type: ownerReference, isList: true },
  14: { name: 'finalizers', type: 'string', isList: true },
};

const metadata: Field = { name: 'metadata', type: objectMeta };

const labelSelector: Message = {
  1: { name: 'matchLabels', type: 'stringMap' },
};

const servicePort: Message = {
  1: { name: 'name', type: 'string' },
  2: { name: 'protocol', type: 'string' },
  3: { name: 'port', type: 'int' },
  4: { name: 'targetPort', type: 'intOrString' },
};

const serviceSpec: Message = {
  1: { name: 'ports', type: servicePort, isList: true },
  2: { name: 'selector', type: 'stringMap' },
  3: { name: 'clusterIP', type: 'string' },
  4: { name: 'type', type: 'string' },
};

const deleteOptions: Message = {
  1: { name: 'gracePeriodSeconds', type: 'int' },
  2: {
    name: 'preconditions',
    type: { 1: { name: 'uid', type: 'string' }, 2: { name: 'resourceVersion', type: 'string' } },
  },
  4: { name: 'propagationPolicy', type: 'string' },
  5: { name: 'dryRun', type: 'string', isList: true },
};

/** What `kubectl create` and `kubectl drain` send in this form. Source: the .proto files of the API. */
const kinds: Readonly<Record<string, Message>> = {
  Namespace: { 1: metadata },
  ConfigMap: {
    1: metadata,
    2: { name: 'data', type: 'stringMap' },
    3: { name: 'binaryData', type: 'bytesMap' },
    4: { name: 'immutable', type: 'bool' },
  },
  Secret: {
    1: metadata,
    2: { name: 'data', type: 'bytesMap' },
    3: { name: 'type', type: 'string' },
    4: { name: 'stringData', type: 'stringMap' },
    5: { name: 'immutable', type: 'bool' },
  },
  ServiceAccount: { 1: metadata },
  Service: { 1: metadata, 2: { name: 'spec', type: serviceSpec } },
  PodDisruptionBudget: {
    1: metadata,
    2: {
      name: 'spec',
      type: {
        1: { name: 'minAvailable', type: 'intOrString' },
        2: { name: 'selector', type: labelSelector },
        3: { name: 'maxUnavailable', type: 'intOrString' },
        4: { name: 'unhealthyPodEvictionPolicy', type: 'string' },
      },
    },
  },
  Eviction: { 1: metadata, 2: { name: 'deleteOptions', type: deleteOptions } },
  DeleteOptions: deleteOptions,
};

/** What follows the magic: type, and the object's own bytes. */
const envelope: Message = {
  1: {
    name: 'typeMeta',
    type: { 1: { name: 'apiVersion', type: 'string' }, 2: { name: 'kind', type: 'string' } },
  },
  2: { name: 'raw', type: 'bytes' },
};

function malformed(): ApiError {
  return new ApiError(400, 'BadRequest', 'the body of the request is no protobuf of Kubernetes');
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw malformed();
  }

  chunk(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw malformed();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function mapEntry(bytes: Buffer, isText: boolean): readonly [string, string] {
  const value: Field = { name: 'value', type: isText ? 'string' : 'bytes' };
  const entry = decode(bytes, { 1: { name: 'key', type: 'string' }, 2: value });
  return [stringAt(entry, 'key') ?? '', stringAt(entry, 'value') ?? ''];
}

function scalar(type: FieldType, value: number | Buffer): Json {
  if (typeof value === 'number') return type === 'bool' ? value !== 0 : value;
  if (type === 'string') return value.toString('utf8');
  if (type === 'bytes') return value.toString('base64');
  if (type === 'time') {
    const { seconds } = decode(value, { 1: { name: 'seconds', type: 'int' } });
    return typeof seconds === 'number' ? new Date(seconds * 1000).toISOString() : null;
  }
  if (type === 'intOrString') {
    const parts = decode(value, {
      1: { name: 'type', type: 'int' },
      2: { name: 'number', type: 'int' },
      3: { name: 'text', type: 'string' },
    });
    return parts['type'] === 1 ? (parts['text'] ?? '') : (parts['number'] ?? 0);
  }
  return typeof type === 'object' ? decode(value, type) : null;
}

function store(object: JsonObject, field: Field, value: number | Buffer): void {
  const { name, type } = field;
  if (type === 'stringMap' || type === 'bytesMap') {
    if (typeof value === 'number') throw malformed();
    const [key, text] = mapEntry(value, type === 'stringMap');
    const map = object[name];
    if (isObject(map)) map[key] = text;
    else object[name] = { [key]: text };
    return;
  }
  const read = scalar(type, value);
  if (field.isList === true) {
    const list = object[name];
    if (Array.isArray(list)) list.push(read);
    else object[name] = [read];
  } else if (read !== '' && read !== null) {
    // Text that is not set is sent as empty.
    object[name] = read;
  }
}

/** Fields a table does not name are skipped: the server would not keep them. */
function decode(bytes: Buffer, message: Message): JsonObject {
  const reader = new Reader(bytes);
  const object: JsonObject = {};
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    const field = message[Math.floor(tag / 8)];
    switch (tag % 8) {
      case 0: {
        const value = reader.varint();
        if (field !== undefined) store(object, field, value);
        break;
      }
      case 1:
        reader.chunk(8);
        break;
      case 2: {
        const value = reader.chunk(reader.varint());
        if (field !== undefined) store(object, field, value);
        break;
      }
      case 5:
        reader.chunk(4);
        break;
      default:
        throw malformed();
    }
  }
  return object;
}

/**
 * An object in Kubernetes' protobuf form, which kubectl prefers for a few commands, as JSON.
 * @throws ApiError 400 for bytes that are none, 415 for a kind that is read as JSON only.
 */
export function decodeProtobuf(body: Buffer): Json {
  if (!body.subarray(0, 4).equals(magic)) throw malformed();
  const outer = decode(body.subarray(4), envelope);
  const kind = stringAt(outer, 'typeMeta', 'kind') ?? '';
  const message = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (message === undefined) {
    const why = `the local control plane reads ${kind} as JSON or YAML only`;
    throw new ApiError(415, 'UnsupportedMediaType', why);
  }
  const raw = Buffer.from(stringAt(outer, 'raw') ?? '', 'base64');
  const apiVersion = stringAt(outer, 'typeMeta', 'apiVersion') ?? '';
  return { ...decode(raw, message), apiVersion, kind };
}
