import { apacheVersion } from './apache.ts';
import { jarsOf } from './maven.ts';

/**
 * Class path of Apache ZooKeeper with what its admin server and its Prometheus provider need. The
 * provider is the one of 3.9.4: no later one is on Maven Central; the names are the server's own.
 */
export function operatorsClasspath(): string {
  const jars = jarsOf(`apache-${apacheVersion}-operators`, [
    ['org.apache.zookeeper', 'zookeeper', apacheVersion],
    ['org.apache.zookeeper', 'zookeeper-prometheus-metrics', '3.9.4'],
    ['io.dropwizard.metrics', 'metrics-core', '4.1.12.1'],
    ['org.xerial.snappy', 'snappy-java', '1.1.10.5'],
    ['org.eclipse.jetty', 'jetty-servlet', '9.4.57.v20241219'],
    ['com.fasterxml.jackson.core', 'jackson-databind', '2.18.1'],
    ['commons-cli', 'commons-cli', '1.5.0'],
  ]);
  return `${jars}/*`;
}
