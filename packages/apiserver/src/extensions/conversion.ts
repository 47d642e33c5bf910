/**
 * Objects of one kind from one version to another by a webhook (ConversionReview v1); what it may not change is held
 * against what it was given. With the strategy `None` versions differ in nothing but their name, and nobody is asked.
 */
import { randomUUID } from 'node:crypto';
import type { ApiObject } from '@timonier/api/decode';
import { internalError, StatusError } from '@timonier/api/statuses';
import { WebhookClient, WebhookError } from '../aggregation/https-call.ts';
import type { ServerState } from '../server-state.ts';
import type { Definition } from './definition-types.ts';
import { isObject } from './json-schema.ts';

/** What converts the objects of one definition. */
export interface Converter {
  /** Objects of any version as `apiVersion`, in the same order. Throws a `StatusError` when that fails. */
  convert(objects: readonly ApiObject[], apiVersion: string): Promise<readonly ApiObject[]>;
}

/** As upstream. */
const timeoutMs = 30_000;
const reviewType = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview' };

/** The converter of a definition; undefined when its versions differ in nothing but their name. */
export function converterOf(
  server: Pick<ServerState, 'registry' | 'cache' | 'root'>,
  { spec }: Definition,
): Converter | undefined {
  const config = spec.conversion?.webhook?.clientConfig;
  if (spec.conversion?.strategy !== 'Webhook' || config === undefined) return undefined;
  return new WebhookConverter(new WebhookClient(server, config), `${spec.group}, Kind=${spec.names.kind}`);
}

class WebhookConverter implements Converter {
  readonly #client: Pick<WebhookClient, 'post'>;
  readonly #kind: string;

  constructor(client: Pick<WebhookClient, 'post'>, kind: string) {
    this.#client = client;
    this.#kind = kind;
  }

  async convert(objects: readonly ApiObject[], apiVersion: string): Promise<readonly ApiObject[]> {
    const asked = objects.filter((object) => object.apiVersion !== apiVersion);
    if (asked.length === 0) return objects;
    const uid = randomUUID();
    const request = { uid, desiredAPIVersion: apiVersion, objects: asked };
    let answer: unknown;
    try {
      answer = await this.#client.post({ ...reviewType, request }, timeoutMs);
    } catch (error) {
      if (error instanceof WebhookError || error instanceof StatusError) throw this.#failed(error.message);
      throw error;
    }
    const converted = this.#read(answer, uid, asked.length);
    const checked = asked.map((object, i) => this.#checked(object, converted[i], apiVersion));
    let next = 0;
    return objects.map((object) => (object.apiVersion === apiVersion ? object : (checked[next++] ?? object)));
  }

  #failed(reason: string): StatusError {
    return new StatusError(internalError(`conversion webhook for ${this.#kind} failed: ${reason}`));
  }

  #read(answer: unknown, uid: string, count: number): readonly unknown[] {
    const response = isObject(answer) ? answer['response'] : undefined;
    if (!isObject(response)) throw this.#failed('no response provided');
    if (response['uid'] !== uid)
      throw this.#failed(
        `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'])}`,
      );
    const result = isObject(response['result']) ? response['result'] : {};
    if (result['status'] !== 'Success') {
      const message = typeof result['message'] === 'string' ? result['message'] : '';
      throw this.#failed(
        message || `the result's status is ${JSON.stringify(result['status'])}, not "Success"`,
      );
    }
    const objects = response['convertedObjects'];
    if (!Array.isArray(objects) || objects.length !== count)
      throw this.#failed(
        `expected ${count} objects, got ${Array.isArray(objects) ? objects.length : 'none'}`,
      );
    return objects;
  }

  /** A webhook may change everything but what an object is; of metadata only labels and annotations. */
  #checked(object: ApiObject, converted: unknown, apiVersion: string): ApiObject {
    if (!isObject(converted)) throw this.#failed('one of the converted objects is no object');
    const { metadata: before = {} } = object;
    const after = isObject(converted['metadata']) ? converted['metadata'] : undefined;
    const name = before.name ?? '';
    if (converted['apiVersion'] !== apiVersion)
      throw this.#failed(
        `${name} has apiVersion ${JSON.stringify(converted['apiVersion'])}, not ${JSON.stringify(apiVersion)}`,
      );
    if (converted['kind'] !== object.kind)
      throw this.#failed(
        `${name} has kind ${JSON.stringify(converted['kind'])}, not ${JSON.stringify(object.kind)}`,
      );
    if (after === undefined) throw this.#failed(`${name} has no metadata`);
    for (const field of ['name', 'namespace', 'uid'] as const)
      if ((after[field] ?? '') !== (before[field] ?? ''))
        throw this.#failed(`metadata.${field} of ${name} was changed to ${JSON.stringify(after[field])}`);
    const { labels: _labels, annotations: _annotations, ...kept } = before;
    const metadata = {
      ...kept,
      ...(isObject(after['labels']) ? { labels: after['labels'] as Record<string, string> } : {}),
      ...(isObject(after['annotations'])
        ? { annotations: after['annotations'] as Record<string, string> }
        : {}),
    };
    return { ...converted, metadata };
  }
}
