import type { FieldError } from '../api/api-error.ts';
import { fieldError, invalidField, requiredField } from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import { isObject, sameJson } from '../api/json.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { Schema } from './schema.ts';
import { mapKeysOf, memberSchema } from './schema.ts';

const patterns = new Map<string, RegExp>();

/** @throws SyntaxError for a pattern this runtime cannot run. */
export function patternOf(text: string): RegExp {
  let pattern = patterns.get(text);
  if (pattern === undefined) {
    pattern = new RegExp(text, 'u');
    patterns.set(text, pattern);
  }
  return pattern;
}

function typeName(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function isOfType(value: Json, schema: Schema): boolean {
  if (schema['x-kubernetes-int-or-string'] === true) {
    return typeof value === 'string' || Number.isInteger(value);
  }
  const type = typeName(value);
  if (schema.type === undefined || type === schema.type) return true;
  return type === 'integer' && schema.type === 'number';
}

const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function formatError(value: Json, format: string): string | null {
  if (typeof value === 'number') {
    if (format === 'int32' && !(value >= -(2 ** 31) && value < 2 ** 31)) return 'must fit int32';
    return null;
  }
  if (typeof value !== 'string') return null;
  if (format === 'date-time' && !(dateTime.test(value) && !Number.isNaN(Date.parse(value)))) {
    return 'must be a date-time, such as 2030-01-02T03:04:05Z';
  }
  if (format === 'quantity' && parseQuantity(value) === null) {
    return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  }
  if (format === 'byte' && !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value)) return 'must be base64';
  return null;
}

function stringErrors(value: string, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const length = Array.from(value).length;
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    const message = `Too long: may not be more than ${schema.maxLength} bytes`;
    errors.push(fieldError(path, 'FieldValueTooLong', message));
  }
  if (schema.minLength !== undefined && length < schema.minLength) {
    const why = `should be at least ${schema.minLength} chars long`;
    errors.push(invalidField(path, value, why));
  }
  if (schema.pattern !== undefined && !patternOf(schema.pattern).test(value)) {
    errors.push(invalidField(path, value, `should match '${schema.pattern}'`));
  }
  return errors;
}

function numberErrors(value: number, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { minimum, maximum, multipleOf } = schema;
  if (minimum !== undefined) {
    const isBelow = schema.exclusiveMinimum === true ? value <= minimum : value < minimum;
    const bound = schema.exclusiveMinimum === true ? 'greater than' : 'greater than or equal to';
    if (isBelow) errors.push(invalidField(path, value, `should be ${bound} ${minimum}`));
  }
  if (maximum !== undefined) {
    const isAbove = schema.exclusiveMaximum === true ? value >= maximum : value > maximum;
    const bound = schema.exclusiveMaximum === true ? 'less than' : 'less than or equal to';
    if (isAbove) errors.push(invalidField(path, value, `should be ${bound} ${maximum}`));
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) {
    errors.push(invalidField(path, value, `should be a multiple of ${multipleOf}`));
  }
  return errors;
}

function listErrors(value: Json[], schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    const message = `Too many: ${value.length}: must have at most ${schema.maxItems} items`;
    errors.push(fieldError(path, 'FieldValueTooMany', message));
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    const why = `should have at least ${schema.minItems} items`;
    errors.push(invalidField(path, value.length, why));
  }
  const keys = mapKeysOf(schema);
  const isSet = schema.uniqueItems === true || schema['x-kubernetes-list-type'] === 'set';
  const identity = (item: Json): Json =>
    keys !== null && isObject(item) ? keys.map((key) => item[key] ?? null) : item;
  value.forEach((item, index) => {
    const isTwice = value.slice(0, index).some((one) => sameJson(identity(one), identity(item)));
    if ((keys !== null || isSet) && isTwice) {
      const message = `Duplicate value: ${JSON.stringify(identity(item))}`;
      errors.push(fieldError(`${path}[${index}]`, 'FieldValueDuplicate', message));
    }
    if (schema.items !== undefined) {
      errors.push(...validate(item, schema.items, `${path}[${index}]`));
    }
  });
  return errors;
}

function objectErrors(value: JsonObject, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const count = Object.keys(value).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    const message = `Too many: ${count}: must have at most ${schema.maxProperties} items`;
    errors.push(fieldError(path, 'FieldValueTooMany', message));
  }
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    const why = `should have at least ${schema.minProperties} properties`;
    errors.push(invalidField(path, count, why));
  }
  for (const key of schema.required ?? []) {
    if (value[key] === undefined) errors.push(requiredField(path === '' ? key : `${path}.${key}`));
  }
  for (const [key, member] of Object.entries(value)) {
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    const below = known ? (path === '' ? key : `${path}.${key}`) : `${path}[${key}]`;
    const found = memberSchema(schema, key);
    if (found !== undefined) errors.push(...validate(member, found, below));
  }
  return errors;
}

function combinedErrors(value: Json, schema: Schema, path: string): FieldError[] {
  const errors = (schema.allOf ?? []).flatMap((part) => validate(value, part, path));
  const passing = (parts: readonly Schema[]): number =>
    parts.filter((part) => validate(value, part, path).length === 0).length;
  if (schema.anyOf !== undefined && passing(schema.anyOf) === 0) {
    errors.push(invalidField(path, value, 'must match at least one schema of anyOf'));
  }
  if (schema.oneOf !== undefined && passing(schema.oneOf) !== 1) {
    errors.push(invalidField(path, value, 'must match exactly one schema of oneOf'));
  }
  if (schema.not !== undefined && passing([schema.not]) === 1) {
    errors.push(invalidField(path, value, 'must not match the schema of not'));
  }
  return errors;
}

/** Everything that is wrong with a value, by path; rules in CEL are judged elsewhere. */
export function validate(value: Json, schema: Schema, path = ''): FieldError[] {
  if (value === null && schema.nullable === true) return [];
  if (!isOfType(value, schema)) {
    const expected =
      schema['x-kubernetes-int-or-string'] === true ? 'integer or string' : schema.type;
    const why = `${path} in body must be of type ${expected}: "${typeName(value)}"`;
    return [
      fieldError(path, 'FieldValueTypeInvalid', `Invalid value: "${typeName(value)}": ${why}`),
    ];
  }
  const errors = combinedErrors(value, schema, path);
  if (schema.enum !== undefined && !schema.enum.some((item) => sameJson(item, value))) {
    const allowed = schema.enum.map((item) => JSON.stringify(item)).join(', ');
    const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${allowed}`;
    errors.push(fieldError(path, 'FieldValueNotSupported', message));
  }
  const wrongFormat = schema.format === undefined ? null : formatError(value, schema.format);
  if (wrongFormat !== null) errors.push(invalidField(path, value, wrongFormat));
  if (typeof value === 'string') errors.push(...stringErrors(value, schema, path));
  else if (typeof value === 'number') errors.push(...numberErrors(value, schema, path));
  else if (Array.isArray(value)) errors.push(...listErrors(value, schema, path));
  else if (isObject(value)) errors.push(...objectErrors(value, schema, path));
  return errors;
}
