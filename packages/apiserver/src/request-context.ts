/** What those stages of a request share that come above admission: the server with all its parts, and the exchange. */
import type { Admission } from './admission/admission.ts';
import type { Exchange } from './http/exchange.ts';
import type { ServerState, WriteContext } from './server-state.ts';

/** A server that lets its plugins judge what is written. */
export interface JudgingServer extends ServerState {
  readonly admission: Admission;
}

/** A write that goes the whole way. */
export interface JudgedWrite extends WriteContext {
  readonly server: JudgingServer;
}

export interface RequestContext extends JudgedWrite {
  readonly exchange: Exchange;
}
