import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certified } from './certificates.ts';

/** Of every store that these tests make. */
export const storePassword = 'store-pass-word';

export type StoreForm = 'pem' | 'p12' | 'jks';

/** Files of keys and certificates, gone when disposed of. */
export class KeyFiles implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'zkensemble-tls-'));

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** A key with its certificate, in that form; PKCS12 and JKS by keytool. */
  keyStore(name: string, certified: Certified, form: StoreForm = 'pem'): string {
    const path = join(this.directory, `${name}.${form}`);
    const pem = form === 'pem' ? path : join(this.directory, `${name}.key.pem`);
    writeFileSync(pem, `${certified.key}${certified.certificate}`);
    if (form === 'pem') return path;
    const exported = join(this.directory, `${name}.export.p12`);
    quietly('openssl', [
      `pkcs12 -export -name ${name} -passout pass:${storePassword} -in`,
      pem,
      '-out',
      exported,
    ]);
    rmSync(path, { force: true });
    quietly('keytool', [
      '-importkeystore -noprompt -srcstoretype PKCS12 -srckeystore',
      exported,
      '-srcstorepass',
      storePassword,
      '-deststorepass',
      storePassword,
      `-deststoretype ${form === 'jks' ? 'JKS' : 'PKCS12'} -destkeystore`,
      path,
    ]);
    return path;
  }

  /** Certificates to trust, in that form; PKCS12 and JKS by keytool. */
  trustStore(name: string, certificates: readonly string[], form: StoreForm = 'pem'): string {
    const path = join(this.directory, `${name}.${form}`);
    if (form === 'pem') {
      writeFileSync(path, certificates.join(''));
      return path;
    }
    rmSync(path, { force: true });
    for (const [index, certificate] of certificates.entries()) {
      const pem = join(this.directory, `${name}.${index}.cert.pem`);
      writeFileSync(pem, certificate);
      quietly('keytool', [
        `-importcert -noprompt -alias ca-${index} -storepass`,
        storePassword,
        `-storetype ${form === 'jks' ? 'JKS' : 'PKCS12'} -keystore`,
        path,
        '-file',
        pem,
      ]);
    }
    return path;
  }

  text(name: string, text: string): string {
    const path = join(this.directory, name);
    mkdirSync(this.directory, { recursive: true });
    writeFileSync(path, text);
    return path;
  }
}

/** Lines of zoo.cfg by which members show a key and trust others. */
export function quorumStores(keyStore: string, trustStore: string): Record<string, string> {
  return {
    'ssl.quorum.keyStore.location': keyStore,
    'ssl.quorum.trustStore.location': trustStore,
    // The reference takes a password for a sign that a key in PEM is encrypted.
    'ssl.quorum.keyStore.password': keyStore.endsWith('.pem') ? '' : storePassword,
    'ssl.quorum.trustStore.password': trustStore.endsWith('.pem') ? '' : storePassword,
  };
}

/** Every other argument is words of the command line, the rest are values that may hold blanks. */
function quietly(command: string, args: readonly string[]): void {
  const split = args.flatMap((arg, index) => (index % 2 === 0 ? arg.split(' ') : [arg]));
  execFileSync(command, split, { stdio: ['ignore', 'ignore', 'pipe'] });
}
