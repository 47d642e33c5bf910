/**
 * Why a call of a webhook failed, in the words that upstream's client has for it: operators look for these texts. Pure.
 */

/** What an answer other than success says; a Status speaks for itself. */
export function statusText(code: number, body: string, type = ''): string {
  const told = statusMessage(body);
  if (told !== undefined) return told;
  // What calls itself JSON and is no Status says nothing.
  const text = type.startsWith('application/json') ? '' : body.trim();
  switch (code) {
    case 400:
      return 'the server rejected our request for an unknown reason';
    case 401:
      return 'the server has asked for the client to provide credentials';
    case 403:
    case 415:
      return text;
    case 404:
      return 'the server could not find the requested resource';
    case 405:
      return 'the server does not allow this method on the requested resource';
    case 409:
      return 'the server reported a conflict';
    case 422:
      return 'the server rejected our request due to an error in our request';
    case 429:
      return 'the server has received too many requests and has asked us to try again later';
    case 503:
      return 'the server is currently unable to handle the request';
    case 504:
      return 'the server was unable to return a response in the time allotted, but may still be processing the request';
    default:
      return code >= 500
        ? `an error on the server (${JSON.stringify(text === '' ? 'unknown' : text)}) has prevented the request from succeeding`
        : `the server responded with the status code ${code} but did not return more information`;
  }
}

function statusMessage(body: string): string | undefined {
  try {
    const { kind, apiVersion, status, message } = JSON.parse(body) as Record<string, unknown>;
    if (kind !== 'Status' || apiVersion !== 'v1' || status !== 'Failure') return undefined;
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

const unknownAuthority: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What went wrong before there was an answer. */
export function connectionText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = '', address, port } = error as { code?: string; address?: string; port?: number };
  if (code === 'ECONNREFUSED' && address !== undefined)
    return `dial tcp ${address.includes(':') ? `[${address}]` : address}:${port}: connect: connection refused`;
  if (unknownAuthority.has(code))
    return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
  return error.message;
}
