/**
 * The client half of the OCI distribution protocol: manifests and blobs of one repository at one base URL.
 *
 * Credentials are sent only where the registry asks for them (Basic, or a Bearer token fetched from the realm it
 * names) and never to another host: redirects drop them. Nothing is buffered but manifests, which are bounded.
 */
import { CriError, criStatus } from '@timonier/grpc/cri';
import { type BlobSource, sha256 } from './blobs.ts';
import { manifestTypes } from './manifest.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** A ready bearer token, used as it is. */
  readonly registryToken: string;
}

const maxManifestBytes = 4 * 1024 * 1024;
const requestTimeoutMs = 30_000;
/** A transfer may take long, but must not stand still. */
const stallTimeoutMs = 60_000;

export class RegistryRepository {
  readonly #base: URL;
  readonly #repository: string;
  readonly #credentials: Credentials | undefined;
  #authorization: string | undefined;

  constructor(base: URL, repository: string, credentials: Credentials | undefined) {
    this.#base = base;
    this.#repository = repository;
    this.#credentials = credentials;
  }

  /** The manifest or index of a tag or digest, verified against the digest when there is one. */
  async manifest(
    tagOrDigest: string,
    signal: AbortSignal,
  ): Promise<{ content: Buffer; digest: string; mediaType: string }> {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]);
    const response = await this.#get(
      `manifests/${tagOrDigest}`,
      { accept: manifestTypes.join(', ') },
      timeout,
    );
    const content = await readBounded(response, maxManifestBytes);
    const digest = sha256(content);
    if (tagOrDigest.startsWith('sha256:') && digest !== tagOrDigest) {
      throw new CriError(criStatus.DATA_LOSS, `manifest has digest ${digest} instead of ${tagOrDigest}`);
    }
    return { content, digest, mediaType: response.headers.get('content-type') ?? '' };
  }

  /** A blob as a source that can be continued at an offset. */
  blob(digest: string): BlobSource {
    return async (offset, signal) => {
      const stall = new AbortController();
      const either = AbortSignal.any([signal, stall.signal]);
      let timer = setTimeout(() => stall.abort(), requestTimeoutMs);
      const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
      let response: Response;
      try {
        response = await this.#get(`blobs/${digest}`, headers, either);
      } finally {
        clearTimeout(timer);
      }
      const { body, status } = response;
      if (body === null) throw new Error(`${digest}: the registry sent no body`);
      return (async function* () {
        // A registry that ignores the range starts over; what we have already is skipped.
        let skip = status === 206 ? 0 : offset;
        timer = setTimeout(() => stall.abort(), stallTimeoutMs);
        try {
          for await (const chunk of body) {
            timer.refresh();
            if (skip >= chunk.length) skip -= chunk.length;
            else {
              yield skip === 0 ? chunk : chunk.subarray(skip);
              skip = 0;
            }
          }
        } finally {
          clearTimeout(timer);
        }
      })();
    };
  }

  async #get(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const url = new URL(`/v2/${this.#repository}/${path}`, this.#base);
    for (let attempt = 0; ; attempt++) {
      const authorization = this.#authorization;
      let response: Response;
      try {
        response = await fetch(url, {
          headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
          signal,
        });
      } catch (error) {
        throw unreachable(url, error);
      }
      if (response.ok) return response;
      const challenge = response.headers.get('www-authenticate');
      const detail = await refusal(response);
      if (response.status === 401 && attempt === 0 && challenge !== null) {
        this.#authorization = await this.#authorize(challenge, signal);
        continue;
      }
      throw new CriError(codeOf(response.status), `${url.href}: ${response.status} ${detail}`.trim());
    }
  }

  async #authorize(challenge: string, signal: AbortSignal): Promise<string | undefined> {
    const credentials = this.#credentials;
    if (credentials !== undefined && credentials.registryToken !== '')
      return `Bearer ${credentials.registryToken}`;
    const basic =
      credentials === undefined || credentials.username === ''
        ? undefined
        : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
    const { scheme, parameters } = parseChallenge(challenge);
    if (scheme === 'basic') return basic;
    const realm = parameters.get('realm');
    if (scheme !== 'bearer' || realm === undefined) return undefined;
    const url = new URL(realm, this.#base);
    // A realm may not downgrade the password to plain text.
    if (url.protocol !== 'https:' && this.#base.protocol === 'https:') {
      throw new CriError(criStatus.PERMISSION_DENIED, `${realm}: tokens are fetched over HTTPS only`);
    }
    for (const name of ['service', 'scope']) {
      const value = parameters.get(name);
      if (value !== undefined) url.searchParams.set(name, value);
    }
    let response: Response;
    try {
      response = await fetch(url, { headers: basic === undefined ? {} : { authorization: basic }, signal });
    } catch (error) {
      throw unreachable(url, error);
    }
    if (!response.ok) {
      throw new CriError(
        codeOf(response.status),
        `${url.origin}: ${response.status} ${await refusal(response)}`,
      );
    }
    const text = (await readBounded(response, 64 * 1024)).toString('utf8');
    const answer = JSON.parse(text) as { token?: string; access_token?: string };
    const token = answer.token ?? answer.access_token;
    return token === undefined ? undefined : `Bearer ${token}`;
  }
}

/** Splits `Bearer realm="…",service="…"`. */
export function parseChallenge(header: string): { scheme: string; parameters: Map<string, string> } {
  const space = header.indexOf(' ');
  const parameters = new Map<string, string>();
  for (const match of header.slice(space + 1).matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)) {
    parameters.set((match[1] ?? '').toLowerCase(), match[2] ?? match[3] ?? '');
  }
  return { scheme: header.slice(0, space < 0 ? undefined : space).toLowerCase(), parameters };
}

function codeOf(status: number): (typeof criStatus)[keyof typeof criStatus] {
  if (status === 404) return criStatus.NOT_FOUND;
  if (status === 401) return criStatus.UNAUTHENTICATED;
  if (status === 403) return criStatus.PERMISSION_DENIED;
  if (status === 429) return criStatus.RESOURCE_EXHAUSTED;
  return status >= 500 ? criStatus.UNAVAILABLE : criStatus.UNKNOWN;
}

function unreachable(url: URL, error: unknown): CriError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CriError(criStatus.UNAVAILABLE, `cannot reach ${url.origin}: ${why}`, { cause: error });
}

async function refusal(response: Response): Promise<string> {
  const text = (await readBounded(response, 64 * 1024).catch(() => Buffer.alloc(0))).toString('utf8');
  try {
    const { errors } = JSON.parse(text) as { errors?: { message?: string }[] };
    return errors?.map((error) => error.message).join('; ') ?? response.statusText;
  } catch {
    return response.statusText;
  }
}

async function readBounded(response: Response, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (response.body === null) return Buffer.alloc(0);
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > limit)
      throw new CriError(criStatus.RESOURCE_EXHAUSTED, `the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
