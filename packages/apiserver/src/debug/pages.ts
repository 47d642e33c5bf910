/**
 * Pages for the administrator of the server: its configuration, its logs, profiles of its process, and what priority and
 * fairness is doing. Who may see them is for the authorizer to say; by default that is nobody but administrators.
 */
import { pathNotFound, StatusError } from '@timonier/api/statuses';
import { dumpPage } from '../flow-control/dump.ts';
import type { FlowControl } from '../flow-control/flow-control.ts';
import type { Exchange } from '../http/exchange.ts';
import { answerLogFile } from './log-files.ts';
import { profilePages } from './paths.ts';
import { answerProfile } from './profiles.ts';

export interface DebugOptions {
  /** What the server runs with, by the names of its flags. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Folder that `/logs/` shows; undefined for none. */
  readonly logFolder: string | undefined;
  /** Whether there are profiles. */
  readonly profiling: boolean;
}

const flowControlPages = '/debug/api_priority_and_fairness/';
const logPages = '/logs/';

export class DebugPages {
  readonly #options: DebugOptions;
  readonly #control: FlowControl | undefined;

  constructor(options: DebugOptions, control: FlowControl | undefined) {
    this.#options = options;
    this.#control = control;
  }

  /** Throws 404 for what there is not, or was switched off. */
  async answer(exchange: Exchange): Promise<void> {
    const path = decodeURIComponent(exchange.url.pathname);
    const { configuration, logFolder, profiling } = this.#options;
    if (path === '/configz') {
      await exchange.send(200, 'application/json', JSON.stringify({ apiserver: configuration }));
      return;
    }
    if (logFolder !== undefined && (path === '/logs' || path.startsWith(logPages))) {
      await answerLogFile(exchange, logFolder, path.slice(logPages.length));
      return;
    }
    if (profiling && path.startsWith(profilePages)) {
      if (await answerProfile(exchange, path.slice(profilePages.length))) return;
    } else if (path.startsWith(flowControlPages)) {
      const text = this.#dump(exchange, path.slice(flowControlPages.length));
      if (text !== undefined) {
        await exchange.send(200, 'text/plain; charset=utf-8', text);
        return;
      }
    }
    throw new StatusError(pathNotFound());
  }

  #dump({ query }: Exchange, name: string): string | undefined {
    const details = (query.get('includeRequestDetails') ?? '') !== '';
    return this.#control && dumpPage(this.#control, name, details);
  }
}
