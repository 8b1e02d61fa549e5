import { ConfigValues } from '../../server/config/config-values.ts';
import { serverSettings } from '../../server/config/server-settings.ts';
import type { ServerSettings } from '../../server/config/server-settings.ts';
import { parseZooCfg } from '../../server/config/zoo-cfg.ts';
import type { EnsembleOptions } from './sim-ensemble.ts';

/** Settings as a zoo.cfg says them. */
export function settingsOf(text: string): ServerSettings {
  return serverSettings(new ConfigValues(parseZooCfg(text).entries, new Map()));
}

/** Observers come to followers. */
export const masters: ServerSettings = settingsOf('observerMasterPort=2191');

/**
 * Two of three groups: the first needs one server, the second its heavier one, the third both. Two
 * servers weigh nothing: they vote, and count for nobody.
 */
const votes = {
  groups: new Map([
    [1, [1, 2]],
    [2, [3, 4]],
    [3, [5, 6, 7]],
  ]),
  weights: new Map([
    [2, 0],
    [3, 2],
    [7, 0],
  ]),
};

const served = { observers: 2, parts: (): { settings: ServerSettings } => ({ settings: masters }) };

/** How servers stand to each other, for a whole run: a majority of equals unless one of these is asked for. */
export const topologies: Readonly<
  Record<string, Partial<EnsembleOptions> & { readonly voters: number }>
> = {
  /** Groups with weights, and observers. */
  groups: { voters: 7, observers: 2, votes },
  /** Observers behind followers. */
  masters: { voters: 3, ...served },
  mastersOfGroups: { voters: 7, votes, ...served },
  /** A lone voter has no followers that could serve observers. */
  lone: { voters: 1, ...served },
};
