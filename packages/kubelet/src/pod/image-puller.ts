/**
 * Makes sure that a container's image is here, as its pull policy says. Pulls of one image are shared; a failed pull
 * is not repeated before its wait is over. Bounded: so many pulls at once, the others queue.
 */
import type { Container } from '@timonier/api';
import { type Runtime, textOf } from '../runtime/runtime.ts';
import { RestartBackoff } from './backoff.ts';
import { isImageName, normalizeImage } from './image-name.ts';
import type { SandboxConfig } from './sandbox-config.ts';

/** `reason` is what upstream shows as the waiting reason. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly reason:
    | 'ErrImagePull'
    | 'ImagePullBackOff'
    | 'ErrImageNeverPull'
    | 'InvalidImageName'
    | 'ImageInspectError';
  readonly retryAt: number;

  constructor(reason: ImageError['reason'], message: string, retryAt: number, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.retryAt = retryAt;
  }
}

export interface PullCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly serverAddress?: string;
}

export interface PullRequest {
  readonly container: Container;
  readonly sandbox: SandboxConfig;
  readonly credentials: (image: string) => Promise<PullCredentials | undefined>;
  readonly onEvent: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

const maxPulls = 5;
const pullTimeoutMs = 15 * 60_000;
const inspectRetryMs = 10_000;

export class ImagePuller {
  readonly #runtime: Runtime;
  readonly #backoff = new RestartBackoff();
  readonly #notBefore = new Map<string, { at: number; message: string }>();
  readonly #pulls = new Map<string, Promise<string>>();
  #active = 0;
  readonly #queue: (() => void)[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Resolves to the reference to create the container with. Rejects with an `ImageError`. */
  async ensure(request: PullRequest): Promise<string> {
    const image = normalizeImage(request.container.image ?? '');
    const policy =
      request.container.imagePullPolicy ?? (image.endsWith(':latest') ? 'Always' : 'IfNotPresent');
    if (!isImageName(image)) {
      const message = `couldn't parse image name "${image}": invalid reference format`;
      request.onEvent('Warning', 'InspectFailed', `Failed to apply default image tag "${image}": ${message}`);
      throw new ImageError('InvalidImageName', message, Date.now() + inspectRetryMs);
    }
    if (policy !== 'Always') {
      const present = await this.#present(image);
      if (present !== undefined) {
        request.onEvent('Normal', 'Pulled', `Container image "${image}" already present on machine`);
        return present;
      }
      if (policy === 'Never') {
        const message = `Container image "${image}" is not present with pull policy of Never`;
        request.onEvent('Warning', 'ErrImageNeverPull', message);
        throw new ImageError('ErrImageNeverPull', message, Date.now() + inspectRetryMs);
      }
    }
    const blocked = this.#notBefore.get(image);
    if (blocked !== undefined && blocked.at > Date.now()) {
      request.onEvent('Normal', 'BackOff', `Back-off pulling image "${image}"`);
      throw new ImageError(
        'ImagePullBackOff',
        `Back-off pulling image "${image}": ${blocked.message}`,
        blocked.at,
      );
    }
    const running = this.#pulls.get(image);
    if (running !== undefined) return running;
    const pull = this.#pull(image, request).finally(() => this.#pulls.delete(image));
    this.#pulls.set(image, pull);
    return pull;
  }

  async #present(image: string): Promise<string | undefined> {
    try {
      const { image: found } = await this.#runtime.cri.images.ImageStatus({ image: { image } });
      return found?.id;
    } catch (cause) {
      const message = textOf(cause);
      throw new ImageError('ImageInspectError', message, Date.now() + inspectRetryMs, { cause });
    }
  }

  async #pull(image: string, request: PullRequest): Promise<string> {
    await this.#slot();
    try {
      request.onEvent('Normal', 'Pulling', `Pulling image "${image}"`);
      const started = performance.now();
      const auth = await request.credentials(image);
      const { imageRef } = await this.#runtime.cri.images.PullImage(
        { image: { image }, sandboxConfig: request.sandbox, ...(auth === undefined ? {} : { auth }) },
        { timeoutMs: pullTimeoutMs },
      );
      const seconds = ((performance.now() - started) / 1000).toFixed(3);
      request.onEvent('Normal', 'Pulled', `Successfully pulled image "${image}" in ${seconds}s`);
      this.#backoff.reset(image);
      this.#notBefore.delete(image);
      return imageRef;
    } catch (cause) {
      const message = textOf(cause);
      const { at, delayMs } = this.#backoff.failed(image, Date.now());
      // Unlike a container, a registry is never asked again at once.
      const retryAt = delayMs === 0 ? at + 10_000 : at;
      this.#remember(image, retryAt, message);
      request.onEvent('Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
      // Asked again soon, the answer is that the registry is left alone for now; that is what people then see.
      throw new ImageError('ErrImagePull', message, Math.min(retryAt, Date.now() + 1_000), { cause });
    } finally {
      this.#active -= 1;
      this.#queue.shift()?.();
    }
  }

  #remember(image: string, at: number, message: string): void {
    this.#notBefore.delete(image);
    this.#notBefore.set(image, { at, message });
    const oldest = this.#notBefore.keys().next();
    if (this.#notBefore.size > 1_000 && oldest.done !== true) this.#notBefore.delete(oldest.value);
  }

  async #slot(): Promise<void> {
    if (this.#active >= maxPulls) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#active += 1;
  }
}
