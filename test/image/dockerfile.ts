/** One step of an image's recipe. */
export type Step =
  | { readonly type: 'from'; readonly image: string; readonly name: string | null }
  | { readonly type: 'workdir'; readonly path: string }
  | {
      readonly type: 'copy';
      readonly from: string | null;
      readonly sources: readonly string[];
      readonly target: string;
    }
  | { readonly type: 'run'; readonly command: string }
  | { readonly type: 'env'; readonly values: Readonly<Record<string, string>> }
  | { readonly type: 'cmd'; readonly command: readonly string[] }
  | { readonly type: 'user'; readonly user: string }
  | { readonly type: 'other'; readonly word: string; readonly rest: string };

/** Reads the part of the Dockerfile language that ours uses. @throws Error for anything else. */
export function parseDockerfile(text: string): Step[] {
  const lines = text.replace(/\\\n/g, ' ').split('\n');
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(stepOf);
}

function stepOf(line: string): Step {
  const [, word = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
  switch (word) {
    case 'FROM': {
      const [image = '', , name = null] = rest.split(/\s+/);
      return { type: 'from', image, name };
    }
    case 'WORKDIR':
      return { type: 'workdir', path: rest };
    case 'COPY': {
      const words = rest.split(/\s+/);
      const from = words[0]?.startsWith('--from=') === true ? words.shift()?.slice(7) : null;
      const target = words.pop() ?? '';
      return { type: 'copy', from: from ?? null, sources: words, target };
    }
    case 'RUN':
      return { type: 'run', command: rest };
    case 'ENV':
      return {
        type: 'env',
        values: Object.fromEntries(
          rest.split(/\s+/).map((pair) => {
            const at = pair.indexOf('=');
            return [pair.slice(0, at), pair.slice(at + 1)];
          }),
        ),
      };
    case 'CMD':
      return { type: 'cmd', command: JSON.parse(rest) as string[] };
    case 'USER':
      return { type: 'user', user: rest };
    case 'LABEL':
    case 'EXPOSE':
    case 'STOPSIGNAL':
      return { type: 'other', word, rest };
    default:
      throw new Error(`not understood: ${line}`);
  }
}
