/**
 * `timonier worker`: the supervisor of a worker host. Starts the container runtime, the kubelet, the proxy and DNS,
 * restarts what ends, collects their logs, and as PID 1 collects the host's orphans.
 */
import { defineComponent, stringFlag } from '@timonier/component';
import { containerdConfigPath, hostContainerd, writeContainerdConfig } from './containerd.ts';
import { hostConfigPath, readHostConfig } from './host-config.ts';
import { nodeProcesses } from './node-processes.ts';
import { Supervisor } from './supervisor.ts';

export const command = defineComponent({
  name: 'worker',
  summary: 'supervises a worker host: container runtime, kubelet, proxy and DNS',
  examples: ['timonier worker', 'timonier worker --host-config /etc/timonier/host.json'],
  flags: { 'host-config': stringFlag(hostConfigPath, 'file that describes this host and its cluster') },
  opsAddress: '0.0.0.0:10242',
  run: async ({ flags, log, metrics, health, shutdown }) => {
    const config = readHostConfig(flags['host-config']);
    const supervisor = new Supervisor({ log, metrics, health });
    shutdown.add('processes', () => supervisor.stopAll(), 8_000);
    if (config.runtime === 'containerd') writeContainerdConfig(containerdConfigPath, hostContainerd);
    for (const spec of nodeProcesses(config, containerdConfigPath)) supervisor.start(spec);
    log.info({ host: config.name, cluster: config.cluster }, 'worker host is starting');
  },
});
