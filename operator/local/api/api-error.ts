import type { Json, JsonObject } from './json.ts';

export interface StatusCause {
  readonly reason?: string;
  readonly message: string;
  readonly field?: string;
}

interface ApiErrorOptions {
  readonly kind?: string;
  readonly group?: string;
  readonly name?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** A refusal of the API server; travels to the client as a `Status` object. */
export class ApiError extends Error {
  readonly httpCode: number;
  readonly code: string;
  readonly options: ApiErrorOptions;

  constructor(httpCode: number, code: string, message: string, options: ApiErrorOptions = {}) {
    super(message);
    this.name = 'ApiError';
    this.httpCode = httpCode;
    this.code = code;
    this.options = options;
  }

  toStatus(): JsonObject {
    const { kind, group, name, causes, retryAfterSeconds } = this.options;
    const details: JsonObject = {};
    if (name !== undefined) details['name'] = name;
    if (group !== undefined && group !== '') details['group'] = group;
    if (kind !== undefined) details['kind'] = kind;
    if (causes !== undefined) details['causes'] = causes as unknown as Json;
    if (retryAfterSeconds !== undefined) details['retryAfterSeconds'] = retryAfterSeconds;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.code,
      details,
      code: this.httpCode,
    };
  }
}

/** Whose refusal it is: group and plural of the resource, name of the object. */
export interface Subject {
  readonly group: string;
  readonly plural: string;
  readonly name: string;
}

function qualified(subject: Subject): string {
  return subject.group === '' ? subject.plural : `${subject.plural}.${subject.group}`;
}

function detailsOf(subject: Subject): ApiErrorOptions {
  return { group: subject.group, kind: subject.plural, name: subject.name };
}

export function notFound(subject: Subject): ApiError {
  const message = `${qualified(subject)} "${subject.name}" not found`;
  return new ApiError(404, 'NotFound', message, detailsOf(subject));
}

export function alreadyExists(subject: Subject): ApiError {
  const message = `${qualified(subject)} "${subject.name}" already exists`;
  return new ApiError(409, 'AlreadyExists', message, detailsOf(subject));
}

export function conflict(subject: Subject, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(subject)} "${subject.name}": ${why}`;
  return new ApiError(409, 'Conflict', message, detailsOf(subject));
}

/** One field that is not as it must be. */
export interface FieldError {
  readonly field: string;
  readonly reason: string;
  readonly message: string;
}

export function fieldError(field: string, reason: string, message: string): FieldError {
  return { field, reason, message };
}

export function invalidField(field: string, value: Json | undefined, why: string): FieldError {
  const shown = typeof value === 'string' ? `"${value}"` : JSON.stringify(value);
  const short = (shown ?? 'null').slice(0, 200);
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${short}: ${why}` };
}

export function requiredField(field: string, why = ''): FieldError {
  const message = why === '' ? 'Required value' : `Required value: ${why}`;
  return { field, reason: 'FieldValueRequired', message };
}

export function forbiddenField(field: string, why: string): FieldError {
  return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${why}` };
}

export function invalid(subject: Subject, kind: string, errors: readonly FieldError[]): ApiError {
  const lines = errors.map((error) => `${error.field}: ${error.message}`);
  const joined = lines.length === 1 ? lines.join('') : `[${lines.join(', ')}]`;
  const qualifiedKind = subject.group === '' ? kind : `${kind}.${subject.group}`;
  return new ApiError(422, 'Invalid', `${qualifiedKind} "${subject.name}" is invalid: ${joined}`, {
    group: subject.group,
    kind,
    name: subject.name,
    causes: errors,
  });
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

export function gone(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

/** What the local control plane leaves to a real cluster. */
export function notImplemented(what: string): ApiError {
  return new ApiError(501, 'NotImplemented', `the local control plane does not support ${what}`);
}
