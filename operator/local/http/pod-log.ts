import { existsSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { ApiError, badRequest } from '../api/api-error.ts';
import { arrayAt, at, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import {
  logBytesMax,
  logPathOf,
  previousLogPath,
  readFrom,
  tailPosition,
} from '../agent/log-files.ts';
import type { Call } from './call.ts';

/** How often a followed log is looked at. */
const followIntervalMs = 200;

const unsupported = ['timestamps', 'sinceSeconds', 'sinceTime'];

function containerOf(pod: KubeObject, asked: string | null): string {
  const lists = ['containers', 'initContainers'];
  const names = lists.flatMap((list) =>
    arrayAt(pod, 'spec', list).map((one) => stringAt(one, 'name') ?? ''),
  );
  const name = asked ?? names[0] ?? '';
  if (names.includes(name)) return name;
  throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`);
}

/** Sends what a process writes as it comes, until it has ended or the client leaves. */
function follow(path: string, from: number, isOver: () => boolean, response: ServerResponse): void {
  let position = from;
  const timer = setInterval(() => {
    // Asked first: what was written before the end is still to be read.
    const over = isOver();
    const size = existsSync(path) ? statSync(path).size : 0;
    if (size < position) position = 0;
    if (size > position) {
      const bytes = readFrom(path, position, logBytesMax);
      position += bytes.length;
      response.write(bytes);
    }
    if (over) response.end();
  }, followIntervalMs);
  response.on('close', () => clearInterval(timer));
}

/** Answers `GET pods/{name}/log` from the files under a state directory. */
export function podLogHandler(stateDir: string): (call: Call) => Promise<void> {
  return async ({ api, path, query, response }) => {
    const target = { definition: path.definition, namespace: path.namespace, name: path.name };
    const pod = api.get(target);
    for (const name of unsupported) {
      const value = query.get(name);
      if (value === null || value === 'false' || value === '0') continue;
      throw new ApiError(
        400,
        'BadRequest',
        `the local control plane keeps no times of log lines: ${name} is not supported`,
      );
    }
    const container = containerOf(pod, query.get('container'));
    const current = logPathOf(stateDir, path.namespace, path.name, container);
    const isPrevious = query.get('previous') === 'true';
    const file = isPrevious ? previousLogPath(current) : current;
    if (!existsSync(file)) {
      const what = isPrevious ? 'previous terminated container' : 'container';
      throw badRequest(`${what} "${container}" in pod "${path.name}" has written no log`);
    }
    const whole = readFrom(file, 0, logBytesMax);
    const lines = query.get('tailLines');
    const start = lines === null ? 0 : tailPosition(whole, Number(lines));
    const limit = Number(query.get('limitBytes') ?? 0);
    const shown = whole.subarray(start, limit > 0 ? start + limit : undefined);
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write(shown);
    if (query.get('follow') !== 'true' || isPrevious) {
      response.end();
      return;
    }
    const isOver = (): boolean => {
      const now = api.store.get('/pods', path.namespace, path.name);
      const status = arrayAt(now, 'status', 'containerStatuses').find(
        (one) => stringAt(one, 'name') === container,
      );
      return now?.metadata.uid !== pod.metadata.uid || at(status, 'state', 'running') === undefined;
    };
    follow(file, whole.length, isOver, response);
  };
}
