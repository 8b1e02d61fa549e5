import type { Schema } from '../schema/schema.ts';
import { memberSchema } from '../schema/schema.ts';
import type { Expression } from './ast.ts';
import { CelSyntaxError } from './ast.ts';
import { unescapeField } from './evaluate.ts';
import { globals, methods, regularExpression } from './functions.ts';
import { isMacro } from './macros.ts';

/** What is known of a value before the rule runs: its schema, or nothing. */
type Known = Schema | undefined;
type Names = ReadonlyMap<string, Known>;

/** Schema of a whole that rules may see of every object. */
const rootMetadata: Schema = {
  type: 'object',
  properties: { name: { type: 'string' }, generateName: { type: 'string' } },
};

/** The schema as a rule at the root of an object sees it. */
export function rootSchema(schema: Schema): Schema {
  const text: Schema = { type: 'string' };
  const properties = { ...schema.properties, apiVersion: text, kind: text, metadata: rootMetadata };
  return { ...schema, properties };
}

function fieldOf(owner: Known, field: string): Known {
  if (owner?.type !== 'object') {
    if (owner?.type !== undefined) {
      throw new CelSyntaxError(`type '${owner.type}' does not support field selection '${field}'`);
    }
    return undefined;
  }
  if (owner.properties === undefined) return memberSchema(owner, field);
  const found = memberSchema(owner, field);
  if (found === undefined) throw new CelSyntaxError(`undefined field '${field}'`);
  return found;
}

function checkMacro(node: Expression & { type: 'call' }, names: Names): Known {
  const [first, ...rest] = node.args;
  if (node.target === null) {
    if (first?.type !== 'select') throw new CelSyntaxError('has() needs a field');
    check(first, names);
    return { type: 'boolean' };
  }
  const range = check(node.target, names);
  const item: Known = range?.type === 'object' ? { type: 'string' } : range?.items;
  const inner = new Map([...names, [first?.type === 'name' ? first.name : '', item]]);
  const results = rest.map((argument) => check(argument, inner));
  if (node.name === 'filter') return range?.type === 'array' ? range : undefined;
  if (node.name !== 'map') return { type: 'boolean' };
  const mapped = results.at(-1);
  return mapped === undefined ? undefined : { type: 'array', items: mapped };
}

function checkCall(node: Expression & { type: 'call' }, names: Names): Known {
  if (isMacro(node)) return checkMacro(node, names);
  const table = node.target === null ? globals : methods;
  const found = Object.hasOwn(table, node.name) ? table[node.name] : undefined;
  if (found === undefined) {
    throw new CelSyntaxError(
      `undeclared reference to '${node.name}': no function this runtime has`,
    );
  }
  if (!found.counts.includes(node.args.length)) {
    const counts = found.counts.join(' or ');
    throw new CelSyntaxError(`${node.name}() takes ${counts} arguments, not ${node.args.length}`);
  }
  if (node.target !== null) check(node.target, names);
  for (const argument of node.args) check(argument, names);
  const pattern = node.args.at(-1);
  if (node.name === 'matches' && pattern?.type === 'literal') {
    regularExpression(String(pattern.value));
  }
  return undefined;
}

function check(node: Expression, names: Names): Known {
  switch (node.type) {
    case 'literal':
      return undefined;
    case 'name':
      if (names.has(node.name)) return names.get(node.name);
      throw new CelSyntaxError(`undeclared reference to '${node.name}'`);
    case 'select':
      return fieldOf(check(node.operand, names), unescapeField(node.field));
    case 'index': {
      const owner = check(node.operand, names);
      check(node.index, names);
      if (owner?.type === 'array') return owner.items;
      const rest = owner?.additionalProperties;
      return typeof rest === 'object' ? rest : undefined;
    }
    case 'list':
      for (const item of node.items) check(item, names);
      return undefined;
    case 'map':
      for (const [key, value] of node.entries) {
        check(key, names);
        check(value, names);
      }
      return undefined;
    case 'unary':
      return check(node.operand, names);
    case 'binary':
      check(node.left, names);
      check(node.right, names);
      return undefined;
    case 'conditional': {
      check(node.condition, names);
      const yes = check(node.yes, names);
      const no = check(node.no, names);
      return yes === no ? yes : undefined;
    }
    case 'call':
      break;
  }
  return checkCall(node, names);
}

/**
 * Refuses what could only fail when the rule runs: unknown names, fields the schema does not
 * have, functions this runtime does not have.
 * @throws CelSyntaxError that names the culprit.
 */
export function checkCel(expression: Expression, self: Schema): void {
  const names: Names = new Map([
    ['self', self],
    ['oldSelf', self],
  ]);
  check(expression, names);
}

/** Whether a rule compares with the state before, and so does not hold for a new object. */
export function mentionsOldSelf(node: Expression): boolean {
  switch (node.type) {
    case 'literal':
      return false;
    case 'name':
      return node.name === 'oldSelf';
    case 'select':
    case 'unary':
      return mentionsOldSelf(node.operand);
    case 'index':
      return mentionsOldSelf(node.operand) || mentionsOldSelf(node.index);
    case 'list':
      return node.items.some(mentionsOldSelf);
    case 'map':
      return node.entries.some(([key, value]) => mentionsOldSelf(key) || mentionsOldSelf(value));
    case 'binary':
      return mentionsOldSelf(node.left) || mentionsOldSelf(node.right);
    case 'conditional':
      return [node.condition, node.yes, node.no].some(mentionsOldSelf);
    case 'call':
      break;
  }
  return (node.target !== null && mentionsOldSelf(node.target)) || node.args.some(mentionsOldSelf);
}
