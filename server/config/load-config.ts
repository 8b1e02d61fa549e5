import type { Ensemble, EnsembleServer } from './ensemble.ts';
import { baseConfig } from './base-config.ts';
import { ConfigValues } from './config-values.ts';
import { unsupportedProblems, type Feature } from './features.ts';
import { ensembleOfText } from './ensemble-values.ts';
import { anyHost, isAnyHost } from './host-address.ts';
import { warnIdle } from './idle-settings.ts';
import { checkClasses } from './java-classes.ts';
import { limits } from './limits.ts';
import { knownSettings } from './known-settings.ts';
import { isEnsembleKey, parseEnsemble } from './parse-ensemble.ts';
import type { ServerConfig } from './server-config.ts';
import { serverSettings, type ServerSettings } from './server-settings.ts';
import { parseZooCfg, type ConfigProblem, type RawEntry } from './zoo-cfg.ts';

/** All that decides a server's configuration; the caller reads the files. */
export interface ConfigSources {
  /** The configuration file. */
  readonly text: string;
  /** `<dataDir>/myid`; `null`: there is none. */
  readonly myidText: string | null;
  /** The file that {@link pathsOf} names; `null`: none is named, or it cannot be read. */
  readonly dynamicText: string | null;
  /** The file beside the configuration with members that were proposed; `null`: there is none. */
  readonly nextText?: string | null;
  /** `-Dname=value`; see `systemPropertiesOf`. */
  readonly systemProperties: ReadonlyMap<string, string>;
  /** What this build can do beyond the basics; asking for more is refused. */
  readonly features?: ReadonlySet<Feature>;
}

export interface LoadedConfig {
  readonly config: ServerConfig;
  readonly settings: ServerSettings;
  readonly warnings: readonly ConfigProblem[];
}

/** Files beside the configuration that must be read before {@link loadServerConfig}. */
export function pathsOf(text: string): {
  readonly dataDir: string | null;
  readonly dynamicConfigFile: string | null;
} {
  const values = new ConfigValues(parseZooCfg(text).entries, new Map());
  return {
    dataDir: values.text('dataDir', 'file'),
    dynamicConfigFile: values.text('dynamicConfigFile', 'file'),
  };
}

/**
 * The configuration of a server from its texts, or everything that is wrong with them. Pure.
 *
 * Source: configuration.
 */
export function loadServerConfig(
  sources: ConfigSources,
): LoadedConfig | { readonly problems: readonly ConfigProblem[] } {
  const raw = parseZooCfg(sources.text);
  const values = new ConfigValues(raw.entries, sources.systemProperties);
  values.problems.push(...raw.problems);
  const membership = new Membership(values, sources, raw.entries);
  const settings = serverSettings(values);
  const base = baseConfig(values);
  checkKeys(values);
  checkClasses(values, raw.entries, sources.systemProperties);
  warnIdle(values, raw.entries, sources.systemProperties);
  const config: ServerConfig = {
    ...base,
    clientAddress: membership.clientAddress,
    sid: membership.sid,
    ensemble: membership.ensemble,
    nextEnsemble: nextOf(sources.nextText ?? null),
    standaloneEnabled: membership.standaloneEnabled,
    multiAddressEnabled: isMultiAddress(values),
    raw: new Map(raw.entries.map((entry) => [entry.key, entry.value])),
  };
  if (membership.ensemble !== null) checkDistributed(values, config);
  else warnAlone(values, settings);
  const missing = unsupportedProblems(values, settings, sources.features ?? new Set());
  values.problems.push(...missing.problems);
  values.warnings.push(...missing.warnings);
  if (values.problems.length > 0) {
    return { problems: values.problems.sort((a, b) => a.line - b.line) };
  }
  return {
    config: Object.freeze(config),
    settings: Object.freeze(settings),
    warnings: values.warnings,
  };
}

/** Keys whose values are never shown. */
const secretKey = /passw|secret|superdigest/i;

/** One line for a person: `zoo.cfg:12: initLimit=x: …`. Secrets are not in it. */
export function problemText(file: string, problem: ConfigProblem): string {
  const { line, key, remedy } = problem;
  const value = secretKey.test(key) ? '***' : problem.value;
  const place = line === 0 ? file : `${file}:${line}`;
  return `${place}: ${value === '' ? key : `${key}=${value}`}: ${remedy}`;
}

