import { pathProblem } from '../../server/protocol/path.ts';

/** What is wrong with a path, in the words of the reference's shell; `null` when nothing is. */
export function pathProblemText(path: string): string | null {
  const problem = pathProblem(path);
  if (problem === null) return null;
  if (path === '') return 'Path length must be > 0';
  if (!path.startsWith('/')) return 'Path must start with / character';
  if (path.endsWith('/')) return 'Path must not end with / character';
  const empty = path.indexOf('//');
  const relative = /\/\.\.?(?=\/|$)/.exec(path);
  if (relative !== null && (empty < 0 || relative.index < empty)) {
    return invalid(path, 'relative paths not allowed', relative.index + relative[0].length - 1);
  }
  if (empty >= 0) return invalid(path, 'empty node name specified', empty + 1);
  return `Invalid path string "${path}" caused by invalid character: ${problem}`;
}

/** @param at of the character that made it so */
function invalid(path: string, reason: string, at: number): string {
  return `Invalid path string "${path}" caused by ${reason} @${at}`;
}
