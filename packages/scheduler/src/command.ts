/** `timonier scheduler`: the scheduler as a process of its own. */
import { loopFlags, startContextOf } from '@timonier/client/loop-process';
import { defineComponent, stringFlag } from '@timonier/component';
import { readConfiguration } from './configuration.ts';
import { defaultProfile } from './profile.ts';
import { startScheduler } from './start.ts';

export const command = defineComponent({
  name: 'scheduler',
  summary: 'Finds a node for every pod that has none.',
  examples: [
    'timonier scheduler --kubeconfig /etc/timonier/scheduler.kubeconfig',
    'timonier scheduler --kubeconfig scheduler.kubeconfig --socket /run/timonier/apiserver.sock --office-socket /run/timonier/office.sock',
  ],
  flags: {
    config: stringFlag(
      '',
      'a KubeSchedulerConfiguration with profiles; without it there is the default one',
      {
        placeholder: 'scheduler.yaml',
      },
    ),
    ...loopFlags,
  },
  opsAddress: '0.0.0.0:10259',
  run: async (context) => {
    const { flags, shutdown } = context;
    const profiles = flags.config === '' ? [defaultProfile] : readConfiguration(flags.config);
    const running = startScheduler(startContextOf(context, 'scheduler'), profiles);
    shutdown.add('scheduler', () => running.stop());
    await Promise.resolve();
  },
});
