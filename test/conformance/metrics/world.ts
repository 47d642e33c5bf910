/**
 * Two whole control planes without nodes of flesh: Kubernetes' own on etcd, and ours. Each component's metrics are
 * fetched where Prometheus would fetch them.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { until } from '../../acceptance/wait.ts';
import { peerFile } from '../../peers/peer.ts';
import { Connections } from '../peer/connections.ts';
import { ControlPlane } from '../upstream/control-plane.ts';
import { type Exposition, parseExposition } from './exposition.ts';

export const components = ['apiserver', 'store', 'scheduler', 'controller-manager'] as const;
export type ComponentName = (typeof components)[number];

export class Side {
  readonly plane: ControlPlane;
  readonly connections: Connections;
  readonly #urls = new Map<ComponentName, string>();

  private constructor(plane: ControlPlane) {
    this.plane = plane;
    this.connections = new Connections(plane.url, plane.pki);
    this.#urls.set('apiserver', `${plane.url}/metrics`);
    this.#urls.set('store', plane.storeMetricsUrl);
  }

  /** A store and an API server; loops come later, so that what was asked by then is known. */
  static async start(
    directory: string,
    kind: 'timonier' | 'kubernetes',
    settings: { readonly workers?: number; readonly nodes: readonly string[] },
  ): Promise<Side> {
    const ours = kind === 'timonier';
    const plane = await ControlPlane.start({
      directory: join(directory, kind),
      store: ours ? 'timonier' : 'etcd',
      ...(ours ? {} : { etcd: peerFile('etcd') }),
      apiServer: ours ? 'timonier' : 'kube-apiserver',
      workers: settings.workers ?? 1,
      nodes: settings.nodes,
    });
    return new Side(plane);
  }

  async startOwnLoops(): Promise<void> {
    for (const name of ['scheduler', 'controller-manager'] as const)
      this.#urls.set(name, await this.plane.startOwnLoop(name));
  }

  async startUpstreamLoops(): Promise<void> {
    await this.plane.startControllerManager();
    await this.plane.startScheduler();
    this.#urls.set('scheduler', this.plane.metricsUrlOf('kube-scheduler'));
    this.#urls.set('controller-manager', this.plane.metricsUrlOf('kube-controller-manager'));
  }

  /** The text that Prometheus would get. */
  async text(component: ComponentName): Promise<string> {
    const url = this.#urls.get(component);
    if (url === undefined) throw new Error(`${component} was not started`);
    return until(`${url} answers`, 60_000, () => this.#get(url));
  }

  async scrape(component: ComponentName): Promise<Exposition> {
    return parseExposition(await this.text(component));
  }

  async close(): Promise<void> {
    this.connections.close();
    await this.plane.close();
  }

  async #get(url: string): Promise<string> {
    if (url.startsWith('http:')) {
      const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
      if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
      return response.text();
    }
    const { certificateFile, keyFile } = this.plane.pki.files('admin');
    return new Promise((resolve, reject) => {
      const asked = request(
        url,
        {
          cert: readFileSync(certificateFile),
          key: readFileSync(keyFile),
          // Upstream's loops make themselves a certificate that nobody has signed.
          rejectUnauthorized: false,
          timeout: 20_000,
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            if (answer.statusCode === 200) resolve(text);
            else reject(new Error(`${url} answered ${answer.statusCode}: ${text.slice(0, 300)}`));
          });
        },
      );
      asked.on('error', reject);
      asked.end();
    });
  }
}
