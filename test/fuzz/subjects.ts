import type { Subject } from './fuzz.ts';
import { diskSubjects } from './subjects-disk.ts';
import { storeSubjects } from './subjects-stores.ts';
import { textSubjects } from './subjects-text.ts';
import { wireSubjects } from './subjects-wire.ts';

/** Every decoder that reads what others wrote. */
export const allSubjects: readonly Subject[] = [
  ...wireSubjects,
  ...diskSubjects,
  ...textSubjects,
  ...storeSubjects,
];

const shares = allSubjects.reduce((sum, { share = 1 }) => sum + share, 0);

/** A decoder's part of so many executions in all. */
export function executionsOf({ share = 1 }: Subject, executions: number): number {
  return Math.ceil((executions * share) / shares);
}
