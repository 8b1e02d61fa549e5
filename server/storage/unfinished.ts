/**
 * Names of files that are not complete begin with this. Nobody takes them for a snapshot or a log,
 * the reference neither, and the next start removes them.
 */
export const unfinishedPrefix = 'unfinished.';
