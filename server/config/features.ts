import type { ConfigValues } from './config-values.ts';
import type { ServerSettings } from './server-settings.ts';
import type { ConfigProblem } from './zoo-cfg.ts';

/** What a build may or may not be able to do. */
export type Feature =
  | 'clientTls'
  | 'quorumTls'
  | 'clientSasl'
  | 'quorumSasl'
  | 'enforceAuth'
  | 'localSessions'
  | 'readOnlyMode'
  | 'observerMaster'
  | 'audit'
  | 'snapshotCompression'
  | 'shortCloseSession'
  | 'revocation'
  | 'earlyTtlNodes'
  | 'oracle';

interface Wish {
  readonly feature: Feature;
  readonly key: string;
  readonly scope: 'file' | 'property' | 'process';
  readonly isWanted: (settings: ServerSettings) => boolean;
  /** Going on without it would be less safe than what was asked for. */
  readonly isProtection: boolean;
}

const wishes: readonly Wish[] = [
  wish('clientTls', 'secureClientPort', 'file', (s) => s.listen.secureClientAddress !== null, true),
  wish('clientTls', 'client.portUnification', 'property', (s) => s.listen.clientPortUnification),
  wish('quorumTls', 'sslQuorum', 'file', (s) => s.quorum.isTls, true),
  wish('quorumTls', 'portUnification', 'file', (s) => s.quorum.portUnification, true),
  wish('revocation', 'ssl.crl', 'property', (s) => s.clientTls.crl, true),
  wish('revocation', 'ssl.ocsp', 'property', (s) => s.clientTls.ocsp, true),
  wish('revocation', 'ssl.quorum.crl', 'property', (s) => s.quorumTls.crl, true),
  wish('revocation', 'ssl.quorum.ocsp', 'property', (s) => s.quorumTls.ocsp, true),
  wish('quorumSasl', 'quorum.auth.enableSasl', 'file', (s) => s.quorum.sasl.enabled, true),
  wish(
    'clientSasl',
    'sessionRequireClientSASLAuth',
    'property',
    (s) => s.security.saslRequired,
    true,
  ),
  wish('enforceAuth', 'enforce.auth.enabled', 'property', (s) => s.security.authRequired, true),
  wish('localSessions', 'localSessionsEnabled', 'file', (s) => s.sessions.localSessionsEnabled),
  wish('readOnlyMode', 'readonlymode.enabled', 'process', (s) => s.sessions.readOnlyModeEnabled),
  wish('observerMaster', 'observerMasterPort', 'file', (s) => s.quorum.observerMasterPort !== null),
  wish('audit', 'audit.enable', 'property', (s) => s.requests.isAudited, true),
  wish(
    'snapshotCompression',
    'snapshot.compression.method',
    'property',
    (s) => s.storage.snapshotCompression !== '',
  ),
  wish(
    'shortCloseSession',
    'closeSessionTxn.enabled',
    'property',
    (s) => !s.storage.closeSessionTxn,
  ),
  wish(
    'earlyTtlNodes',
    'emulate353TTLNodes',
    'property',
    (s) => s.sessions.emulate353TtlNodes,
    true,
  ),
  wish('oracle', 'oraclePath', 'file', (s) => s.quorum.oraclePath !== null, true),
];

/**
 * What the configuration asks for and this build cannot do: refused where going on without it
 * would protect less than was asked for, a warning otherwise.
 */
export function unsupportedProblems(
  values: ConfigValues,
  settings: ServerSettings,
  features: ReadonlySet<Feature>,
): { readonly problems: readonly ConfigProblem[]; readonly warnings: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  for (const { feature, key, scope, isWanted, isProtection } of wishes) {
    if (features.has(feature) || !isWanted(settings)) continue;
    const { line = 0, value = '' } = values.find(key, scope) ?? {};
    const remedy = isProtection
      ? 'This server cannot do it, and going on without it would be less safe than was asked for. Remove the line.'
      : 'This server cannot do it and goes on without it.';
    (isProtection ? problems : warnings).push({ line, key, value, remedy });
  }
  const { sasl } = settings.quorum;
  if ((sasl.serverRequired || sasl.learnerRequired) && !sasl.enabled) {
    const key = sasl.serverRequired
      ? 'quorum.auth.serverRequireSasl'
      : 'quorum.auth.learnerRequireSasl';
    const { line = 0, value = '' } = values.find(key, 'file') ?? {};
    problems.push({ line, key, value, remedy: 'It needs quorum.auth.enableSasl=true beside it.' });
  } else if (sasl.serverRequired && !sasl.learnerRequired) {
    const key = 'quorum.auth.serverRequireSasl';
    const { line = 0, value = '' } = values.find(key, 'file') ?? {};
    const remedy =
      'It needs quorum.auth.learnerRequireSasl=true beside it: the others must authenticate too.';
    problems.push({ line, key, value, remedy });
  }
  return { problems, warnings };
}

function wish(
  feature: Feature,
  key: string,
  scope: Wish['scope'],
  isWanted: Wish['isWanted'],
  isProtection: boolean = false,
): Wish {
  return { feature, key, scope, isWanted, isProtection };
}
