/** `timonier cloud-controller-manager`: the cloud's side of the cluster as a process of its own. */
import { clientFromKubeconfig, OfficeClient, restClientMetrics } from '@timonier/client';
import { defineComponent, listFlag, stringFlag, UsageError } from '@timonier/component';
import { plainVmProvider } from './plain-vm.ts';
import type { CloudProvider } from './provider.ts';
import { startCloudControllers } from './start.ts';

const providers: Readonly<Record<string, CloudProvider>> = { [plainVmProvider.name]: plainVmProvider };

/** Throws with the known names when there is no such provider. */
export function providerNamed(name: string): CloudProvider {
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined;
  if (provider === undefined) {
    throw new UsageError(
      `cloud provider "${name}" is unknown; there is ${Object.keys(providers).join(', ')}`,
    );
  }
  return provider;
}

export const command = defineComponent({
  name: 'cloud-controller-manager',
  summary: 'Keeps nodes in step with the machines they run on.',
  examples: [
    'timonier cloud-controller-manager --kubeconfig /etc/timonier/cloud-controller-manager.kubeconfig',
  ],
  flags: {
    kubeconfig: stringFlag('', 'how to reach the API server'),
    socket: stringFlag('', "this host's private API server socket, used instead of the kubeconfig's server"),
    servers: listFlag([], "API servers, used instead of the kubeconfig's, first one first"),
    'office-socket': stringFlag('', 'where the office is published; without it the controllers always act'),
    'cloud-provider': stringFlag(plainVmProvider.name, 'who runs the machines'),
  },
  opsAddress: '0.0.0.0:10258',
  run: async ({ flags, log, metrics, health, shutdown }) => {
    if (flags.kubeconfig === '') throw new UsageError('--kubeconfig is needed');
    const provider = providerNamed(flags['cloud-provider']);
    const client = clientFromKubeconfig(flags.kubeconfig, {
      servers: flags.servers,
      ...(flags.socket === '' ? {} : { socketPath: flags.socket }),
      userAgent: 'timonier-cloud-controller-manager',
      metrics: restClientMetrics(metrics),
    });
    shutdown.add('client', () => client.close());
    const office = flags['office-socket'] === '' ? undefined : new OfficeClient(flags['office-socket']);
    if (office !== undefined) shutdown.add('office', () => office.close());
    const running = startCloudControllers({ client, office, log, metrics, health }, provider);
    shutdown.add('cloud controllers', () => running.stop());
    await Promise.resolve();
  },
});
