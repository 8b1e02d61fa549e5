/** Keys whose values nobody is shown. Paths of password files are no secrets. */
const secretKey = /(?:password|passwd|secret|superdigest|credential)s?$/i;

export function isSecret(key: string): boolean {
  return secretKey.test(key);
}

/** `key=value` lines, as read, for people: a secret's value is `***`. */
export function shownConfiguration(entries: ReadonlyMap<string, string>): string {
  return [...entries].map(([key, value]) => `${key}=${isSecret(key) ? '***' : value}\n`).join('');
}
