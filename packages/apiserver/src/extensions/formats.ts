/**
 * The formats that are checked; others are notes for people. Names and forms are those of the OpenAPI formats that
 * Kubernetes supports for custom resources.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { checkDns1123Label, checkDns1123Subdomain } from '@timonier/api/names';
import { parseDuration, parseTime } from '@timonier/api/time';

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

function isUri(text: string): boolean {
  return text.startsWith('/') || URL.canParse(text);
}

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: (text) => /^[0-9a-f]{24}$/i.test(text),
  uri: isUri,
  email: (text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text),
  hostname: (text) =>
    text.length <= 255 &&
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(text),
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: (text) => /^([0-9a-f]{2}[:-]){5,7}[0-9a-f]{2}$/i.test(text),
  uuid: (text) => uuid.test(text),
  uuid3: (text) => uuid.test(text) && /^.{8}-?.{4}-?3/.test(text),
  uuid4: (text) => uuid.test(text) && /^.{8}-?.{4}-?4.{3}-?[89ab]/i.test(text),
  uuid5: (text) => uuid.test(text) && /^.{8}-?.{4}-?5.{3}-?[89ab]/i.test(text),
  isbn: (text) => isIsbn(text),
  isbn10: (text) => isIsbn(text, 10),
  isbn13: (text) => isIsbn(text, 13),
  creditcard: (text) => /^\d{12,19}$/.test(text.replaceAll(/[ -]/g, '')),
  ssn: (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  hexcolor: (text) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text),
  rgbcolor: (text) => /^rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)$/i.test(text),
  byte: (text) => base64.test(text),
  date: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)),
  datetime: (text) => parseTime(text) !== undefined,
  duration: (text) => parseDuration(text) !== undefined,
  'k8s-short-name': (text) => checkDns1123Label(text).length === 0,
  'k8s-long-name': (text) => checkDns1123Subdomain(text).length === 0,
};

function isIsbn(text: string, length?: number): boolean {
  const digits = text.replaceAll(/[ -]/g, '');
  if (/^\d{9}[\dX]$/.test(digits) && length !== 13) {
    const sum = Array.from(digits).reduce(
      (total, c, i) => total + (c === 'X' ? 10 : Number(c)) * (10 - i),
      0,
    );
    return sum % 11 === 0;
  }
  if (/^\d{13}$/.test(digits) && length !== 10) {
    const sum = Array.from(digits).reduce((total, c, i) => total + Number(c) * (i % 2 === 0 ? 1 : 3), 0);
    return sum % 10 === 0;
  }
  return false;
}

/** Whether a text has a format; one that is not known is never violated. */
export function hasFormat(format: string, text: string): boolean {
  const name = format.startsWith('k8s-') ? format : format.replaceAll('-', '');
  const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
  return check === undefined || check(text);
}