/** The reference heeds the property alone; here the file is enough. What is wrong with a value, the settings say. */
function isMultiAddress(values: ConfigValues): boolean {
  return values.word('multiAddress.enabled', 'property', 'true');
}

/** Who belongs to the ensemble, who this server is in it, and where its clients come. */
class Membership {
  readonly ensemble: Ensemble | null;
  readonly sid: number;
  readonly standaloneEnabled: boolean;
  readonly clientAddress: ServerConfig['clientAddress'];
  readonly #values: ConfigValues;

  constructor(values: ConfigValues, sources: ConfigSources, entries: readonly RawEntry[]) {
    this.#values = values;
    const configured = this.#readEnsemble(sources, entries);
    const voters = configured.servers.filter((server) => server.role === 'participant');
    const standaloneEnabled = values.flag('standaloneEnabled', 'file', true);
    this.standaloneEnabled = standaloneEnabled;
    const isDistributed = voters.length > 1 || (voters.length > 0 && !standaloneEnabled);
    if (configured.servers.length > 0 && voters.length === 0) {
      const entry = entries.find((found) => found.key.startsWith('server.')) ?? null;
      const remedy = 'An ensemble needs participants; all of its servers are observers.';
      values.refuse(entry?.key ?? 'server', entry, remedy);
    }
    if (isDistributed) {
      const own = this.#findOwn(configured, sources.myidText);
      this.ensemble = configured;
      this.sid = own?.sid ?? 0;
      this.clientAddress = this.#clientAddressOf(own);
      this.#checkPeerType(own);
      return;
    }
    if (voters.length === 1) {
      const entry = entries.find((found) => found.key.startsWith('server.')) ?? null;
      const remedy =
        'Only one participant is named, so this server runs standalone and ignores the line. With ' +
        'standaloneEnabled=false it would be an ensemble of one.';
      values.warn(entry?.key ?? 'server', entry, remedy);
    }
    this.ensemble = null;
    this.sid = 0;
    this.clientAddress = this.#clientAddressOf(voters[0]);
    this.#checkPeerType(undefined);
  }

  #readEnsemble(sources: ConfigSources, entries: readonly RawEntry[]): Ensemble {
    const values = this.#values;
    const own = entries.filter((entry) => isEnsembleKey(entry.key));
    const file = values.find('dynamicConfigFile', 'file');
    const multiAddress = isMultiAddress(values);
    if (file === null) return this.#accept(parseEnsemble(own, 0, { multiAddress }));
    for (const entry of own) {
      const remedy = `With dynamicConfigFile, members stand in ${file.value} alone. Move the line there.`;
      values.refuse(entry.key, entry, remedy);
    }
    if (sources.dynamicText === null) {
      const remedy = 'The file cannot be read. Check its path, or write the server lines here.';
      values.refuse('dynamicConfigFile', file, remedy);
      return this.#accept(parseEnsemble([], 0));
    }
    const dynamic = parseZooCfg(sources.dynamicText);
    values.problems.push(...dynamic.problems);
    for (const entry of dynamic.entries) {
      if (isEnsembleKey(entry.key)) continue;
      const remedy = `${file.value} may hold server, group and weight lines only.`;
      values.refuse(entry.key, entry, remedy);
    }
    return this.#accept(parseEnsemble(dynamic.entries, versionOf(file.value), { multiAddress }));
  }

  #accept(parsed: ReturnType<typeof parseEnsemble>): Ensemble {
    this.#values.problems.push(...parsed.problems);
    this.#values.warnings.push(...parsed.warnings);
    return parsed.ensemble;
  }

  #findOwn(ensemble: Ensemble, myidText: string | null): EnsembleServer | undefined {
    const values = this.#values;
    const dataDir = values.text('dataDir', 'file') ?? '<dataDir>';
    const path = `${dataDir}/myid`;
    if (myidText === null) {
      values.refuse('myid', null, `${path} is missing. Write this server's id into it, e.g. 1.`);
      return undefined;
    }
    const value = (myidText.split(/\r?\n/, 1)[0] ?? '').trim();
    const found = { line: 0, value };
    if (!/^\d{1,19}$/.test(value) || Number(value) > limits.sid) {
      values.refuse('myid', found, `${path} must hold one number from 0 to ${limits.sid}.`);
      return undefined;
    }
    const own = ensemble.servers.find((server) => server.sid === Number(value));
    if (own !== undefined) return own;
    const known = ensemble.servers.map((server) => server.sid).join(', ');
    const remedy = `${path} says ${value}, but the servers are ${known}. Correct the file or add a server.${value} line.`;
    values.refuse('myid', found, remedy);
    return undefined;
  }

  /** The server's line and the static keys may say the same, not different things. */
  #clientAddressOf(own: EnsembleServer | undefined): ServerConfig['clientAddress'] {
    const values = this.#values;
    const port = values.port('clientPort', 'file');
    const host = values.host('clientPortAddress', 'file', null);
    if (host !== null && port === null) {
      const found = values.find('clientPortAddress', 'file');
      values.refuse('clientPortAddress', found, 'It needs clientPort beside it.');
    }
    const inLine = own?.clientAddress ?? null;
    const stated = port === null ? null : { host: host ?? anyHost, port };
    if (stated === null || inLine === null) return stated ?? inLine;
    const isSamePlace = isAnyHost(stated.host) || stated.host === inLine.host;
    if (isSamePlace && stated.port === inLine.port) return inLine;
    const key = stated.port === inLine.port ? 'clientPortAddress' : 'clientPort';
    const remedy =
      `The line of server ${own?.sid} says ${inLine.host}:${inLine.port} for clients, this file says ` +
      `${stated.host}:${stated.port}. Remove one of them.`;
    values.refuse(key, values.find(key, 'file'), remedy);
    return inLine;
  }

  #checkPeerType(own: EnsembleServer | undefined): void {
    const types = ['participant', 'observer'] as const;
    const peerType = this.#values.oneOf('peerType', 'file', 'participant', types);
    const found = this.#values.find('peerType', 'file');
    if (own === undefined || found === null || own.role === peerType) return;
    const remedy = `The line of server ${own.sid} says ${own.role}, and that counts.`;
    this.#values.warn('peerType', found, remedy);
  }
}

