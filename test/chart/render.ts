import { stringify } from 'yaml';

/** The part of Go's templates, and of Helm's functions, that the chart uses. Anything else throws. */
export interface Rendering {
  readonly definitions: Map<string, Node[]>;
  readonly files: (path: string) => string;
}

type Node =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'print'; readonly expression: string }
  | { readonly type: 'assign'; readonly name: string; readonly expression: string }
  | {
      readonly type: 'if' | 'with' | 'range';
      readonly expression: string;
      readonly body: Node[];
      readonly otherwise: Node[];
    };

interface Scope {
  readonly dot: unknown;
  readonly variables: Map<string, unknown>;
  readonly rendering: Rendering;
}

/** Takes the definitions of a template in and gives its remaining nodes back. */
export function parseTemplate(text: string, rendering: Rendering): Node[] {
  const tokens = tokensOf(text);
  const nodes = nodesUntil(tokens, rendering, []);
  if (tokens.length > 0) throw new Error(`an end too many: ${tokens[0]?.text}`);
  return nodes;
}

interface Token {
  readonly action: boolean;
  readonly text: string;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;
  for (const match of text.matchAll(/\{\{(-?)\s*(\/\*[\s\S]*?\*\/|[\s\S]*?)\s*(-?)\}\}/g)) {
    let between = text.slice(at, match.index);
    if (trimNext) between = between.trimStart();
    if (match[1] === '-') between = between.trimEnd();
    tokens.push({ action: false, text: between }, { action: true, text: match[2] ?? '' });
    trimNext = match[3] === '-';
    at = match.index + match[0].length;
  }
  const rest = text.slice(at);
  tokens.push({ action: false, text: trimNext ? rest.trimStart() : rest });
  return tokens;
}

function nodesUntil(tokens: Token[], rendering: Rendering, ends: readonly string[]): Node[] {
  const nodes: Node[] = [];
  while (tokens.length > 0) {
    const [token] = tokens;
    if (token === undefined || (token.action && ends.includes(token.text))) return nodes;
    tokens.shift();
    if (!token.action) nodes.push({ type: 'text', text: token.text });
    else nodes.push(...nodesOf(token.text, tokens, rendering));
  }
  if (ends.length > 0) throw new Error(`no ${ends.join(' or ')}`);
  return nodes;
}

function nodesOf(action: string, tokens: Token[], rendering: Rendering): Node[] {
  const [, word = '', expression = ''] = /^(\S+)\s*([\s\S]*)$/.exec(action) ?? [];
  if (word === 'define') {
    const body = nodesUntil(tokens, rendering, ['end']);
    tokens.shift();
    rendering.definitions.set(JSON.parse(expression) as string, body);
    return [];
  }
  if (word === 'if' || word === 'with' || word === 'range') {
    const body = nodesUntil(tokens, rendering, ['else', 'end']);
    const otherwise =
      tokens.shift()?.text === 'else' ? nodesUntil(tokens, rendering, ['end']) : null;
    if (otherwise !== null) tokens.shift();
    return [{ type: word, expression, body, otherwise: otherwise ?? [] }];
  }
  const assigned = /^(\$\w+)\s*:=\s*([\s\S]+)$/.exec(action);
  if (assigned !== null) {
    return [{ type: 'assign', name: assigned[1] ?? '', expression: assigned[2] ?? '' }];
  }
  return [{ type: 'print', expression: action }];
}

export function render(nodes: readonly Node[], dot: unknown, rendering: Rendering): string {
  return renderIn(nodes, { dot, variables: new Map([['$', dot]]), rendering });
}

function renderIn(nodes: readonly Node[], scope: Scope): string {
  let text = '';
  for (const node of nodes) {
    if (node.type === 'text') text += node.text;
    else if (node.type === 'print') text += textOf(evaluate(node.expression, scope));
    else if (node.type === 'assign') {
      scope.variables.set(node.name, evaluate(node.expression, scope));
    } else {
      const value = evaluate(node.expression, scope);
      const inner = (each: unknown): string =>
        renderIn(node.body, { ...scope, dot: node.type === 'if' ? scope.dot : each });
      if (!isTrue(value)) text += renderIn(node.otherwise, scope);
      else if (node.type === 'range') text += (value as unknown[]).map(inner).join('');
      else text += inner(value);
    }
  }
  return text;
}

function evaluate(expression: string, scope: Scope): unknown {
  const words = wordsOf(expression);
  let piped: unknown[] = [];
  let command: string[] = [];
  for (const word of [...words, '|']) {
    if (word !== '|') {
      command.push(word);
      continue;
    }
    piped = [call(command, piped, scope)];
    command = [];
  }
  return piped[0];
}

/** Strings, parenthesized expressions, pipes and names, in order. */
function wordsOf(expression: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < expression.length) {
    const rest = expression.slice(at);
    const word = /^(\s+|"(?:[^"\\]|\\.)*"|\||[^\s|()"]+)/.exec(rest)?.[0] ?? enclosed(rest);
    if (word.trim() !== '') words.push(word);
    at += word.length;
  }
  return words;
}

function enclosed(text: string): string {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    if (text[at] === ')') depth -= 1;
    if (depth === 0) return text.slice(0, at + 1);
  }
  throw new Error(`not closed: ${text}`);
}

function call(command: readonly string[], piped: readonly unknown[], scope: Scope): unknown {
  const [name = '', ...words] = command;
  const parameters = [...words.map((word) => valueOf(word, scope)), ...piped];
  if (name === '.Files.Get') return scope.rendering.files(String(parameters[0]));
  if (name === 'include') {
    const body = scope.rendering.definitions.get(String(parameters[0]));
    if (body === undefined) throw new Error(`${String(parameters[0])} is not defined`);
    return render(body, parameters[1], scope.rendering);
  }
  const known = functions[name];
  if (known !== undefined) return known(...parameters);
  if (parameters.length > 0) throw new Error(`${name} is no function here`);
  return valueOf(name, scope);
}

function valueOf(word: string, scope: Scope): unknown {
  if (word.startsWith('(')) return evaluate(word.slice(1, -1), scope);
  if (word.startsWith('"')) return JSON.parse(word);
  if (/^-?[0-9]+$/.test(word)) return Number(word);
  if (word === '.') return scope.dot;
  const [, variable = '', path = ''] = /^(\$\w*)?((?:\.\w+)*)$/.exec(word) ?? [];
  if (variable === '' && path === '') throw new Error(`${word} is not understood`);
  let value = variable === '' ? scope.dot : scope.variables.get(variable);
  for (const key of path.split('.').slice(1)) {
    value = (value as Record<string, unknown> | undefined)?.[key];
  }
  return value;
}

// oxlint-disable-next-line typescript/no-explicit-any
const functions: Readonly<Record<string, (...parameters: any[]) => unknown>> = {
  default: (fallback: unknown, value: unknown) => (isTrue(value) ? value : fallback),
  quote: (value: unknown) => JSON.stringify(textOf(value)),
  printf: (format: string, ...values: unknown[]) =>
    format.replace(/%s/g, () => textOf(values.shift())),
  trunc: (length: number, text: string) => text.slice(0, length),
  trimSuffix: (suffix: string, text: string) =>
    text.endsWith(suffix) ? text.slice(0, -suffix.length) : text,
  join: (separator: string, list: readonly unknown[]) => list.map(textOf).join(separator),
  toYaml: (value: unknown) => stringify(value).trimEnd(),
  nindent: (count: number, text: string) => `\n${text.replace(/^(?=.)/gm, ' '.repeat(count))}`,
};

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) throw new Error('a value is missing');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
