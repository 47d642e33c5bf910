/** `processes.json`: what a supervisor runs, for people, for `timonier status` and for whoever waits for a start. */

export const processesPath = '/run/timonier/processes.json';

export interface ProcessEntry {
  readonly component: string;
  /** As numbered on the host; null while it does not run. */
  readonly pid: number | null;
  /** How often it ended on its own and was started again. */
  readonly restarts: number;
  /** How it ended the last time; null when it never did. */
  readonly lastExit: string | null;
}
