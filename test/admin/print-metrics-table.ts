import { metricsTable } from './metrics-table.ts';

process.stdout.write(await metricsTable());
