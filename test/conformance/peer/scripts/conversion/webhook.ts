/**
 * A webhook that converts the kind `Host` between `v1` (`host` and `port`) and `v2` (`address`). The path that it is called
 * at says what it does wrong, so that it has no state and both servers may call it at once.
 */
import { startWebhookHost, type WebhookHost } from '../webhook-host.ts';
import { type Answered, answers, type Review } from './answers.ts';

export type Webhook = WebhookHost;

export function startWebhook(): Promise<Webhook> {
  return startWebhookHost('right', (name, body) => {
    const { status, type, text }: Answered = answers[name]?.(JSON.parse(body) as Review) ?? {
      status: 404,
      type: 'text/plain',
      text: `nothing is at ${name}`,
    };
    return { status, headers: { 'content-type': type }, text };
  });
}
