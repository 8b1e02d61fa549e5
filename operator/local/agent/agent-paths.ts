import { join } from 'node:path';

/** Where the agent keeps what is on disk. */
export class AgentPaths {
  readonly stateDir: string;
  /** Where processes start: the root of the repository or of the package. */
  readonly workDir: string;

  constructor(stateDir: string, workDir: string) {
    this.stateDir = stateDir;
    this.workDir = workDir;
  }

  get podsDir(): string {
    return join(this.stateDir, 'pods');
  }

  podDir(uid: string): string {
    return join(this.podsDir, uid);
  }
}
