/** What was asked for cannot be had; the message names the setting or file, and the remedy. */
export class SecurityError extends Error {
  override readonly name: string = 'SecurityError';
}
