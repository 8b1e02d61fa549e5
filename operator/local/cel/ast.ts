/** Literals of CEL: an integer is a bigint, a double a number. */
export type Literal = bigint | number | string | boolean | null;

export type Binary =
  | '||'
  | '&&'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%';

export type Expression =
  | { readonly type: 'literal'; readonly value: Literal }
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'select'; readonly operand: Expression; readonly field: string }
  | { readonly type: 'index'; readonly operand: Expression; readonly index: Expression }
  | { readonly type: 'list'; readonly items: readonly Expression[] }
  | { readonly type: 'map'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly type: 'unary'; readonly operator: '!' | '-'; readonly operand: Expression }
  | {
      readonly type: 'binary';
      readonly operator: Binary;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly type: 'conditional';
      readonly condition: Expression;
      readonly yes: Expression;
      readonly no: Expression;
    }
  | {
      readonly type: 'call';
      /** `null` for a global function. */
      readonly target: Expression | null;
      readonly name: string;
      readonly args: readonly Expression[];
    };

/** An expression that is not CEL, or CEL that this runtime does not know. */
export class CelSyntaxError extends Error {
  override readonly name = 'CelSyntaxError';
}
