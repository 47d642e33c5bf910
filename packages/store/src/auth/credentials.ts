/**
 * Who makes a call: by the token among its headers, or else by the common name of its client certificate.
 *
 * Nothing is looked at while authentication is disabled. A simple token may be newer than what this member has
 * applied; then the call waits for it, for a bounded time.
 */
import type { ServerCall } from '@timonier/grpc';
import type { AuthState } from './auth-state.ts';
import { authError } from './errors.ts';
import type { Tokens } from './tokens.ts';
import { type Credentials, nobody } from './types.ts';

export interface CredentialsOptions {
  readonly auth: () => AuthState;
  readonly tokens: Tokens;
  /** Whether the common name of a verified client certificate counts as a user. */
  readonly certificateNames: boolean;
  readonly appliedIndex: () => number;
  /** Calls back after more was applied; returns how to stop that. */
  readonly onChange: (listener: () => void) => () => void;
}

const catchUpMs = 5_000;

export class CallCredentials {
  readonly #options: CredentialsOptions;

  constructor(options: CredentialsOptions) {
    this.#options = options;
  }

  /** Throws, or rejects, with etcd's error when there is a token that stands for nobody. */
  of(call: ServerCall): Credentials | Promise<Credentials> {
    const { auth, tokens, certificateNames, appliedIndex } = this.#options;
    const state = auth();
    if (!state.enabled) return nobody;
    const token = call.metadata('token') ?? call.metadata('authorization');
    if (token === undefined) {
      const name = certificateNames ? call.clientName : undefined;
      return name === undefined ? nobody : { username: name, authRevision: state.revision };
    }
    const index = tokens.indexOf(token);
    if (index !== undefined && index > appliedIndex()) return this.#later(token, index);
    return this.#find(token);
  }

  #find(token: string): Credentials {
    const found = this.#options.tokens.find(token, this.#options.auth().revision);
    if (found === undefined) throw authError.invalidToken();
    return found;
  }

  #later(token: string, index: number): Promise<Credentials> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        stop();
        try {
          resolve(this.#find(token));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const timer = setTimeout(settle, catchUpMs);
      const stop = this.#options.onChange(() => {
        if (this.#options.appliedIndex() >= index) settle();
      });
    });
  }
}
