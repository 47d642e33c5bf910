/** Kubernetes' named formats: what a text must look like, and what is wrong with one that does not. */
import {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
} from '@timonier/api/names';
import { parseTime } from '@timonier/api/time';
import { globalFunction, type Library, memberFunction, walkFirst } from '../overload.ts';
import { list, opaque, optional, string } from '../types.ts';
import { ArrayList, OpaqueValue, Optional } from '../values.ts';

const format = opaque('kubernetes.NamedFormat');

type Check = (text: string) => readonly string[];

/** Names that end in a dash have something generated behind it. */
function asPrefix(check: Check): Check {
  return (text) => check(text.endsWith('-') ? `${text.slice(0, -1)}a` : text);
}

function must(holds: (text: string) => boolean, message: string): Check {
  return (text) => (holds(text) ? [] : [message]);
}

const checks: Readonly<Record<string, Check>> = {
  dns1123Label: checkDns1123Label,
  dns1123Subdomain: checkDns1123Subdomain,
  dns1035Label: checkDns1035Label,
  qualifiedName: checkQualifiedName,
  dns1123LabelPrefix: asPrefix(checkDns1123Label),
  dns1123SubdomainPrefix: asPrefix(checkDns1123Subdomain),
  dns1035LabelPrefix: asPrefix(checkDns1035Label),
  labelValue: checkLabelValue,
  uri: must((text) => text.startsWith('/') || URL.canParse(text), 'invalid URI'),
  uuid: must(
    (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
    'does not match the UUID format',
  ),
  byte: must(
    (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
    'invalid base64',
  ),
  date: must((text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)), 'invalid date'),
  datetime: must((text) => parseTime(text) !== undefined, 'invalid datetime'),
};

function named(name: string): OpaqueValue {
  return new OpaqueValue(format.name, name, checks[name]);
}

const shortcuts: Library = Object.fromEntries(
  Object.keys(checks).map((name) => [`format.${name}`, [globalFunction([], format, () => named(name))]]),
);

export const formats: Library = {
  ...shortcuts,
  'format.named': [
    globalFunction(
      [string],
      optional(format),
      (name: string) => new Optional(Object.hasOwn(checks, name) ? named(name) : undefined),
    ),
  ],
  validate: [
    memberFunction(
      [format, string],
      optional(list(string)),
      (value: OpaqueValue, text: string) => {
        const problems = (value.data as Check)(text);
        return new Optional(problems.length === 0 ? undefined : new ArrayList(problems));
      },
      { cost: (_, text) => walkFirst(text ?? 0) },
    ),
  ],
};
