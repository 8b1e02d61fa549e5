import type { Binary, Expression } from './ast.ts';
import { globals, methods } from './functions.ts';
import { isMacro } from './macros.ts';
import type { CelValue } from './value.ts';
import { CelError, compareCel, Duration, sameCel, Timestamp, typeNameOf } from './value.ts';

/** Steps one rule may take; Kubernetes budgets cost in the same spirit. */
export const evaluationStepsMax = 1_000_000;

export type Scope = ReadonlyMap<string, CelValue>;

const intMin = -(2n ** 63n);
const intMax = 2n ** 63n - 1n;

/** Words that a field's name hides behind in a rule. Source: Kubernetes' CEL reference, escaping. */
export function unescapeField(name: string): string {
  const hidden =
    /^__(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return)__$/;
  const word = hidden.exec(name)?.[1];
  if (word !== undefined) return word;
  return name
    .replaceAll('__underscores__', '\u0000')
    .replaceAll('__dot__', '.')
    .replaceAll('__dash__', '-')
    .replaceAll('__slash__', '/')
    .replaceAll('\u0000', '__');
}

function isTrue(value: CelValue): boolean {
  if (typeof value === 'boolean') return value;
  throw new CelError(`no such overload: ${typeNameOf(value)} is no bool`);
}

function checkedInt(value: bigint): bigint {
  if (value < intMin || value > intMax) throw new CelError('integer overflow');
  return value;
}

function intArithmetic(operator: Binary, left: bigint, right: bigint): bigint {
  if (operator === '+') return checkedInt(left + right);
  if (operator === '-') return checkedInt(left - right);
  if (operator === '*') return checkedInt(left * right);
  if (right === 0n) throw new CelError('division by zero');
  return operator === '/' ? checkedInt(left / right) : left % right;
}

function arithmetic(operator: Binary, left: CelValue, right: CelValue): CelValue {
  if (typeof left === 'bigint' && typeof right === 'bigint') {
    return intArithmetic(operator, left, right);
  }
  if (typeof left === 'number' && typeof right === 'number') {
    if (operator === '+') return left + right;
    if (operator === '-') return left - right;
    if (operator === '*') return left * right;
    if (operator === '/') return left / right;
  }
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') return left + right;
    if (Array.isArray(left) && Array.isArray(right)) return [...left, ...right];
  }
  if (operator === '+' || operator === '-') {
    const sign = operator === '+' ? 1 : -1;
    if (right instanceof Duration) {
      if (left instanceof Duration) return new Duration(left.ms + sign * right.ms);
      if (left instanceof Timestamp) return new Timestamp(left.ms + sign * right.ms);
    }
    if (operator === '-' && left instanceof Timestamp && right instanceof Timestamp) {
      return new Duration(left.ms - right.ms);
    }
  }
  throw new CelError(`no such overload: ${typeNameOf(left)} ${operator} ${typeNameOf(right)}`);
}

function isIn(value: CelValue, collection: CelValue): boolean {
  if (Array.isArray(collection)) return collection.some((item) => sameCel(item, value));
  if (collection instanceof Map) return collection.has(value);
  throw new CelError(`no such overload: in ${typeNameOf(collection)}`);
}

class Evaluation {
  #stepsLeft = evaluationStepsMax;

  evaluate(node: Expression, scope: Scope): CelValue {
    this.#stepsLeft -= 1;
    if (this.#stepsLeft < 0) throw new CelError('the rule takes too many steps');
    switch (node.type) {
      case 'literal':
        return node.value;
      case 'name': {
        const value = scope.get(node.name);
        if (value === undefined) throw new CelError(`undeclared reference to '${node.name}'`);
        return value;
      }
      case 'select':
        return this.#select(this.evaluate(node.operand, scope), unescapeField(node.field));
      case 'index':
        return this.#index(this.evaluate(node.operand, scope), this.evaluate(node.index, scope));
      case 'list':
        return node.items.map((item) => this.evaluate(item, scope));
      case 'map':
        return new Map(
          node.entries.map(([key, value]) => [
            this.evaluate(key, scope),
            this.evaluate(value, scope),
          ]),
        );
      case 'unary':
        return this.#unary(node.operator, this.evaluate(node.operand, scope));
      case 'binary':
        return this.#binary(node, scope);
      case 'conditional':
        return isTrue(this.evaluate(node.condition, scope))
          ? this.evaluate(node.yes, scope)
          : this.evaluate(node.no, scope);
      case 'call':
        break;
    }
    return this.#call(node, scope);
  }

  #select(value: CelValue, field: string): CelValue {
    if (!(value instanceof Map)) throw new CelError(`no such key: ${field}`);
    const member = value.get(field);
    if (member === undefined) throw new CelError(`no such key: ${field}`);
    return member;
  }

