/** The server's path of a client's: `/a` below `/apps` is `/apps/a`, and `/` is `/apps`. */
export function intoChroot(chroot: string, path: string): string {
  if (chroot === '') return path;
  return path === '/' ? chroot : chroot + path;
}

/** The client's path of a server's. One that is not below the chroot stays as it is. */
export function outOfChroot(chroot: string, path: string): string {
  if (chroot === '' || !path.startsWith(chroot)) return path;
  if (path.length === chroot.length) return '/';
  return path.charCodeAt(chroot.length) === 0x2f ? path.slice(chroot.length) : path;
}
