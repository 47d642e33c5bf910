/**
 * Objects of one kind from one version to another by a webhook (ConversionReview); what it may not change is held
 * against what it was given. With the strategy `None` versions differ in nothing but their name, and nobody is asked.
 */
import { randomUUID } from 'node:crypto';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { WebhookClient, WebhookError } from '../aggregation/https-call.ts';
import type { ServerState } from '../server-state.ts';
import { convertedObject, textOf } from './converted-object.ts';
import type { Definition } from './definition-types.ts';
import { isObject } from './json-schema.ts';

/** What converts the objects of one definition. */
export interface Converter {
  /** Objects of any version as `apiVersion`, in the same order. Throws a `StatusError` when that fails. */
  convert(objects: readonly ApiObject[], apiVersion: string): Promise<readonly ApiObject[]>;
}

/** As upstream. */
const timeoutMs = 30_000;
const group = 'apiextensions.k8s.io';
const kind = 'ConversionReview';
/** The older one is the same but for its name, and answers to it are not looked at as closely. */
const strictVersion = 'v1';
const reviewVersions: ReadonlySet<string> = new Set([strictVersion, 'v1beta1']);

/** The converter of a definition; undefined when its versions differ in nothing but their name. */
export function converterOf(
  server: Pick<ServerState, 'registry' | 'cache' | 'root'>,
  { spec }: Definition,
): Converter | undefined {
  const { strategy, webhook } = spec.conversion ?? {};
  if (strategy !== 'Webhook' || webhook?.clientConfig === undefined) return undefined;
  return new WebhookConverter(
    new WebhookClient(server, webhook.clientConfig),
    webhook.conversionReviewVersions ?? [],
  );
}

class WebhookConverter implements Converter {
  readonly #client: Pick<WebhookClient, 'post'>;
  readonly #version: string | undefined;

  /** `versions` of reviews that the webhook understands, the best first. */
  constructor(client: Pick<WebhookClient, 'post'>, versions: readonly string[] = [strictVersion]) {
    this.#client = client;
    this.#version = versions.find((version) => reviewVersions.has(version));
  }

  async convert(objects: readonly ApiObject[], apiVersion: string): Promise<readonly ApiObject[]> {
    const asked = objects.filter((object) => object.apiVersion !== apiVersion);
    const [first] = asked;
    if (first === undefined) return objects;
    if (this.#version === undefined) throw failed('no supported conversion review versions');
    const webhook = `conversion webhook for ${first.apiVersion}, Kind=${first.kind}`;
    const uid = randomUUID();
    const type = { apiVersion: `${group}/${this.#version}`, kind };
    const request = { uid, desiredAPIVersion: apiVersion, objects: asked };
    let answered: readonly unknown[];
    try {
      const answer = await this.#client.post({ ...type, request }, timeoutMs);
      answered = readAnswer(answer, uid, this.#version);
    } catch (error) {
      if (!(error instanceof WebhookError)) throw error;
      throw failed(`${webhook} failed: ${error.message}`);
    }
    if (answered.length !== asked.length)
      throw failed(`${webhook} returned ${answered.length} objects, expected ${asked.length}`);
    const converted = asked.map((object, i) => {
      const found = convertedObject(object, answered[i], apiVersion);
      if ('object' in found) return found.object;
      throw failed(found.isUnreadable ? found.problem : `${webhook} returned ${found.problem}`);
    });
    let next = 0;
    return objects.map((object) =>
      object.apiVersion === apiVersion ? object : (converted[next++] ?? object),
    );
  }
}

/** Upstream gives such failures no reason, so that a client sees the text alone. */
function failed(message: string): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    code: 500,
  });
}

/** What a review says was converted. Throws a `WebhookError` when it does not say so. */
function readAnswer(answer: unknown, uid: string, version: string): readonly unknown[] {
  if (!isObject(answer)) throw new WebhookError(untyped(answer));
  const given = { apiVersion: textOf(answer['apiVersion']), kind: textOf(answer['kind']) };
  checkType(given, version);
  const response = answer['response'];
  if (!isObject(response)) throw new WebhookError('no response provided');
  const givenUid = textOf(response['uid']);
  if (version === strictVersion && givenUid !== uid)
    throw new WebhookError(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(givenUid)}`);
  const result = isObject(response['result']) ? response['result'] : {};
  const status = textOf(result['status']);
  if (status !== 'Success')
    throw new WebhookError(
      textOf(result['message']) || `response.result.status was '${status}', not 'Success'`,
    );
  const objects = response['convertedObjects'];
  return Array.isArray(objects) ? objects : [];
}

function untyped(answer: unknown): string {
  const name = Array.isArray(answer) ? 'array' : typeof answer === 'boolean' ? 'bool' : typeof answer;
  const wanted =
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
  return `couldn't get version/kind; json parse error: json: cannot unmarshal ${name} into Go value of type ${wanted}`;
}

/** What says nothing of its type is taken for what was asked for, but where that must be said. */
function checkType(given: { readonly apiVersion: string; readonly kind: string }, version: string): void {
  const isReview = given.kind === kind && given.apiVersion === `${group}/${version}`;
  const saysNothing = given.kind === '' && given.apiVersion === '';
  if (isReview || (saysNothing && version !== strictVersion)) return;
  if (saysNothing)
    throw new WebhookError(`expected webhook response of ${group}/${version}, Kind=${kind}, got /, Kind=`);
  const [, other = ''] = given.apiVersion.split('/');
  if (given.kind === kind && reviewVersions.has(other) && given.apiVersion.startsWith(`${group}/`))
    throw new WebhookError(`converting (${other}.${kind}) to (${version}.${kind}): unknown conversion`);
  throw new WebhookError(
    `no kind ${JSON.stringify(given.kind)} is registered for version ${JSON.stringify(given.apiVersion)} in scheme "pkg/runtime/scheme.go:111"`,
  );
}