  #index(value: CelValue, index: CelValue): CelValue {
    if (Array.isArray(value) && typeof index === 'bigint') {
      const item = value[Number(index)];
      if (item === undefined) throw new CelError(`index out of bounds: ${index}`);
      return item;
    }
    if (value instanceof Map) {
      const member = value.get(index);
      if (member !== undefined) return member;
    }
    throw new CelError('no such key');
  }

  #unary(operator: '!' | '-', value: CelValue): CelValue {
    if (operator === '!') return !isTrue(value);
    if (typeof value === 'bigint') return checkedInt(-value);
    if (typeof value === 'number') return -value;
    throw new CelError(`no such overload: -${typeNameOf(value)}`);
  }

  #binary(node: Expression & { type: 'binary' }, scope: Scope): CelValue {
    const { operator } = node;
    if (operator === '&&' || operator === '||') return this.#logical(node, scope);
    const left = this.evaluate(node.left, scope);
    const right = this.evaluate(node.right, scope);
    switch (operator) {
      case '==':
        return sameCel(left, right);
      case '!=':
        return !sameCel(left, right);
      case '<':
        return compareCel(left, right) < 0;
      case '<=':
        return compareCel(left, right) <= 0;
      case '>':
        return compareCel(left, right) > 0;
      case '>=':
        return compareCel(left, right) >= 0;
      case 'in':
        return isIn(left, right);
      case '+':
      case '-':
      case '*':
      case '/':
      case '%':
        break;
    }
    return arithmetic(operator, left, right);
  }

  /** Either side decides alone: an error on one side gives way to a deciding other side. */
  #logical(node: Expression & { type: 'binary' }, scope: Scope): boolean {
    const deciding = node.operator === '||';
    let left: boolean;
    try {
      left = isTrue(this.evaluate(node.left, scope));
    } catch (error) {
      if (isTrue(this.evaluate(node.right, scope)) === deciding) return deciding;
      throw error;
    }
    return left === deciding ? deciding : isTrue(this.evaluate(node.right, scope));
  }

  #call(node: Expression & { type: 'call' }, scope: Scope): CelValue {
    if (isMacro(node)) return this.#macro(node, scope);
    const args = node.args.map((argument) => this.evaluate(argument, scope));
    if (node.target === null) {
      const run = globals[node.name]?.run;
      if (run === undefined) throw new CelError(`undeclared reference to '${node.name}'`);
      return run(...args);
    }
    const run = methods[node.name]?.run;
    if (run === undefined) throw new CelError(`undeclared reference to '${node.name}'`);
    return run(this.evaluate(node.target, scope), ...args);
  }

  #macro(node: Expression & { type: 'call' }, scope: Scope): CelValue {
    const [first, second, third] = node.args;
    if (node.target === null) {
      if (first?.type !== 'select') throw new CelError('has() needs a field');
      const owner = this.evaluate(first.operand, scope);
      return owner instanceof Map && owner.has(unescapeField(first.field));
    }
    const range = this.evaluate(node.target, scope);
    const items = range instanceof Map ? [...range.keys()] : range;
    if (!Array.isArray(items) || first?.type !== 'name' || second === undefined) {
      throw new CelError(`no such overload: ${node.name} of ${typeNameOf(range)}`);
    }
    const scoped = (item: CelValue): Scope => new Map([...scope, [first.name, item]]);
    const holds = (item: CelValue): boolean => isTrue(this.evaluate(second, scoped(item)));
    switch (node.name) {
      case 'all':
        return this.#quantified(items, holds, false);
      case 'exists':
        return this.#quantified(items, holds, true);
      case 'filter':
        return items.filter(holds);
      case 'map':
        if (third === undefined) return items.map((item) => this.evaluate(second, scoped(item)));
        return items.filter(holds).map((item) => this.evaluate(third, scoped(item)));
      default:
        return items.filter(holds).length === 1;
    }
  }

  /** `exists` for a deciding `true`, `all` for `false`: one deciding item outweighs errors. */
  #quantified(items: CelValue[], holds: (item: CelValue) => boolean, deciding: boolean): boolean {
    let failure: unknown = null;
    for (const item of items) {
      try {
        if (holds(item) === deciding) return deciding;
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== null) throw failure;
    return !deciding;
  }
}

/**
 * Value of an expression in a scope.
 * @throws CelError where the language says error.
 */
export function evaluateCel(expression: Expression, scope: Scope): CelValue {
  return new Evaluation().evaluate(expression, scope);
}
