import { answerMutants } from './answers.ts';
import { deliveryMutants } from './deliveries.ts';
import { diskMutants } from './disks.ts';
import { electionMutants } from './elections.ts';
import { localSessionMutants } from './local-sessions.ts';
import type { Mutant } from './mutant.ts';
import { promiseMutants } from './promises.ts';
import { sessionMutants } from './sessions.ts';
import { synchronizationMutants } from './synchronization.ts';
import { writeMutants } from './writes.ts';

/** Every planted bug, by what it breaks. */
export const mutants: readonly Mutant[] = [
  ...promiseMutants,
  ...deliveryMutants,
  ...synchronizationMutants,
  ...electionMutants,
  ...diskMutants,
  ...sessionMutants,
  ...localSessionMutants,
  ...answerMutants,
  ...writeMutants,
];
