/** Whether a certificate that a process shows to others is within its time; a client says no more than "expired". */
import { X509Certificate } from 'node:crypto';
import type { Health } from './health.ts';

interface ValidityLog {
  error(fields: object, message: string): void;
}

/** What is wrong with the times of the first certificate in `pem`, or undefined. Throws when it is no certificate. */
function validityProblem(pem: string | Buffer, now: Date): string | undefined {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  if (now > validToDate) return `has expired at ${validToDate.toISOString()}; renew it and start this again`;
  if (now < validFromDate) return `is not valid before ${validFromDate.toISOString()}; is the clock right?`;
  return undefined;
}

/** Logs a serving certificate that is out of its time, and keeps the readiness check `serving-certificate`. */
export function watchCertificate(file: string, pem: string | Buffer, health: Health, log: ValidityLog): void {
  const check = (): void => {
    const problem = validityProblem(pem, new Date());
    if (problem !== undefined) throw new Error(`the serving certificate ${file} ${problem}`);
  };
  health.addReady('serving-certificate', check);
  try {
    check();
  } catch (error) {
    log.error({ file }, error instanceof Error ? error.message : String(error));
  }
}
