/**
 * Conversion of custom resources by a webhook that both servers call: every verb in every version, a change of the version
 * that is stored, and all that a webhook can do wrong.
 */
import type { Comparison } from '../../comparison.ts';
import { failureScript } from './failures.ts';
import { storageScript } from './storage.ts';
import { verbScript } from './verbs.ts';
import { startWebhook, type Webhook } from './webhook.ts';

export async function conversion(comparison: Comparison): Promise<void> {
  const section = (
    name: string,
    script: (comparison: Comparison, webhook: Webhook) => Promise<void>,
  ): Promise<void> =>
    comparison.section(`conversion ${name}`, async () => {
      const webhook = await startWebhook();
      try {
        await script(comparison, webhook);
      } finally {
        webhook.close();
      }
    });
  await section('verbs', verbScript);
  await section('storage', storageScript);
  await section('failures', failureScript);
}
