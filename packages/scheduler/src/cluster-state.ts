/**
 * The scheduler's picture of the cluster: nodes with their pods, as the caches tell, plus *assumed* pods, which are
 * placed here already while their binding is on its way.
 *
 * Invariant: a pod is accounted on at most one node, and an assumed pod stays until the cache shows it bound,
 * deleted, or the binding fails.
 */
import type { Node, Pod } from '@timonier/api';
import { NodeInfo } from './node-info.ts';

export class ClusterState {
  readonly #nodes = new Map<string, NodeInfo>();
  readonly #placedOn = new Map<string, string>();
  readonly #assumed = new Set<string>();
  /** Pods on nodes that the cache does not show (yet). */
  readonly #waiting = new Map<string, Pod>();
  #list: NodeInfo[] | undefined;

  get nodes(): readonly NodeInfo[] {
    return (this.#list ??= [...this.#nodes.values()]);
  }

  /** Pods that are accounted, assumed ones included. */
  get podCount(): number {
    return this.#placedOn.size;
  }

  get assumedCount(): number {
    return this.#assumed.size;
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: Node): void {
    const name = node.metadata?.name ?? '';
    const known = this.#nodes.get(name);
    if (known !== undefined) {
      known.setNode(node);
      return;
    }
    const info = new NodeInfo(node);
    this.#nodes.set(name, info);
    this.#list = undefined;
    for (const [uid, pod] of this.#waiting) {
      if (this.#placedOn.get(uid) !== name) continue;
      this.#waiting.delete(uid);
      info.addPod(uid, pod);
    }
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (info === undefined) return;
    for (const [uid, pod] of info.pods) this.#waiting.set(uid, pod);
    this.#nodes.delete(name);
    this.#list = undefined;
  }

  /** A pod as the cache shows it. Pods without a node do not unseat what was assumed. */
  setPod(pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    const finished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (finished) this.removePod(uid);
    else if (pod.spec?.nodeName !== undefined && pod.spec.nodeName !== '') {
      this.#assumed.delete(uid);
      this.#place(uid, pod, pod.spec.nodeName);
    }
  }

  removePod(uid: string): void {
    const node = this.#placedOn.get(uid);
    this.#assumed.delete(uid);
    this.#waiting.delete(uid);
    this.#placedOn.delete(uid);
    if (node !== undefined) this.#nodes.get(node)?.removePod(uid);
  }

  assume(pod: Pod, node: string): void {
    const uid = pod.metadata?.uid ?? '';
    this.#assumed.add(uid);
    this.#place(uid, pod, node);
  }

  /** Takes an assumed pod back; a pod that the cache has confirmed stays. */
  forget(pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    if (this.#assumed.has(uid)) this.removePod(uid);
  }

  isPlaced(uid: string): boolean {
    return this.#placedOn.has(uid);
  }

  #place(uid: string, pod: Pod, node: string): void {
    const before = this.#placedOn.get(uid);
    if (before !== undefined && before !== node) this.#nodes.get(before)?.removePod(uid);
    this.#placedOn.set(uid, node);
    const info = this.#nodes.get(node);
    if (info === undefined) this.#waiting.set(uid, pod);
    else info.addPod(uid, pod);
  }
}
