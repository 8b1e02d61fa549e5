// Goal: settings of clients mean to this server what they mean to the reference.
// Method: the same requests, byte for byte, to a server of each that is alone with the same zoo.cfg.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { getAclResponse } from '../../server/protocol/requests/access.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { apacheMissing } from '../support/apache.ts';
import { RawSession } from '../support/raw-session.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';

const settings = {
  'DigestAuthenticationProvider.digestAlg': 'SHA-256',
  connection_throttle_tokens: '4',
  connection_throttle_fill_time: '3600000',
  largeRequestThreshold: '1000',
  largeRequestMaxBytes: '2000',
};

/** A node that only the creator may use. */
function createOf(path: string, bytes: number): Uint8Array {
  const writer = new JuteWriter();
  const acl = [{ perms: 31, id: { scheme: 'auth', id: '' } }];
  const data = Buffer.alloc(bytes);
  const create = { op: 'create', opCode: OpCode.CREATE, flags: 0, ttlMs: -1 } as const;
  writeCreateRequest(writer, { ...create, path, data, acl });
  return writer.take();
}

function pathOf(path: string): Uint8Array {
  const writer = new JuteWriter();
  writer.string(path);
  return writer.take();
}

/** What a client sees of the settings. */
async function seen(port: number): Promise<unknown> {
  const open = (): Promise<RawSession> => RawSession.open(port, { timeoutMs: 30_000 });
  const session = await open();
  session.addAuth('digest', 'bob:pw');
  const created = await session.request(OpCode.CREATE, createOf('/a', 1500));
  const { body } = await session.ask(OpCode.GET_ACL, pathOf('/a'));
  const ids = getAclResponse.read(new JuteReader(body)).acl?.map(({ id }) => id);
  const tooLarge = await session
    .request(OpCode.CREATE, createOf('/b', 2500))
    .catch((error: Error) => error.message);
  const sessions = [];
  for (let number = 2; number <= 6; number += 1) {
    sessions.push(
      await open().then(
        () => 'open',
        (error: Error) => error.message,
      ),
    );
  }
  return { created, ids, tooLarge, sessions };
}

test(
  'digestAlg, connection_throttle_tokens and largeRequest*: a client sees the same of both',
  {
    skip: apacheMissing() ?? false,
  },
  async () => {
    const found: unknown[] = [];
    for (const kind of ['ours', 'apache'] as const) {
      await using ensemble = await RealEnsemble.started({ members: [{ kind }], settings });
      found.push(await seen(ensemble.member(1).clientPort));
    }
    const [ours, theirs] = found;
    assert.deepEqual(ours, theirs);
    const hash = createHash('sha256').update('bob:pw').digest('base64');
    assert.deepEqual(ours, {
      created: 0,
      ids: [{ scheme: 'digest', id: `bob:${hash}` }],
      tooLarge: 'connection closed',
      sessions: ['open', 'open', 'open', 'connection closed', 'connection closed'],
    });
  },
);