/** A file that cannot be read says nothing: what was proposed is in the log as well. */
function nextOf(text: string | null): Ensemble | null {
  return text === null ? null : ensembleOfText(text);
}

/** `zoo.cfg.dynamic.100000026` → 0x100000026; 0 where the name does not end in hex. */
function versionOf(path: string): number {
  const ending = /\.([0-9a-fA-F]{1,13})$/.exec(path)?.[1];
  const version = ending === undefined ? 0 : Number.parseInt(ending, 16);
  return Number.isSafeInteger(version) ? version : 0;
}

function checkDistributed(values: ConfigValues, config: ServerConfig): void {
  for (const key of ['initLimit', 'syncLimit']) {
    if (values.find(key, 'file') !== null) continue;
    const usual = key === 'initLimit' ? 10 : 5;
    values.refuse(key, null, `An ensemble needs it. Write ${key}=${usual} (ticks).`);
  }
  if (config.extendedTypesEnabled && config.sid > limits.sidWithExtendedTypes) {
    const remedy = `With extendedTypesEnabled a server's id is at most ${limits.sidWithExtendedTypes}.`;
    values.refuse('myid', { line: 0, value: String(config.sid) }, remedy);
  }
}

/** Settings that mean something only among others. */
function warnAlone(values: ConfigValues, { sessions }: ServerSettings): void {
  const remedy = 'A server that is alone goes without it: it is its own quorum. Remove it.';
  const local = values.find('localSessionsEnabled', 'file');
  if (sessions.localSessionsEnabled) values.warn('localSessionsEnabled', local, remedy);
  const readOnly = values.find('readonlymode.enabled', 'process');
  if (sessions.readOnlyModeEnabled) values.warn('readonlymode.enabled', readOnly, remedy);
}

/** Keys that have one right value, and those that look set and are not. */
function checkKeys(values: ConfigValues): void {
  const algorithm = values.find('electionAlg', 'file');
  if (algorithm !== null && algorithm.value !== '3') {
    values.refuse('electionAlg', algorithm, 'Only 3 exists any more. Remove the line.');
  }
  for (const { key, scope, idle } of knownSettings) {
    const found = values.find(key, 'file');
    if (scope !== 'process' || idle !== null || found === null) continue;
    const remedy = `The file cannot set it. Pass -D${key}=${found.value} on the command line or in SERVER_JVMFLAGS.`;
    values.warn(key, found, remedy);
  }
}
