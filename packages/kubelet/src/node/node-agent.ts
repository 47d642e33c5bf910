/**
 * Keeps the Node object of this host: creates it, and writes its status when something changed, and from time to time
 * anyway. Looks at the runtime often while it is not ready, so that a node is Ready soon after it could be.
 */
import { resources, type Node, type NodeStatus } from '@timonier/api';
import { isAlreadyExists, isNotFound, pause, type ApiClient } from '@timonier/client';
import type { Runtime } from '../runtime/runtime.ts';
import { readHostPressure } from './host-facts.ts';
import {
  newNode,
  nodeLabels,
  nodeStatus,
  runtimeProblem,
  type NodeInput,
  type RuntimeReport,
} from './node-object.ts';

export interface NodeAgentOptions {
  readonly client: ApiClient;
  readonly runtime: Runtime;
  readonly rootDirectory: string;
  readonly describe: Omit<NodeInput, 'pressure' | 'runtime' | 'now'>;
  readonly onError: (error: unknown) => void;
  readonly onReady: (ready: boolean, problem: string | undefined) => void;
  readonly signal: AbortSignal;
  /** How often to look, and how often to write without a change. */
  readonly lookMs: number;
  readonly reportMs: number;
}

const impatientMs = 200;
const runtimeTimeoutMs = 5_000;

export class NodeAgent {
  readonly #options: NodeAgentOptions;
  #node: Node | undefined;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #written = '';
  #ready: boolean | undefined;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
  }

  /** The Node object as last seen; undefined before it is registered. */
  get node(): Node | undefined {
    return this.#node;
  }

  /** Runs until the signal. */
  async run(): Promise<void> {
    const { signal, lookMs, onError } = this.#options;
    let failing = false;
    while (!signal.aborted) {
      try {
        await this.#pass();
        failing = false;
      } catch (error) {
        if (!failing && !signal.aborted) onError(error);
        failing = true;
      }
      await pause(this.#ready === true && !failing ? lookMs : impatientMs, signal).catch(() => undefined);
    }
  }

  async #pass(): Promise<void> {
    const { client, describe, runtime, rootDirectory, onReady } = this.#options;
    const input: NodeInput = {
      ...describe,
      runtime: await reportRuntime(runtime),
      pressure: await readHostPressure(rootDirectory),
      now: new Date(),
    };
    const problem = runtimeProblem(input.runtime);
    const ready = problem === undefined;
    this.#node = await this.#current(input);
    // While we could not be heard the control plane wrote that it knows nothing of us: that is not ours to leave.
    const givenUp =
      this.#node.status?.conditions?.some((condition) => condition.status === 'Unknown') === true;
    const status = nodeStatus(input, this.#node.status);
    const text = withoutHeartbeats(status);
    const due = givenUp || performance.now() - this.#writtenAt > this.#options.reportMs;
    if (text !== this.#written || due) {
      try {
        this.#node = await client.patch(
          resources.nodes,
          { name: describe.name },
          'strategic',
          { status },
          { subresource: 'status', fieldManager: 'kubelet' },
        );
      } catch (error) {
        // Somebody deleted the node: the next pass registers it again.
        if (isNotFound(error)) this.#node = undefined;
        throw error;
      }
      this.#written = text;
      this.#writtenAt = performance.now();
    }
    if (ready !== this.#ready) onReady(ready, problem);
    this.#ready = ready;
  }

  /** The node as stored now; registered when there is none. */
  async #current(input: NodeInput): Promise<Node> {
    const { client, describe } = this.#options;
    if (this.#node === undefined) return register(client, input);
    try {
      return await client.get(resources.nodes, { name: describe.name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return register(client, input);
    }
  }
}

async function register(client: ApiClient, input: NodeInput): Promise<Node> {
  try {
    return await client.create(resources.nodes, newNode(input));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  // Labels are brought up to date; taints belong to whoever manages the node now.
  return client.patch(resources.nodes, { name: input.name }, 'strategic', {
    metadata: { labels: nodeLabels(input) },
  });
}

export async function reportRuntime(runtime: Runtime): Promise<RuntimeReport> {
  try {
    const [version, status] = await Promise.all([
      runtime.cri.runtime.Version({}, { timeoutMs: runtimeTimeoutMs }),
      runtime.cri.runtime.Status({}, { timeoutMs: runtimeTimeoutMs }),
    ]);
    const conditions = (status.status?.conditions ?? []).map(
      ({ type, status: ok, message }) => [type, { ok, message }] as const,
    );
    return {
      name: version.runtimeName,
      version: version.runtimeVersion,
      conditions: new Map(conditions),
      error: undefined,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { name: 'unknown', version: '', conditions: new Map(), error: message };
  }
}

function withoutHeartbeats(status: NodeStatus): string {
  return JSON.stringify(status, (key, value: unknown) => (key === 'lastHeartbeatTime' ? undefined : value));
}
