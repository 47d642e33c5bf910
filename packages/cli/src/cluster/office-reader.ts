/**
 * One look at a host's office socket. A process that is short of CPU reads a line long after it was written, when the
 * lease in it has run out although its holder has long renewed it: then the next line tells, and only a holder that
 * sends none has lost its office.
 */
import { connect } from 'node:net';
import { type OfficeState, parseOfficeState } from '@timonier/client/office';

/** Renewals are told ten times a second. */
const patienceMs = 2_000;
const maxTextBytes = 64 * 1024;

/**
 * What the host at the other end of the socket `path` knows of the office; `active` only while `now`, in milliseconds
 * of CLOCK_BOOTTIME, lies within the lease. Undefined when nobody answers in time. Never rejects.
 */
export function readOffice(path: string, now: () => number): Promise<OfficeState | undefined> {
  return new Promise((resolve) => {
    let text = '';
    let expired: OfficeState | undefined;
    const socket = connect(path);
    const end = (state: OfficeState | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(state);
    };
    const giveUp = (): void => end(expired);
    const timer = setTimeout(giveUp, patienceMs);
    socket.on('error', giveUp);
    socket.on('close', giveUp);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      const newest = lines.at(-1);
      if (text.length > maxTextBytes) return giveUp();
      if (newest === undefined) return;
      try {
        const state = parseOfficeState(newest);
        if (state.role === 'passive' || now() < state.leaseUntil) end(state);
        else expired = { ...state, role: 'passive', token: null, epoch: null };
      } catch {
        end(undefined);
      }
    });
  });
}
