/** TLS 1.2 cipher suites by their IANA names, as etcd's flag has them, in the names of OpenSSL. */
import { UsageError } from '@timonier/component';

const names: ReadonlyMap<string, string> = new Map(
  ['RSA', 'ECDSA'].flatMap((key) =>
    [
      ['AES_128_GCM_SHA256', 'AES128-GCM-SHA256'],
      ['AES_256_GCM_SHA384', 'AES256-GCM-SHA384'],
      ['CHACHA20_POLY1305_SHA256', 'CHACHA20-POLY1305'],
      ['CHACHA20_POLY1305', 'CHACHA20-POLY1305'],
      ['AES_128_CBC_SHA256', 'AES128-SHA256'],
      ['AES_128_CBC_SHA', 'AES128-SHA'],
      ['AES_256_CBC_SHA', 'AES256-SHA'],
    ].map(([iana, openssl]) => [`TLS_ECDHE_${key}_WITH_${iana}`, `ECDHE-${key}-${openssl}`] as const),
  ),
);

/** Colons between them; undefined for none. Those of TLS 1.3 are always offered, as in Go. */
export function opensslNames(suites: readonly string[]): string | undefined {
  if (suites.length === 0) return undefined;
  return suites
    .map((suite) => {
      const name = names.get(suite);
      if (name === undefined)
        throw new UsageError(`--cipher-suites: "${suite}" is none of ${[...names.keys()].join(', ')}`);
      return name;
    })
    .join(':');
}
