/** One GET over HTTPS for a JSON object, from a provider of identities: bounded in time and size, no redirects. */
import { get } from 'node:https';
import { GatheredBytes } from '../gathered-bytes.ts';

export type FetchJson = (url: string) => Promise<Readonly<Record<string, unknown>>>;

const timeoutMs = 10_000;
const maxBytes = 1 << 20;

/** `ca` is the authority of the provider's certificate; undefined: the public ones. */
export function fetchJsonWith(ca: Buffer | string | undefined): FetchJson {
  return async (url) => {
    const text = await read(url, ca);
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) throw new Error(`${url} is no JSON object`);
    return { ...value };
  };
}

function read(url: string, ca: Buffer | string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(
      url,
      { agent: false, signal: AbortSignal.timeout(timeoutMs), ...(ca === undefined ? {} : { ca }) },
      (response) => {
        const body = new GatheredBytes(maxBytes, () => new Error(`${url} has more than ${maxBytes} bytes`));
        response.on('data', (chunk: Buffer) => {
          try {
            body.add(chunk);
          } catch (error) {
            request.destroy(error as Error);
          }
        });
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200) resolve(body.whole().toString());
          else reject(new Error(`${url} answered ${response.statusCode}`));
        });
      },
    );
    request.once('error', reject);
  });
}
