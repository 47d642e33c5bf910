/** From descriptions of authorizers to authorizers at work, which follow their file while the server runs. */
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import type { WatchCache } from '../cache/watch-cache.ts';
import { KubeconfigClient } from '../callouts/kubeconfig-client.ts';
import { followFile } from '../configuration/followed-file.ts';
import { Authorizer } from './authorizer.ts';
import {
  type AuthorizerDescription,
  type FixedMode,
  parseAuthorizationConfiguration,
} from './configuration.ts';
import type { AuthorizerKind } from './decision.ts';
import { alwaysAllow, alwaysDeny } from './fixed.ts';
import { WebhookAuthorizer } from './webhook.ts';

export interface AuthorizationOptions {
  readonly authorizers: readonly AuthorizerDescription[];
  /** Where they were read; followed. */
  readonly file?: { readonly path: string; readonly hash: string };
}

interface Parts {
  readonly cache: WatchCache;
  /** `/registry/` */
  readonly root: string;
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly metrics: Registry;
}

const usual: AuthorizationOptions = { authorizers: [{ type: 'Node' }, { type: 'RBAC' }] };

/** Throws when a kubeconfig file of a webhook cannot be used. */
export function startAuthorization(
  options: AuthorizationOptions = usual,
  { cache, root, log, metrics }: Parts,
): { readonly authorizer: Authorizer; readonly stop: () => void } {
  const evaluations = new Counter({
    name: 'apiserver_authorization_webhook_evaluations_total',
    help: 'Questions to authorization webhooks, by what became of them.',
    labelNames: ['name', 'result'],
    registers: [metrics],
  });
  const authorizer = new Authorizer(cache, root, countDecisions(metrics));
  const clients: KubeconfigClient[] = [];
  const fixed: Readonly<Record<FixedMode, AuthorizerKind>> = {
    Node: authorizer.node,
    RBAC: authorizer.rbac,
    AlwaysAllow: alwaysAllow,
    AlwaysDeny: alwaysDeny,
  };
  const kindOf = (description: AuthorizerDescription): AuthorizerKind => {
    if (description.type !== 'Webhook') return fixed[description.type];
    const { name, webhook } = description;
    const client = new KubeconfigClient(webhook.kubeconfig);
    clients.push(client);
    const onEvaluated = (result: string): void => evaluations.inc({ name, result });
    return new WebhookAuthorizer({ ...webhook, name, client, now: Date.now, onEvaluated });
  };
  // Clients of a configuration that is over may still have questions under way; they end by themselves.
  const configure = (descriptions: readonly AuthorizerDescription[]): void =>
    authorizer.configure(descriptions.map(kindOf));
  configure(options.authorizers);
  const stopFollowing =
    options.file &&
    followFile({
      ...options.file,
      take: (text) => configure(parseAuthorizationConfiguration(text)),
      what: 'the authorization configuration',
      prefix: 'apiserver_authorization_config_controller',
      log,
      metrics,
    });
  return {
    authorizer,
    stop: () => {
      stopFollowing?.();
      for (const client of clients) client.close();
    },
  };
}

/** Counts without a look-up of labels for each request. */
function countDecisions(metrics: Registry): ConstructorParameters<typeof Authorizer>[2] {
  const counts = new Map<string, { readonly labels: Record<string, string>; count: number }>();
  metrics.registerMetric(
    new Counter({
      name: 'apiserver_authorization_decisions_total',
      help: 'Terminal decisions of authorizers.',
      labelNames: ['type', 'name', 'decision'],
      registers: [],
      collect() {
        this.reset();
        for (const { labels, count } of counts.values()) this.inc(labels, count);
      },
    }),
  );
  return ({ type, name }, { verdict }) => {
    const key = `${name} ${verdict}`;
    let entry = counts.get(key);
    if (entry === undefined) {
      const decision = verdict === 'allow' ? 'allowed' : 'denied';
      counts.set(key, (entry = { labels: { type, name, decision }, count: 0 }));
    }
    entry.count++;
  };
}
