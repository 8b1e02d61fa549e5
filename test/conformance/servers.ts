import { digestIdOf } from '../../server/auth/auth.ts';
import type { EnsembleOptions } from '../support/real-ensemble.ts';

/** Name and password of the super user of both ensembles. */
export const superUser = 'super:secret';

/** What both ensembles run with. */
export const settings: Omit<EnsembleOptions, 'members'> = {
  tickMs: 1000,
  settings: { reconfigEnabled: 'true', enforceQuota: 'true' },
  properties: {
    'zookeeper.extendedTypesEnabled': 'true',
    'zookeeper.DigestAuthenticationProvider.superDigest': digestIdOf(Buffer.from(superUser)),
    'znode.container.checkIntervalMs': '200',
    'zookeeper.admin.enableServer': 'false',
  },
};
