/** Which Kubernetes all of this is, told the same way by `/version`, by nodes and by the metrics of every process. */
import { Gauge, type Registry } from 'prom-client';

const kubernetesMinor = 36;

/** What `/version` says. */
export function versionInfo(): Record<string, string> {
  return {
    major: '1',
    minor: String(kubernetesMinor),
    emulationMajor: '1',
    emulationMinor: String(kubernetesMinor),
    minCompatibilityMajor: '1',
    minCompatibilityMinor: String(kubernetesMinor - 1),
    gitVersion: `v1.${kubernetesMinor}.2+timonier`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: process.version,
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}

/** `kubernetes_build_info` as upstream's programs have it, and `timonier_build_info`. */
export function exposeBuild(metrics: Registry, component: string): void {
  const info = (name: string, labels: Record<string, string>): void => {
    new Gauge({
      name,
      help: 'Always 1; the labels say what runs.',
      labelNames: Object.keys(labels),
      aggregator: 'first',
      registers: [metrics],
    }).set(labels, 1);
  };
  const told = versionInfo();
  info(
    'kubernetes_build_info',
    Object.fromEntries(
      [
        'major',
        'minor',
        'gitVersion',
        'gitCommit',
        'gitTreeState',
        'buildDate',
        'goVersion',
        'compiler',
        'platform',
      ].map((name) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), told[name] ?? '']),
    ),
  );
  info('timonier_build_info', { component, node: process.version });
}
