/**
 * The webhooks that the cluster has, in the order in which they are asked: by the name of their configuration, then as
 * it lists them. A client and compiled conditions live as long as the state of the configuration they were made from.
 */
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ResourceInfo,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '@timonier/api';
import { WebhookClient } from '../../aggregation/https-call.ts';
import type { ServerState } from '../../server-state.ts';
import { cachedObjects } from '../cached.ts';
import { inputOf, MatchConditions } from '../conditions.ts';
import { whenDecided } from '../decisions.ts';
import { matchedAs, selectorsMatch } from '../matching.ts';
import type { AdmissionRequest } from '../request.ts';

export interface ConfiguredWebhook<T extends Webhook> {
  /** Name of the configuration that it stands in. */
  readonly configuration: string;
  readonly hook: T;
  readonly client: WebhookClient;
  readonly conditions: MatchConditions;
}

type Webhook = MutatingWebhook | ValidatingWebhook;
type Configuration = Readonly<MutatingWebhookConfiguration | ValidatingWebhookConfiguration>;

const made = new WeakMap<Configuration, readonly ConfiguredWebhook<Webhook>[]>();
/** Closes the connections of clients whose configuration is gone. */
const closer = new FinalizationRegistry<() => void>((close) => close());

export function mutatingWebhooks(server: ServerState): readonly ConfiguredWebhook<MutatingWebhook>[] {
  return all<MutatingWebhook>(server, 'mutatingwebhookconfigurations');
}

export function validatingWebhooks(server: ServerState): readonly ConfiguredWebhook<ValidatingWebhook>[] {
  return all<ValidatingWebhook>(server, 'validatingwebhookconfigurations');
}

function all<T extends Webhook>(server: ServerState, prefix: string): readonly ConfiguredWebhook<T>[] {
  if (server.cache.resource(prefix).index.size === 0) return [];
  return cachedObjects<Configuration>(server, prefix).flatMap(
    (configuration) => configured(server, configuration) as readonly ConfiguredWebhook<T>[],
  );
}

function configured(
  server: ServerState,
  configuration: Configuration,
): readonly ConfiguredWebhook<Webhook>[] {
  const known = made.get(configuration);
  if (known !== undefined) return known;
  const hooks = (configuration.webhooks ?? []).map((hook) => ({
    configuration: configuration.metadata?.name ?? '',
    hook,
    client: new WebhookClient(server, hook.clientConfig),
    conditions: new MatchConditions(hook.matchConditions),
  }));
  made.set(configuration, hooks);
  const clients = hooks.map(({ client }) => client);
  closer.register(configuration, () => clients.forEach((client) => client.close()));
  return hooks;
}

/** The version in which a webhook wants to see a request; undefined when its rules and selectors are not about it. */
export function wantedAs(
  { hook }: ConfiguredWebhook<Webhook>,
  request: AdmissionRequest,
): ResourceInfo | undefined {
  // What guards the cluster must stay changeable when a webhook is broken.
  if (request.context.target.info.group === 'admissionregistration.k8s.io') return undefined;
  const info = matchedAs(hook.rules, request, hook.matchPolicy);
  return info !== undefined && selectorsMatch(hook, request) ? info : undefined;
}

/** Whether its conditions let a webhook be asked. Throws when they cannot be evaluated. */
export function conditionsHold(
  { conditions }: ConfiguredWebhook<Webhook>,
  request: AdmissionRequest,
): boolean | Promise<boolean> {
  return whenDecided(() => conditions.match(inputOf(request)));
}
