import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { QuorumPacketDecoder } from '../../server/protocol/quorum-packet.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';

/** What a learner and its leader sent each other, in the order of each direction. */
export interface QuorumTranscript {
  readonly fromLearner: readonly QuorumPacket[];
  readonly fromLeader: readonly QuorumPacket[];
}

/**
 * Stands between one learner and the quorum port of its leader and writes down every packet of the
 * last connection. Snapshots do not pass: their bytes are no packets.
 */
export class QuorumTap implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  fromLearner: QuorumPacket[] = [];
  fromLeader: QuorumPacket[] = [];

  private constructor(leaderPort: number) {
    this.#server = createServer((learner) => {
      const leader = connect({ host: '127.0.0.1', port: leaderPort });
      this.fromLearner = [];
      this.fromLeader = [];
      this.#copy(learner, leader, this.fromLearner);
      this.#copy(leader, learner, this.fromLeader);
    });
  }

  /** Listens on `port` for the learner. */
  static async open(port: number, leaderPort: number): Promise<QuorumTap> {
    const tap = new QuorumTap(leaderPort);
    await new Promise<void>((done) => tap.#server.listen(port, '127.0.0.1', done));
    return tap;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  #copy(from: Socket, to: Socket, into: QuorumPacket[]): void {
    const decoder = new QuorumPacketDecoder();
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      to.write(chunk);
      decoder.push(Buffer.from(chunk));
      for (let packet = decoder.next(); packet !== null; packet = decoder.next()) into.push(packet);
    });
    from.on('close', () => to.destroy());
    from.on('error', () => to.destroy());
  }
}
