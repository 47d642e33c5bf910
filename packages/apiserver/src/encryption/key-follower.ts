/** Follows the keys for secrets at rest: what could not be read is read again, and what is sealed in another way written again. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { followFile } from '../configuration/followed-file.ts';
import type { ServerState } from '../server-state.ts';
import type { EncryptionFile } from './configuration-file.ts';
import { parseEncryptionConfiguration } from './configuration.ts';
import { exposeEncryption } from './metrics.ts';
import { Rewriter } from './rewriter.ts';
import type { Sealer } from './sealer.ts';

export class KeyFollower {
  readonly #rewriter: Rewriter;
  readonly #stopFollowing: () => void;

  /** Follows the file from now on. */
  constructor(
    server: ServerState,
    sealer: Sealer,
    file: EncryptionFile,
    { metrics, log }: { readonly metrics: Registry; readonly log: Logger },
  ) {
    this.#rewriter = new Rewriter(server, sealer);
    exposeEncryption(metrics, sealer, server.cache, this.#rewriter);
    const take = async (text: string): Promise<void> => {
      sealer.configure(parseEncryptionConfiguration(text));
      // Who tells that it uses these keys has nothing on its way any more that others seal.
      await server.store.sealedTxnsEnded();
      server.cache.retryUnreadable().then(
        (found) => this.#rewriter.revealed(found),
        (error: unknown) => {
          log.warn({ reason: String(error) }, 'could not read again what could not be read');
        },
      );
    };
    this.#stopFollowing = followFile({
      path: file.path,
      hash: file.hash,
      take,
      what: 'the encryption configuration',
      prefix: 'apiserver_encryption_config_controller',
      log,
      metrics,
    });
  }

  /** Begins to write again what is sealed in another way. */
  start(): void {
    this.#rewriter.start();
  }

  async stop(): Promise<void> {
    this.#stopFollowing();
    await this.#rewriter.stop();
  }
}
