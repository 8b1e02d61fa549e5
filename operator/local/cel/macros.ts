import type { Expression } from './ast.ts';

/** Macros on a collection, with their numbers of arguments. */
const collectionMacros: Readonly<Record<string, readonly number[]>> = {
  all: [2],
  exists: [2],
  exists_one: [2],
  existsOne: [2],
  filter: [2],
  map: [2, 3],
};

/** Whether a call is no function but a form of its own: its arguments are not evaluated first. */
export function isMacro(node: Expression & { type: 'call' }): boolean {
  if (node.target === null) return node.name === 'has' && node.args.length === 1;
  const counts = collectionMacros[node.name];
  return counts !== undefined && counts.includes(node.args.length) && node.args[0]?.type === 'name';
}
