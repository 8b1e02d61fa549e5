import type { Ensemble, EnsembleServer } from '../../server/config/ensemble.ts';

/** Participants 1 to n, then observers, all on one machine. */
export function ensembleOf(participants: number, observers: number = 0): Ensemble {
  const servers: EnsembleServer[] = [];
  for (let sid = 1; sid <= participants + observers; sid += 1) {
    servers.push({
      sid,
      host: '127.0.0.1',
      quorumPort: 27_202 + sid * 10,
      electionPort: 27_203 + sid * 10,
      role: sid <= participants ? 'participant' : 'observer',
      clientAddress: null,
    });
  }
  return { version: 0, servers, groups: new Map(), weights: new Map() };
}
