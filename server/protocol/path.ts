const nul = 0x00;
const dot = 0x2e;
const slash = 0x2f;

/**
 * What is wrong with a node's path, in words, or `null`. Counts in UTF-16 units, as the reference
 * does: `/` first and not last, no empty, `.` or `..` component, no control characters, no
 * surrogates or private use, nothing from U+FFF0 on.
 *
 * Source: client-protocol, section 10.
 */
export function pathProblem(path: string): string | null {
  const length = path.length;
  if (length === 0) return 'the path is empty';
  if (path.charCodeAt(0) !== slash) return 'the path does not start with /';
  if (length === 1) return null;
  if (path.charCodeAt(length - 1) === slash) return 'the path ends with /';
  let componentStart = 1;
  for (let at = 1; at < length; at += 1) {
    const unit = path.charCodeAt(at);
    if (unit === slash) {
      const problem = componentProblem(path, componentStart, at);
      if (problem !== null) return problem;
      componentStart = at + 1;
    } else if (unit < 0x20 || unit > 0x7e) {
      if (isForbidden(unit)) return `U+${hex(unit)} at ${at} is not allowed in a path`;
    }
  }
  return componentProblem(path, componentStart, length);
}

/** As {@link pathProblem} for the path of a sequential create: a number will follow it. */
export function sequentialPathProblem(path: string): string | null {
  return pathProblem(`${path}1`);
}

/** `/a/b` → `/a`, `/a` → `/`, `/` → `/`. Of the text as it is: `/a//b` → `/a/`. */
export function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at <= 0 ? '/' : path.slice(0, at);
}

/** `/a/b` → `b`; `/` → ``. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Parent `/` and name `a` → `/a`. */
export function childOf(parent: string, name: string): string {
  return parent === '/' || parent === '' ? `/${name}` : `${parent}/${name}`;
}

/** The path with the parent's counter behind it, at least ten characters, as `%010d` does. */
export function withSequence(path: string, counter: number): string {
  const digits = String(Math.abs(counter));
  return counter < 0 ? `${path}-${digits.padStart(9, '0')}` : `${path}${digits.padStart(10, '0')}`;
}

/** True for paths with NUL in them, which even look-ups refuse. */
export function hasNul(path: string): boolean {
  for (let at = 0; at < path.length; at += 1) if (path.charCodeAt(at) === nul) return true;
  return false;
}

function componentProblem(path: string, start: number, end: number): string | null {
  const length = end - start;
  if (length === 0) return 'the path has an empty component';
  if (length > 2 || path.charCodeAt(start) !== dot) return null;
  if (length === 1) return 'the path has the component .';
  return path.charCodeAt(start + 1) === dot ? 'the path has the component ..' : null;
}

function isForbidden(unit: number): boolean {
  return (
    unit < 0x20 ||
    (unit >= 0x7f && unit <= 0x9f) ||
    (unit >= 0xd800 && unit <= 0xf8ff) ||
    unit >= 0xfff0
  );
}

function hex(unit: number): string {
  return unit.toString(16).toUpperCase().padStart(4, '0');
}
