/** What a head over HTTP/1.1 is refused for, whatever it asks for, before anything is made of it. Pure. */
import type { IncomingMessage } from 'node:http';
import { isShortList } from './list-fields.ts';

type Head = Pick<IncomingMessage, 'httpVersionMajor' | 'rawHeaders'>;

/**
 * Of one request; one with so many is refused. Node overlooks further ones without a word, and a proxy that says as whom a
 * request is to be taken may say so behind thousands that its client has sent.
 */
export const maxFields = 4_096;

/** As upstream's: what may be part of a name, an address or a port, in any encoding. */
const hostForm = /^[!$%&'()*+,\-.:;=[\]_~0-9A-Za-z]*$/;
/** Lists all of which count, so that none may be cut. */
const wholeLists: ReadonlySet<string> = new Set(['connection', 'sec-websocket-protocol']);
const longestName = Math.max(...[...wholeLists].map(({ length }) => length));

/** A status; undefined for a head like others. Its `rawHeaders` are names and values in turn. */
export function refusalOf({ httpVersionMajor, rawHeaders }: Head): 400 | 431 | 501 | undefined {
  // Of HTTP/0.9, which has no head.
  if (httpVersionMajor < 1) return 400;
  if (rawHeaders.length >= 2 * maxFields) return 431;
  let hosts = 0;
  const lists = new Map<string, string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const { [i]: given = '', [i + 1]: value = '' } = rawHeaders;
    if (given.length > longestName) continue;
    const name = given.toLowerCase();
    if (name === 'host') {
      hosts++;
      if (!hostForm.test(value)) return 400;
    }
    // Nothing else is undone here (RFC 9112, 6.1), and passed on it would be another body.
    else if (name === 'transfer-encoding' && value.toLowerCase() !== 'chunked') return 501;
    else if (wholeLists.has(name)) {
      const list = `${lists.get(name) ?? ''}${value}, `;
      if (!isShortList(list)) return 431;
      lists.set(name, list);
    }
  }
  // Such a request is refused (RFC 9112, 3.2); Node refuses only one that names none.
  return hosts > 1 ? 400 : undefined;
}
