/** `timonier cloud-controller-manager`: the cloud's side of the cluster as a process of its own. */
import { loopFlags, startContextOf } from '@timonier/client/loop-process';
import { defineComponent, stringFlag, UsageError } from '@timonier/component';
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
    ...loopFlags,
    'cloud-provider': stringFlag(plainVmProvider.name, 'who runs the machines'),
  },
  opsAddress: '0.0.0.0:10258',
  run: async (context) => {
    const { flags, shutdown } = context;
    const provider = providerNamed(flags['cloud-provider']);
    const running = startCloudControllers(startContextOf(context, 'cloud-controller-manager'), provider);
    shutdown.add('cloud controllers', () => running.stop());
    await Promise.resolve();
  },
});
