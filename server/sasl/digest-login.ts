import { JaasError, parseJaas } from './jaas.ts';
import type { JaasEntry } from './jaas.ts';

const digestModule = 'org.apache.zookeeper.server.auth.DigestLoginModule';
const userPrefix = 'user_';

/** Who one says that one is, and the proof. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Passwords by user name: whom a server believes. @throws JaasError */
export function usersOf(jaasText: string, section: string): ReadonlyMap<string, string> {
  const { options } = digestEntry(jaasText, section);
  const users = new Map<string, string>();
  for (const [key, password] of options) {
    if (!key.startsWith(userPrefix)) continue;
    const name = key.slice(userPrefix.length);
    if (name === '' || password === '') {
      throw new JaasError(`Section ${section}: ${key} needs a name and a password.`);
    }
    users.set(name, password);
  }
  if (users.size > 0) return users;
  throw new JaasError(`Section ${section}: it needs user_<name>="<password>".`);
}

/** As whom a server goes to another. @throws JaasError */
export function loginOf(jaasText: string, section: string): Login {
  const { options } = digestEntry(jaasText, section);
  const username = options.get('username') ?? '';
  const password = options.get('password') ?? '';
  if (username !== '' && password !== '') return { username, password };
  throw new JaasError(`Section ${section}: it needs username="…" and password="…".`);
}

function digestEntry(jaasText: string, section: string): JaasEntry {
  const sections = parseJaas(jaasText);
  const entries = sections.get(section);
  if (entries === undefined) {
    const known = [...sections.keys()].join(', ') || 'none';
    throw new JaasError(`Section ${section} is missing; it has ${known}.`);
  }
  const found = entries.find((entry) => entry.module === digestModule);
  if (found !== undefined) return found;
  const modules = entries.map((entry) => entry.module).join(', ') || 'nothing';
  throw new JaasError(
    `Section ${section}: it names ${modules}, and this server has DIGEST-MD5 alone: ${digestModule}.`,
  );
}
