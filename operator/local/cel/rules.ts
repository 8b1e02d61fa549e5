import type { FieldError } from '../api/api-error.ts';
import { fieldError } from '../api/api-error.ts';
import type { Json } from '../api/json.ts';
import { isObject } from '../api/json.ts';
import type { Schema, ValidationRule } from '../schema/schema.ts';
import { mapKeysOf, memberSchema } from '../schema/schema.ts';
import { itemElement } from '../patch/field-set.ts';
import type { Expression } from './ast.ts';
import { checkCel, mentionsOldSelf, rootSchema } from './check.ts';
import { evaluateCel } from './evaluate.ts';
import { parseCel } from './parse.ts';
import { CelError, toCel } from './value.ts';

interface CompiledRule {
  readonly rule: ValidationRule;
  readonly expression: Expression;
  readonly message: Expression | null;
  readonly isTransition: boolean;
}

/** The rules of a schema, ready to run, by the schema node they stand at. */
export type CompiledRules = ReadonlyMap<Schema, readonly CompiledRule[]>;

/** Fault of a rule found when its schema is installed. */
export interface RuleFault {
  readonly path: string;
  readonly message: string;
}

/**
 * Compiles every rule of a schema.
 * @returns the rules, and one fault for each that this runtime could not judge faithfully.
 */
export function compileRules(schema: Schema): { rules: CompiledRules; faults: RuleFault[] } {
  const rules = new Map<Schema, CompiledRule[]>();
  const faults: RuleFault[] = [];
  const visit = (node: Schema, path: string, isRoot: boolean, isCorrelated: boolean): void => {
    for (const [index, rule] of (node['x-kubernetes-validations'] ?? []).entries()) {
      const at = `${path}.x-kubernetes-validations[${index}].rule`;
      try {
        const compiled = compileRule(rule, isRoot ? rootSchema(node) : node);
        if (compiled.isTransition && !isCorrelated) {
          faults.push({ path: at, message: 'oldSelf cannot be used under a list without keys' });
        }
        rules.set(node, [...(rules.get(node) ?? []), compiled]);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        faults.push({ path: at, message: `compilation failed: ${why}` });
      }
    }
    for (const [key, member] of Object.entries(node.properties ?? {})) {
      visit(member, `${path}.properties[${key}]`, false, isCorrelated);
    }
    if (typeof node.additionalProperties === 'object') {
      visit(node.additionalProperties, `${path}.additionalProperties`, false, isCorrelated);
    }
    if (node.items !== undefined) {
      const hasKeys = mapKeysOf(node) !== null;
      visit(node.items, `${path}.items`, false, isCorrelated && hasKeys);
    }
  };
  visit(schema, 'openAPIV3Schema', true, true);
  return { rules, faults };
}

function compileRule(rule: ValidationRule, self: Schema): CompiledRule {
  if (rule.optionalOldSelf === true) throw new Error('optionalOldSelf is not supported');
  const expression = parseCel(rule.rule);
  checkCel(expression, self);
  let message: Expression | null = null;
  if (rule.messageExpression !== undefined) {
    message = parseCel(rule.messageExpression);
    checkCel(message, self);
  }
  return { rule, expression, message, isTransition: mentionsOldSelf(expression) };
}

/** What a rule at the root sees: of the metadata only the names. */
function rootView(value: Json): Json {
  if (!isObject(value)) return value;
  const metadata = value['metadata'];
  const names: Json = {};
  for (const key of ['name', 'generateName']) {
    const name = isObject(metadata) ? metadata[key] : undefined;
    if (name !== undefined) names[key] = name;
  }
  return { ...value, metadata: names };
}

function shownValue(value: Json): string {
  if (Array.isArray(value)) return '"array"';
  return isObject(value) ? '"object"' : JSON.stringify(value);
}

function runRule(
  compiled: CompiledRule,
  schema: Schema,
  value: Json,
  old: Json | undefined,
  path: string,
): FieldError | null {
  const { rule } = compiled;
  if (compiled.isTransition && old === undefined) return null;
  const scope = new Map([['self', toCel(value, schema)]]);
  if (old !== undefined) scope.set('oldSelf', toCel(old, schema));
  const field =
    path === '' ? (rule.fieldPath ?? '').replace(/^\./, '') : path + (rule.fieldPath ?? '');
  const fault = (why: string): FieldError =>
    fieldError(
      field === '' ? '<nil>' : field,
      rule.reason ?? 'FieldValueInvalid',
      `Invalid value: ${shownValue(value)}: ${why}`,
    );
  try {
    const verdict = evaluateCel(compiled.expression, scope);
    if (verdict === true) return null;
    if (verdict !== false) return fault(`rule ${rule.rule} gave no bool`);
    const told = compiled.message === null ? null : evaluateCel(compiled.message, scope);
    if (typeof told === 'string' && told.trim() !== '') return fault(told);
    return fault(rule.message ?? `failed rule: ${rule.rule}`);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return fault(`${error.message} evaluating rule: ${rule.message ?? rule.rule}`);
  }
}

/** Every rule that an object breaks; transition rules hold against the old state. */
export function ruleErrors(
  rules: CompiledRules,
  schema: Schema,
  value: Json,
  old: Json | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const visit = (node: Schema, now: Json, before: Json | undefined, path: string): void => {
    const isRoot = path === '';
    for (const compiled of rules.get(node) ?? []) {
      const view = isRoot ? rootView(now) : now;
      const oldView = isRoot && before !== undefined ? rootView(before) : before;
      const error = runRule(compiled, isRoot ? rootSchema(node) : node, view, oldView, path);
      if (error !== null) errors.push(error);
    }
    if (Array.isArray(now)) {
      visitItems(node, now, before, path);
      return;
    }
    if (!isObject(now)) return;
    for (const [key, member] of Object.entries(now)) {
      const schemaOfMember = memberSchema(node, key);
      if (schemaOfMember === undefined) continue;
      const isNamed = node.properties !== undefined && Object.hasOwn(node.properties, key);
      const below = isNamed ? (isRoot ? key : `${path}.${key}`) : `${path}[${key}]`;
      visit(schemaOfMember, member, isObject(before) ? before[key] : undefined, below);
    }
  };
  const visitItems = (node: Schema, now: Json[], before: Json | undefined, path: string): void => {
    const { items } = node;
    if (items === undefined) return;
    const keys = mapKeysOf(node);
    const old = new Map<string, Json>();
    if (keys !== null && Array.isArray(before)) {
      for (const item of before) old.set(itemElement(item, keys, items), item);
    }
    for (const [index, item] of now.entries()) {
      const same = keys === null ? undefined : old.get(itemElement(item, keys, items));
      visit(items, item, same, `${path}[${index}]`);
    }
  };
  visit(schema, value, old, '');
  return errors;
}
