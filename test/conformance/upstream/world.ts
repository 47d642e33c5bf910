/** What sentences are told: a cluster of upstream's loops, requests that say what they expect, and waits with a deadline. */
import type { ApiClient } from '@timonier/client';
import { until } from '../../acceptance/wait.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Kubelets } from './kubelets.ts';

// What an answer holds is for the sentence to say.
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

/** A busy machine is no difference. */
export const waitMs = 120_000;

export interface Sentence {
  /** What is seen, as a sentence. */
  readonly name: string;
  /** Stops or starts programs, so that nothing else may run meanwhile. */
  readonly alone?: boolean;
  run(world: World, namespace: string): Promise<void>;
}

export type PatchForm = 'merge' | 'strategic' | 'json' | 'apply';

const patchTypes: Readonly<Record<PatchForm, string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

export class World {
  readonly plane: ControlPlane;
  readonly kubelets: Kubelets;
  readonly #client: ApiClient;

  constructor(plane: ControlPlane, kubelets: Kubelets, client: ApiClient) {
    this.plane = plane;
    this.kubelets = kubelets;
    this.#client = client;
  }

  /** Sends a request, checks the code of its answer, and returns what it holds. */
  async ask(
    status: number,
    method: string,
    path: string,
    body?: unknown,
    client = this.#client,
  ): Promise<Json> {
    const answer = await client.request(method, path, body);
    if (answer.status !== status)
      throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body.toString().slice(0, 600)}`);
    return parsed(answer.body);
  }

  create(path: string, body: unknown): Promise<Json> {
    return this.ask(201, 'POST', path, body);
  }

  get(path: string): Promise<Json> {
    return this.ask(200, 'GET', path);
  }

  async patch(path: string, body: unknown, form: PatchForm = 'merge'): Promise<Json> {
    const answer = await this.#client.request('PATCH', path, JSON.stringify(body), {
      'content-type': patchTypes[form],
    });
    if (answer.status !== 200)
      throw new Error(`PATCH ${path} answered ${answer.status}: ${answer.body.toString().slice(0, 600)}`);
    return parsed(answer.body);
  }

  /** Deletes, and does not wait for the end of what is deleted. */
  async remove(path: string, propagationPolicy?: string): Promise<void> {
    const body = propagationPolicy === undefined ? undefined : { propagationPolicy };
    const { status, body: text } = await this.#client.request('DELETE', path, body);
    if (status !== 200 && status !== 202)
      throw new Error(`DELETE ${path} answered ${status}: ${text.toString().slice(0, 600)}`);
  }

  async status(path: string): Promise<number> {
    return (await this.#client.request('GET', path)).status;
  }

  /** Waits for what a path shows, and returns it. */
  async shows(path: string, what: string, condition: (json: Json) => boolean, ms = waitMs): Promise<Json> {
    let last = '';
    try {
      return await until(what, ms, async () => {
        const { status, body } = await this.#client.request('GET', path);
        last = `${status} ${body.toString()}`;
        if (status !== 200) return undefined;
        const json = parsed(body);
        return condition(json) ? (json as object) : undefined;
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}; ${path} shows ${excerpt(last)}`, { cause: error });
    }
  }

  /** Waits until a path shows nothing. */
  async gone(path: string, ms = waitMs): Promise<void> {
    await until(`${path} is gone`, ms, async () => ((await this.status(path)) === 404 ? true : undefined));
  }

  /** The pods of a namespace, those that are going included. */
  async pods(namespace: string, selector = ''): Promise<readonly Json[]> {
    const query = selector === '' ? '' : `?labelSelector=${encodeURIComponent(selector)}`;
    return ((await this.get(`/api/v1/namespaces/${namespace}/pods${query}`)) as { items: Json[] }).items;
  }
}

function parsed(body: Buffer): Json {
  return body.length === 0 ? undefined : (JSON.parse(body.toString()) as unknown);
}

/** Managed fields are most of an object and seldom why a wait was in vain. */
function excerpt(text: string): string {
  return text.replace(/"managedFields":\[.*?\}\],?/g, '').slice(0, 1_500);
}

export function isTrue(object: Json, type: string, status = 'True'): boolean {
  const conditions = (object.status?.conditions ?? []) as readonly { type: string; status: string }[];
  return conditions.some((one) => one.type === type && one.status === status);
}
