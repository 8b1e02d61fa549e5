import type { Ensemble } from './ensemble.ts';
import { ensembleText } from './ensemble-text.ts';
import { serverOf } from './ensemble-values.ts';
import { isEnsembleKey } from './parse-ensemble.ts';
import { parseZooCfg } from './zoo-cfg.ts';

/** The file of the active ensemble; its version is in its name. Source: storage, section 2.3. */
export function dynamicPath(staticPath: string, version: number): string {
  return `${staticPath}.dynamic.${version.toString(16)}`;
}

/** The file of an ensemble that was proposed and is not active yet. */
export function nextPath(staticPath: string): string {
  return `${staticPath}.dynamic.next`;
}

/** The static file as it was before the members moved out of it. */
export function backupPath(staticPath: string): string {
  return `${staticPath}.bak`;
}

/** Lines of the dynamic file, sorted; the version is not among them, nor a last line end. */
export function dynamicText(ensemble: Ensemble): string {
  return ensembleText(ensemble).split('\n').slice(0, -1).sort().join('\n');
}

/** As {@link dynamicText}, with the version. */
export function nextText(ensemble: Ensemble): string {
  return `${dynamicText(ensemble)}\nversion=${ensemble.version.toString(16)}`;
}

/** Whether the members stand in the static file itself. */
export function hasMembers(staticText: string): boolean {
  return parseZooCfg(staticText).entries.some((entry) => isEnsembleKey(entry.key));
}

/**
 * The static file with the members moved out of it, into `dynamic`. The client address goes as
 * well where the server's own line has one. Everything else stays as a person wrote it.
 */
export function movedStaticText(
  text: string,
  dynamic: string,
  ensemble: Ensemble,
  sid: number,
): string {
  const hasClientAddress = (serverOf(ensemble, sid)?.clientAddress ?? null) !== null;
  const lines = text.split(/\r\n|\r|\n/);
  const gone = new Set<number>();
  for (const { key, line } of parseZooCfg(text).entries) {
    if (!isMoved(key, hasClientAddress)) continue;
    let at = line - 1;
    gone.add(at);
    // A `\` at its end joins the next line to it.
    while (/(^|[^\\])(\\\\)*\\$/.test(lines[at] ?? '')) gone.add((at += 1));
  }
  const kept = lines.filter((_, at) => !gone.has(at));
  while (kept.at(-1)?.trim() === '') kept.pop();
  return [...kept, `dynamicConfigFile=${dynamic}`, ''].join('\n');
}

function isMoved(key: string, hasClientAddress: boolean): boolean {
  if (isEnsembleKey(key) || key === 'peerType' || key.startsWith('dynamicConfigFile')) return true;
  return hasClientAddress && (key === 'clientPort' || key === 'clientPortAddress');
}
