/** The four letters under which `cons` shows a connection's last operation, by its name. */
const words: ReadonlyMap<string, string> = new Map([
  ['createSession', 'SESS'],
  ['closeSession', 'CLOS'],
  ['ping', 'PING'],
  ['multi', 'MULT'],
  ['multiRead', 'MLTR'],
  ['create', 'CREA'],
  ['create2', 'CREA'],
  ['createContainer', 'CREA'],
  ['createTtl', 'CREA'],
  ['delete', 'DELE'],
  ['deleteContainer', 'DELE'],
  ['setData', 'SETD'],
  ['reconfig', 'RECO'],
  ['setAcl', 'SETA'],
  ['sync', 'SYNC'],
  ['check', 'CHEC'],
  ['exists', 'EXIS'],
  ['getData', 'GETD'],
  ['setWatches', 'SETW'],
  ['setWatches2', 'STW2'],
  ['addWatch', 'ADDW'],
  ['getAcl', 'GETA'],
  ['getChildren', 'GETC'],
  ['getChildren2', 'GETC'],
  ['getAllChildrenNumber', 'GETACN'],
  ['checkWatches', 'CHKW'],
  ['removeWatches', 'REMW'],
  ['whoAmI', 'HOMI'],
  ['getEphemerals', 'GETE'],
]);

/** `getData` → `GETD`; what is unknown, or a word already, stays as it is. */
export function operationWord(operation: string): string {
  return words.get(operation) ?? operation;
}
