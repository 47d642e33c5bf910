/** Follows a folder of static pod manifests and keeps the pod manager told about it. */
import type { PodManager } from './pod/manager.ts';
import { readStaticPods } from './pod/static-pods.ts';

export interface StaticPodSourceOptions {
  readonly folder: string;
  readonly nodeName: string;
  readonly pods: PodManager;
  readonly periodMs: number;
  readonly onError: (file: string, error: unknown) => void;
}

export class StaticPodSource {
  readonly #options: StaticPodSourceOptions;
  #known = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #ready = false;

  constructor(options: StaticPodSourceOptions) {
    this.#options = options;
  }

  /** Whether the folder has been read once. */
  get ready(): boolean {
    return this.#ready;
  }

  async start(): Promise<void> {
    await this.#read();
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#read().finally(() => this.#schedule()), this.#options.periodMs);
  }

  async #read(): Promise<void> {
    const { folder, nodeName, pods, onError } = this.#options;
    let found;
    try {
      found = await readStaticPods(folder, nodeName, onError);
    } catch (error) {
      // An unreadable folder is no order to end its pods.
      onError(folder, error);
      return;
    }
    const uids = new Set(found.map((pod) => pod.metadata?.uid ?? ''));
    for (const uid of this.#known) if (!uids.has(uid)) pods.remove(uid);
    for (const pod of found) if (pods.get(pod.metadata?.uid ?? '') === undefined) pods.set(pod);
    this.#known = uids;
    this.#ready = true;
  }
}
