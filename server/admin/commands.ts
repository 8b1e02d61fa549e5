import type { CommandAnswer, Values } from './command-values.ts';
import {
  briefConnection,
  configuration,
  connection,
  decimalId,
  digestEntry,
  dump,
  leader,
  monitorJson,
  observers,
  serverStats,
  signed,
  systemProperties,
  votingView,
  watchGroups,
  zabState,
} from './command-values.ts';
import { isAnswering, monitorValues } from './monitor.ts';
import type { Json } from './pretty-json.ts';
import type { ServerView } from './server-view.ts';

export interface Command {
  /** The name under which it is listed and answers. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** Whether it answers without quorum too. */
  readonly isAlwaysServed: boolean;
  readonly run: (view: ServerView) => CommandAnswer;
}

/**
 * The commands of the admin server that read, and the two that reset statistics. Snapshot and
 * restore are not among them.
 *
 * Source: four-letter-words, section 3.
 */
export const commands: readonly Command[] = [
  command('configuration', ['conf', 'config'], configuration),
  command('connection_stat_reset', ['crst'], (view) => {
    view.resetConnectionStats();
    return {};
  }),
  command('connections', ['cons'], (view) => ({
    connections: view.connections().map(connection),
    secure_connections: [],
  })),
  command('dirs', [], (view) => {
    const entries = new Map(view.configuration());
    return {
      datadir_size: Number(entries.get('dataDirSize') ?? 0),
      logdir_size: Number(entries.get('dataLogSize') ?? 0),
    };
  }),
  optional('dump', [], dump),
  alwaysServed('environment', ['env', 'envi'], (view) => ({
    'zookeeper.version': view.versionText,
    ...Object.fromEntries(view.environment?.() ?? []),
  })),
  alwaysServed('get_trace_mask', ['gtmk'], () => ({ tracemask: 306 })),
  optional('hash', [], (view) => {
    const digests = view.digests?.();
    return digests === undefined ? null : { digests: digests.map(digestEntry) };
  }),
  optional('initial_configuration', ['icfg'], (view) => {
    const text = view.initialConfiguration?.();
    return text === undefined ? null : { initial_configuration: text };
  }),
  command('is_read_only', ['isro'], (view) => ({ read_only: view.state().readOnly === true })),
  { name: 'leader', aliases: ['lead'], isAlwaysServed: false, run: leader },
  alwaysServed('monitor', ['mntr'], (view) =>
    Object.fromEntries(monitorValues(view).map((value) => [value.key, monitorJson(value)])),
  ),
  command('observers', ['obsr'], observers),
  command('ruok', [], () => ({})),
  command('server_stats', ['srvr'], serverStats),
  command('stat_reset', ['srst'], (view) => {
    view.resetStats();
    return {};
  }),
  command('stats', ['stat'], (view) => ({
    ...serverStats(view),
    connections: view.connections().map(briefConnection),
    secure_connections: [],
  })),
  alwaysServed('system_properties', ['sysp'], systemProperties),
  command('voting_view', [], votingView),
  optional('watch_summary', ['wchs'], (view) => {
    const { watcherCount, watchPathCount, watchCount } = view.state();
    if (watcherCount === undefined) return null;
    return {
      num_connections: watcherCount,
      num_paths: watchPathCount,
      num_total_watches: watchCount,
    };
  }),
  optional('watches', ['wchc'], (view) => {
    const found = watchGroups(view, (path, id) => [decimalId(id), path]);
    return found === null ? null : { session_id_to_watched_paths: found.groups, ...cutOf(found) };
  }),
  optional('watches_by_path', ['wchp'], (view) => {
    const found = watchGroups(view, (path, id) => [path, signed(id)]);
    return found === null ? null : { path_to_session_ids: found.groups, ...cutOf(found) };
  }),
  alwaysServed('zabstate', [], zabState),
];

const byName: ReadonlyMap<string, Command> = new Map(
  commands.flatMap((each) => [each.name, ...each.aliases].map((name) => [name, each] as const)),
);

const notServing = 'This ZooKeeper instance is not currently serving requests';

/** The whole answer to `GET /commands/NAME`: data first, then `command` and `error`. */
export function runCommand(name: string, view: ServerView): Readonly<Record<string, Json>> {
  const found = byName.get(name);
  if (found === undefined) return { command: name, error: `Unknown command: ${name}` };
  if (!found.isAlwaysServed && !isAnswering(view.state())) {
    return { command: found.name, error: notServing };
  }
  const answer = found.run(view);
  if ('error' in answer) return { command: found.name, error: answer.error };
  return { ...answer.values, command: found.name, error: null };
}

/** Said only where it is so: the reference has no such member. */
function cutOf({ isCut }: { readonly isCut: boolean }): Values {
  return isCut ? { truncated: true } : {};
}

function command(
  name: string,
  aliases: readonly string[],
  values: (view: ServerView) => Values,
): Command {
  return { name, aliases, isAlwaysServed: false, run: (view) => ({ values: values(view) }) };
}

function alwaysServed(
  name: string,
  aliases: readonly string[],
  values: (view: ServerView) => Values,
): Command {
  return { ...command(name, aliases, values), isAlwaysServed: true };
}

/** A command whose answer the view may not offer. */
function optional(
  name: string,
  aliases: readonly string[],
  valuesOrNull: (view: ServerView) => Values | null,
): Command {
  return {
    name,
    aliases,
    isAlwaysServed: false,
    run(view) {
      const values = valuesOrNull(view);
      return values === null ? { error: 'not offered by this server' } : { values };
    },
  };
}
