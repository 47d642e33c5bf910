/** Formats of addresses and names of the network, as far as Go's standard library reads them. */
import { isIP } from 'node:net';

/** Go reads octets with leading zeros as decimal here, and no zones. */
export function isIp(text: string): boolean {
  if (text.includes('%')) return false;
  const parts = text.split(/([:.])/);
  const isDecimal = (i: number): boolean => parts[i + 1] !== ':' && /^\d+$/.test(parts[i] ?? '');
  return isIP(parts.map((part, i) => (isDecimal(i) ? withoutZeros(part) : part)).join('')) !== 0;
}

function withoutZeros(digits: string): string {
  let start = 0;
  while (start < digits.length - 1 && digits[start] === '0') start++;
  return digits.slice(start);
}

export function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits) || !isIp(address)) return false;
  return Number(bits) <= (address.includes(':') ? 128 : 32);
}

/** Six, eight or twenty bytes, with colons, hyphens, in groups of two bytes, or with nothing between them. */
export function isMac(text: string): boolean {
  const separated = /^[0-9a-f]{2}(?:(:|-)[0-9a-f]{2})(?:\1[0-9a-f]{2})+$/i.test(text);
  const grouped = /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i.test(text);
  const plain = /^[0-9a-f]+$/i.test(text);
  const bytes = text.replaceAll(/[:.-]/g, '').length / 2;
  return (separated || grouped || plain) && [6, 8, 20].includes(bytes);
}

const letters = 'A-Za-z0-9\\p{S}\\p{L}';
/** One label, or several with dots that end in letters: RFC 1034, with letters of all languages. */
const hostname = new RegExp(
  `^(?:[${letters}](?:-?[${letters}]{0,62})|(?:[${letters}](?:[${letters}-]{0,61}[${letters}])?\\.)+[A-Za-z\\p{L}]{2,63})$`,
  'u',
);

export function isHostname(text: string): boolean {
  const isShort = Buffer.byteLength(text) <= 255;
  return isShort && hostname.test(text) && text.split('.').every((label) => Buffer.byteLength(label) <= 63);
}

/** An absolute URI, or an absolute path: what an HTTP request may ask for. */
export function isUri(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (text === '' || /[\0-\x1f\x7f]/.test(text)) return false;
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(text)?.[0] ?? '';
  if (scheme === '' && text.startsWith(':')) return false;
  const [rest = ''] = text.slice(scheme.length).split('?', 1);
  if (!rest.startsWith('/')) return scheme !== '';
  if (scheme === '' || !rest.startsWith('//')) return areEscapesWhole(rest);
  const end = rest.indexOf('/', 2);
  const path = end < 0 ? '' : rest.slice(end);
  return isAuthority(rest.slice(2, end < 0 ? undefined : end)) && areEscapesWhole(path);
}

function areEscapesWhole(text: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(text);
}

function isAuthority(text: string): boolean {
  const host = text.slice(text.lastIndexOf('@') + 1);
  const parts = host.startsWith('[') ? /^\[[^\]]*\](:\d*)?$/ : /^[^:]*(:\d*)?$/;
  return parts.test(host) && !/[\s{}|\\^`]/.test(host) && areEscapesWhole(host);
}

const atom = /^[^\s@<>()[\]\\,;:".]+(?:\.[^\s@<>()[\]\\,;:".]+)*$/u;
const quoted = /^"(?:[^"\\]|\\.)*"$/s;

/** `a@example.com`, or a name with that in angle brackets (RFC 5322). */
export function isMailAddress(text: string): boolean {
  const named = /^([^<>]*)<([^<>]*)>\s*$/.exec(text);
  const address = (named?.[2] ?? text).trim();
  const at = address.lastIndexOf('@');
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  return at > 0 && (atom.test(local) || quoted.test(local)) && (atom.test(domain) || /^\[.*\]$/.test(domain));
}
