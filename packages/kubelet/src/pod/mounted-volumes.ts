/** The volumes of one pod: set up once, and then brought up to date, one time after the other. */
import type { FieldContext } from './fields.ts';
import type { WorkerServices } from './worker-services.ts';

export class MountedVolumes {
  readonly #services: Pick<WorkerServices['volumes'], 'setUp' | 'refresh'>;
  #paths: ReadonlyMap<string, string> | undefined;
  #isOutdated = false;

  constructor(services: Pick<WorkerServices['volumes'], 'setUp' | 'refresh'>) {
    this.#services = services;
  }

  /** By name; undefined until they were set up. */
  get paths(): ReadonlyMap<string, string> | undefined {
    return this.#paths;
  }

  async setUp(fields: FieldContext): Promise<void> {
    this.#paths = await this.#services.setUp(fields);
  }

  /** Something that they show has changed. */
  outdate(): void {
    this.#isOutdated = true;
  }

  /** Until they show what is there now; `fields` says undefined when that is of no use any more. */
  async refresh(fields: () => FieldContext | undefined): Promise<void> {
    for (let now = fields(); this.#isOutdated && now !== undefined; now = fields()) {
      this.#isOutdated = false;
      await this.#services.refresh(now);
    }
  }
}
