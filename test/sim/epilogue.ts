import { getAcl, getChildren, getData, setData, sync } from './client-ops.ts';
import type { SimClient } from './sim-client.ts';
import type { SimEnsemble } from './sim-ensemble.ts';

/** Everyone serves again that long after the last fault, at latest. */
const settleMsMax = 20_000;

/**
 * The second phase of a run: nothing breaks any more, and what must come back comes back. Writes
 * are answered, nothing waits for ever, every server shows the whole tree as the history says,
 * sessions without clients end; and all of it again after a power loss of all servers.
 */
export function epilogue(ensemble: SimEnsemble): void {
  ensemble.storm.calm();
  ensemble.settle(settleMsMax);
  writesAreAnswered(ensemble);
  ensemble.quiet();
  ensemble.run(3_000);
  nothingWaits(ensemble);
  walkAll(ensemble);
  digestsAgree(ensemble);
  sessionsEnd(ensemble);
  powerLoss(ensemble);
  walkAll(ensemble);
  digestsAgree(ensemble);
}

/** L3: through every server. */
function writesAreAnswered(ensemble: SimEnsemble): void {
  for (const sid of ensemble.sids) {
    const client = openClient(ensemble, sid, `w${sid}`);
    let isAnswered = false;
    client.call(setData('/', `last words of ${sid}`), () => (isAnswered = true));
    ensemble.world.expect(
      ensemble.world.runUntil(() => isAnswered, 5_000),
      'L3 a write is answered',
      () => `not through s${sid} within 5 s`,
    );
    client.stop();
  }
}

/** L4: whoever is connected has all its answers. */
function nothingWaits(ensemble: SimEnsemble): void {
  for (const client of ensemble.clients) {
    ensemble.world.expect(client.outstanding === 0, 'L4 every request is answered', () => {
      return `${client.name} waits for ${client.outstanding} answers`;
    });
  }
}

/** C7: each server shows each node; the replies themselves are held against the history. */
function walkAll(ensemble: SimEnsemble): void {
  for (const sid of ensemble.sids) {
    const client = openClient(ensemble, sid, `v${sid}`);
    let answers = 0;
    const count = (): unknown => (answers += 1);
    client.call(sync('/'), count);
    const paths = ensemble.model.tree.paths();
    // The configuration's node is written outside the history.
    const shown = paths.filter((path) => path !== '/zookeeper/config');
    for (const path of shown) {
      client.call(getData(path), count);
      client.call(getChildren(path), count);
      client.call(getAcl(path), count);
    }
    const wanted = shown.length * 3 + 1;
    ensemble.world.expect(
      ensemble.world.runUntil(() => answers === wanted, 5_000),
      'C7 single image',
      () => `s${sid} answered ${answers} of ${wanted} reads`,
    );
    client.stop();
  }
}

/** T8: the leader's digests and the own ones never differed. */
function digestsAgree(ensemble: SimEnsemble): void {
  for (const sid of ensemble.sids) {
    const mismatches = ensemble.server(sid)?.view.counters().digestMismatches ?? 0;
    ensemble.world.expect(mismatches === 0, 'T8 digests', () => {
      return `s${sid} counted ${mismatches} differing digests`;
    });
  }
}

/** L6: sessions whose clients are gone end, and their ephemerals with them. */
function sessionsEnd(ensemble: SimEnsemble): void {
  const { model, world } = ensemble;
  for (const client of ensemble.clients) client.stop();
  const isOver = world.runUntil(() => model.tree.sessions.size === 0, 10_000);
  world.expect(isOver, 'L6 sessions end', () => `${model.tree.sessions.size} sessions are left`);
  for (const path of model.tree.paths()) {
    const owner = model.tree.now(path)?.owner ?? 0n;
    world.expect(owner === 0n, 'S3 ephemerals end', () => `${path} is left behind`);
  }
}

/** C8: what is not synced is lost, on all machines at once. */
function powerLoss(ensemble: SimEnsemble): void {
  for (const sid of ensemble.sids) ensemble.crash(sid, 'lost');
  ensemble.run(100);
  for (const sid of ensemble.sids) ensemble.start(sid);
  ensemble.settle(settleMsMax);
}

function openClient(ensemble: SimEnsemble, sid: number, name: string): SimClient {
  const client = ensemble.client(name, [ensemble.hostOf(sid)]);
  const isOpen = ensemble.world.runUntil(() => client.isOpen, 5_000);
  ensemble.world.expect(isOpen, 'L2 everyone serves', () => `s${sid} opens no session within 5 s`);
  return client;
}
