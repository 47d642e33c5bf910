/** For tests: what somebody who wants a certificate sends, made by openssl. */
import { execFileSync } from 'node:child_process';

/** In PEM, with a new key that nobody keeps. */
export function pemRequest(subject: string): string {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  return execFileSync('openssl', ['req', '-new', ...key, '-subj', subject], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}
