import type { Binary, Expression } from './ast.ts';
import { CelSyntaxError } from './ast.ts';
import type { Token } from './lex.ts';
import { lex } from './lex.ts';

/** Nesting of one expression; deeper ones are refused. */
export const expressionDepthMax = 100;

const precedence: readonly (readonly Binary[])[] = [
  ['||'],
  ['&&'],
  ['==', '!=', '<', '<=', '>', '>=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
];

const reserved: ReadonlySet<string> = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = lex(source);
  }

  parse(): Expression {
    const expression = this.#expression();
    if (this.#token().type !== 'end') this.#fail('an operator');
    return expression;
  }

  #expression(): Expression {
    this.#depth += 1;
    if (this.#depth > expressionDepthMax) throw new CelSyntaxError('the expression is too deep');
    const condition = this.#binary(0);
    let expression = condition;
    if (this.#take('?')) {
      const yes = this.#expression();
      this.#expect(':');
      expression = { type: 'conditional', condition, yes, no: this.#expression() };
    }
    this.#depth -= 1;
    return expression;
  }

  #binary(level: number): Expression {
    const operators = precedence[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const token = this.#token();
      const text = token.type === 'symbol' || token.type === 'name' ? token.value : '';
      const operator = operators.find((one) => one === text);
      if (operator === undefined) return left;
      this.#next += 1;
      left = { type: 'binary', operator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Expression {
    for (const operator of ['!', '-'] as const) {
      if (this.#take(operator)) {
        this.#depth += 1;
        if (this.#depth > expressionDepthMax) this.#fail('a shallower expression');
        const operand = this.#unary();
        this.#depth -= 1;
        return { type: 'unary', operator, operand };
      }
    }
    return this.#member();
  }

  #member(): Expression {
    let operand = this.#primary();
    for (;;) {
      if (this.#take('.')) {
        const field = this.#name();
        operand = this.#take('(')
          ? { type: 'call', target: operand, name: field, args: this.#list(')') }
          : { type: 'select', operand, field };
      } else if (this.#take('[')) {
        const index = this.#expression();
        this.#expect(']');
        operand = { type: 'index', operand, index };
      } else {
        return operand;
      }
    }
  }

  #primary(): Expression {
    const token = this.#token();
    this.#next += 1;
    switch (token.type) {
      case 'int':
      case 'double':
      case 'string':
        return { type: 'literal', value: token.value };
      case 'name':
        return this.#named(token.value);
      case 'symbol':
        if (token.value === '(') {
          const inner = this.#expression();
          this.#expect(')');
          return inner;
        }
        if (token.value === '[') return { type: 'list', items: this.#list(']') };
        if (token.value === '{') return this.#map();
        break;
      case 'end':
        break;
    }
    this.#next -= 1;
    return this.#fail('a value');
  }

  #named(name: string): Expression {
    if (name === 'true' || name === 'false') return { type: 'literal', value: name === 'true' };
    if (name === 'null') return { type: 'literal', value: null };
    if (reserved.has(name)) throw new CelSyntaxError(`${name} is a reserved word`);
    if (this.#take('(')) return { type: 'call', target: null, name, args: this.#list(')') };
    return { type: 'name', name };
  }

  #map(): Expression {
    const entries: (readonly [Expression, Expression])[] = [];
    while (!this.#take('}')) {
      const key = this.#expression();
      this.#expect(':');
      entries.push([key, this.#expression()]);
      if (!this.#take(',')) {
        this.#expect('}');
        break;
      }
    }
    return { type: 'map', entries };
  }

  #list(close: string): Expression[] {
    const items: Expression[] = [];
    while (!this.#take(close)) {
      items.push(this.#expression());
      if (!this.#take(',')) {
        this.#expect(close);
        break;
      }
    }
    return items;
  }

  #name(): string {
    const token = this.#token();
    if (token.type !== 'name') return this.#fail('a name');
    this.#next += 1;
    return token.value;
  }

  #token(): Token {
    return this.#tokens[this.#next] ?? { type: 'end', at: this.#source.length };
  }

  #take(symbol: string): boolean {
    const token = this.#token();
    if (token.type !== 'symbol' || token.value !== symbol) return false;
    this.#next += 1;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#take(symbol)) this.#fail(`"${symbol}"`);
  }

  #fail(expected: string): never {
    throw new CelSyntaxError(
      `expected ${expected} at ${this.#token().at} of ${JSON.stringify(this.#source)}`,
    );
  }
}

/**
 * Parses an expression of the Common Expression Language.
 * @throws CelSyntaxError that says where and what was expected.
 * Source: the grammar in the CEL language definition; message literals, bytes and unsigned
 * literals are left out, as Kubernetes' rules hardly use them.
 */
export function parseCel(source: string): Expression {
  return new Parser(source).parse();
}
