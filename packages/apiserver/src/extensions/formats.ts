/**
 * The formats that are checked; others are notes for people. Names and forms are those of the OpenAPI formats that
 * Kubernetes supports for custom resources.
 */
import { checkDns1123Label, checkDns1123Subdomain } from '@timonier/api/names';
import { parseDuration } from '@timonier/api/time';
import { isCidr, isHostname, isIp, isMac, isMailAddress, isUri } from './network-formats.ts';

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/;

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: (text) => /^[0-9a-f]{24}$/i.test(text),
  uri: isUri,
  email: isMailAddress,
  hostname: isHostname,
  ipv4: (text) => text.includes('.') && isIp(text),
  ipv6: (text) => text.includes(':') && isIp(text),
  cidr: isCidr,
  mac: isMac,
  uuid: (text) => uuid.test(text),
  uuid3: (text) => uuid.test(text) && /^.{8}-?.{4}-?3/.test(text),
  uuid4: (text) => uuid.test(text) && /^.{8}-?.{4}-?4.{3}-?[89ab]/i.test(text),
  uuid5: (text) => uuid.test(text) && /^.{8}-?.{4}-?5.{3}-?[89ab]/i.test(text),
  isbn: (text) => isIsbn(text),
  isbn10: (text) => isIsbn(text, 10),
  isbn13: (text) => isIsbn(text, 13),
  creditcard: isCardNumber,
  ssn: (text) => /^\d{3}[- ]\d{2}[- ]\d{4}$/.test(text),
  hexcolor: (text) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text),
  rgbcolor: isRgbColor,
  byte: (text) => base64.test(text),
  date: isDate,
  datetime: isDateTime,
  duration: isDuration,
  password: () => true,
  'k8s-short-name': (text) => checkDns1123Label(text).length === 0,
  'k8s-long-name': (text) => checkDns1123Subdomain(text).length === 0,
};

/** Formats of numbers; what fits into them says the type's check. */
const numeric: ReadonlySet<string> = new Set(['int32', 'int64', 'float', 'double']);

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

/** Numbers of cards by who issues them: first digits, and how many there are. */
const issuers: readonly RegExp[] = [
  /^4(?:\d{12}|\d{15})$/,
  /^5[1-5]\d{14}$/,
  /^(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}$/,
  /^3[47]\d{13}$/,
  /^6(?:011\d{12}|5\d{14})$/,
  /^3(?:0[0-5]|[68]\d)\d{11}$/,
  /^(?:2131|1800|35\d{3})\d{11}$/,
  /^6[27]\d{14}$/,
];

function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/[\s-]+/g, '');
  if (!issuers.some((issuer) => issuer.test(digits))) return false;
  // The check digit of Luhn.
  const sum = Array.from(digits)
    .reverse()
    .map((digit, i) => Number(digit) * (i % 2 === 0 ? 1 : 2))
    .reduce((total, value) => total + (value > 9 ? value - 9 : value), 0);
  return sum % 10 === 0;
}

function isRgbColor(text: string): boolean {
  const parts = /^rgb\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(text)?.slice(1);
  return parts?.every((part) => Number(part) <= 255 && String(Number(part)) === part) === true;
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  // A day that the month does not have becomes one of the next month.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  const [date = '', time = ''] = text.toLowerCase().split('t');
  const parts = /^(\d\d):(\d\d):(\d\d)(?:.\d+)?(?:z|[+-]\d\d:\d\d)$/.exec(time)?.slice(1).map(Number);
  return isDate(date) && parts?.every((part, i) => part <= (i === 0 ? 23 : 59)) === true;
}

/** Units of durations for people: whole, or by how they begin. */
const units = /^(?:ns|us|µs|ms|s|m|h|hr|d|w|wk|(?:nano|micro|milli|sec|min|hour|day|week).*)$/i;

/** As Go writes durations, or any text with a number and a unit in it, such as `2 days`. */
function isDuration(text: string): boolean {
  if (parseDuration(text) !== undefined) return true;
  return [...text.matchAll(/[A-Za-zµ]+/g)].some(
    ({ 0: unit, index }) => units.test(unit) && /\d/.test(text.slice(0, index).trimEnd().at(-1) ?? ''),
  );
}

function checkOf(format: string): ((text: string) => boolean) | undefined {
  const name = format.startsWith('k8s-') ? format : format.replaceAll('-', '');
  return Object.hasOwn(checks, name) ? checks[name] : undefined;
}

/** Whether texts are checked for a format. */
export function isKnownFormat(format: string): boolean {
  return checkOf(format) !== undefined;
}

/** Whether a format means anything: others are worth a warning. */
export function isRecognized(format: string): boolean {
  return numeric.has(format) || isKnownFormat(format);
}

/** Whether a text has a format; one that is not known is never violated. */
export function hasFormat(format: string, text: string): boolean {
  return checkOf(format)?.(text) ?? true;
}
