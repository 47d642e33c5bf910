/** Runs the plugins that are switched on, each for the kinds and operations it asked for. */
import { combined, type CommitExtras } from '../pipeline/commit-extras.ts';
import type { AdmissionMetrics } from '../metrics/admission-metrics.ts';
import { measured, timed } from './measured.ts';
import { inRounds } from './reinvocation.ts';
import { knowNamespace } from './namespace.ts';
import type { AdmissionPlugin, AdmissionRequest, Reservation } from './request.ts';

/** Which plugins apply is remembered per kind and operation; kinds come and go at run time. */
const maxRemembered = 10_000;

type Stage = 'admit' | 'validate' | 'reserve';

export class Admission {
  readonly #plugins: readonly AdmissionPlugin[];
  readonly #on: ReadonlySet<string>;
  readonly #known = new Map<string, readonly AdmissionPlugin[]>();
  readonly #metrics: AdmissionMetrics;

  /** In the order in which they run. */
  constructor(plugins: readonly AdmissionPlugin[], metrics: AdmissionMetrics) {
    this.#plugins = plugins;
    this.#metrics = metrics;
    this.#on = new Set(plugins.map(({ name }) => name));
  }

  get names(): readonly string[] {
    return this.#plugins.map(({ name }) => name);
  }

  isOn(name: string): boolean {
    return this.#on.has(name);
  }

  /** Lets plugins change the request. Rejects when one refuses it. */
  async admit(request: AdmissionRequest): Promise<void> {
    if (request.context.isJudged === true) return;
    const plugins = this.#pluginsFor(request, 'admit');
    const known = plugins.length === 0 ? undefined : knowNamespace(request.context);
    if (known !== undefined) await known;
    const times = this.#metrics.step(request.operation, 'admit');
    await timed(times, (given) => inRounds(plugins, given), request);
  }

  /** Rejects when a plugin refuses what is about to be committed. */
  async validate(request: AdmissionRequest): Promise<void> {
    if (request.context.isJudged === true) return;
    const plugins = this.#pluginsFor(request, 'validate');
    const known = plugins.length === 0 ? undefined : knowNamespace(request.context);
    if (known !== undefined) await known;
    const times = this.#metrics.step(request.operation, 'validate');
    await timed(times, (given) => validateAll(plugins, given), request);
  }

  /**
   * What the write's transaction reserves beside `own`. Rejects when a plugin refuses the write. Who is given extras must
   * come to a commit, which settles them.
   */
  reserve(request: AdmissionRequest, own?: CommitExtras): Reservation {
    // One plugin reserves; with a second, the first one's extras would have to be settled when that refuses.
    const [plugin] = this.#pluginsFor(request, 'reserve');
    const reserved = plugin?.reserve?.(request);
    if (reserved === undefined) return own;
    return Promise.resolve(reserved).then((extras) => combined(own, extras));
  }

  #pluginsFor({ operation, context }: AdmissionRequest, stage: Stage): readonly AdmissionPlugin[] {
    const { info, subresource } = context.target;
    const resource = `${info.group}/${info.resource}${subresource === '' ? '' : `/${subresource}`}`;
    const key = `${stage} ${operation} ${resource}`;
    let found = this.#known.get(key);
    if (found === undefined) {
      found = this.#plugins
        .filter(
          (plugin) =>
            plugin[stage] !== undefined &&
            plugin.operations.includes(operation) &&
            (plugin.resources?.includes(resource) ?? true),
        )
        .map((plugin) => (stage === 'reserve' ? plugin : measured(plugin, stage, operation, this.#metrics)));
      if (this.#known.size >= maxRemembered) this.#known.clear();
      this.#known.set(key, found);
    }
    return found;
  }
}

async function validateAll(plugins: readonly AdmissionPlugin[], request: AdmissionRequest): Promise<void> {
  for (const plugin of plugins) {
    const answer = plugin.validate?.(request);
    // Most have nothing to wait for.
    if (answer instanceof Promise) await answer;
  }
}
