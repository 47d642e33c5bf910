/**
 * The rules for names, labels and qualified keys. Each check returns the texts of what is wrong, empty when all is
 * well; the texts are the ones clients know.
 */

const DNS1123_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS1123_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DNS1123_SUBDOMAIN_UNDERSCORES =
  /^_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/;
const DNS1035_LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;

/** Longer values are refused by their length alone: the patterns backtrack, and input is not trusted. */
const MAX_TESTED = 1024;

function fits(pattern: RegExp, value: string): boolean {
  return value.length > MAX_TESTED || pattern.test(value);
}

/** Upstream counts bytes everywhere, but says so only of keys and values of labels. */
function maxLength(length: number, unit: 'bytes' | 'characters' = 'characters'): string {
  return `must be no more than ${length} ${unit}`;
}

function regexError(text: string, pattern: string, ...examples: string[]): string {
  // With upstream's odd spaces, which tests of clients look for.
  const quoted = examples.map((e) => `'${e}', `).join(' or ');
  const shown = examples.length === 0 ? '' : `e.g. ${quoted}`;
  return `${text} (${shown}regex used for validation is '${pattern}')`;
}

const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const DNS1035_TEXT =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const QUALIFIED_TEXT =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** A lower-case DNS label of at most 63 characters: namespaces, containers. */
export function checkDns1123Label(value: string): string[] {
  const out: string[] = [];
  if (value.length > 63) out.push(maxLength(63));
  if (!fits(DNS1123_LABEL, value)) {
    out.push(
      fits(DNS1123_SUBDOMAIN, value)
        ? 'must not contain dots'
        : regexError(LABEL_TEXT, '[a-z0-9]([-a-z0-9]*[a-z0-9])?', 'my-name', '123-abc'),
    );
  }
  return out;
}

/** Dot-separated lower-case DNS labels, at most 253 characters: the names of most objects. */
export function checkDns1123Subdomain(value: string): string[] {
  return subdomain(value, 'characters');
}

function subdomain(value: string, unit: 'bytes' | 'characters'): string[] {
  const out: string[] = [];
  if (value.length > 253) out.push(maxLength(253, unit));
  if (!fits(DNS1123_SUBDOMAIN, value)) {
    out.push(
      regexError(
        SUBDOMAIN_TEXT,
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*',
        'example.com',
      ),
    );
  }
  return out;
}

/** A subdomain as lists of search domains have it: labels may begin with an underscore. */
export function checkDns1123SubdomainWithUnderscores(value: string): string[] {
  const out: string[] = [];
  if (value.length > 253) out.push(maxLength(253));
  if (!fits(DNS1123_SUBDOMAIN_UNDERSCORES, value)) {
    out.push(
      regexError(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*',
        'example.com',
      ),
    );
  }
  return out;
}

/** A subdomain behind a star, which stands for one label. */
export function checkWildcardDns1123Subdomain(value: string): string[] {
  const out: string[] = [];
  if (value.length > 253) out.push(maxLength(253));
  if (!value.startsWith('*.') || !fits(DNS1123_SUBDOMAIN, value.slice(2)))
    out.push(
      regexError(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*',
        '*.example.com',
      ),
    );
  return out;
}

/** A DNS label that starts with a letter: services. */
export function checkDns1035Label(value: string): string[] {
  const out: string[] = [];
  if (value.length > 63) out.push(maxLength(63));
  if (!fits(DNS1035_LABEL, value)) {
    out.push(regexError(DNS1035_TEXT, '[a-z]([-a-z0-9]*[a-z0-9])?', 'my-name', 'abc-123'));
  }
  return out;
}

/** A qualified name without a prefix, as most are. */
const UNQUALIFIED = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** An optional DNS prefix, a slash, and a name: keys of labels, annotations, taints, resources. */
export function checkQualifiedName(value: string): string[] {
  if (UNQUALIFIED.test(value)) return [];
  const out: string[] = [];
  const parts = value.split('/');
  let name = value;
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    name = parts[1] ?? '';
    if (prefix === '') out.push('prefix part must be non-empty');
    else out.push(...subdomain(prefix, 'bytes').map((text) => `prefix part ${text}`));
  } else if (parts.length > 2) {
    return [
      `a valid label key ${regexError(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]',
        'MyName',
        'my.name',
        '123-abc',
      )} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (name === '') out.push('name part must be non-empty');
  else if (name.length > 63) out.push(`name part ${maxLength(63, 'bytes')}`);
  if (!fits(QUALIFIED_NAME, name)) {
    out.push(
      regexError(QUALIFIED_TEXT, '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]', 'MyName', 'my.name', '123-abc'),
    );
  }
  return out;
}

/** The value of a label. */
export function checkLabelValue(value: string): string[] {
  const out: string[] = [];
  if (value.length > 63) out.push(maxLength(63, 'bytes'));
  if (!fits(LABEL_VALUE, value)) {
    out.push(
      regexError(VALUE_TEXT, '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?', 'MyValue', 'my_value', '12345'),
    );
  }
  return out;
}

/** A key of a ConfigMap or Secret. */
export function checkConfigMapKey(value: string): string[] {
  const out: string[] = [];
  if (value.length > 253) out.push(maxLength(253));
  if (!CONFIG_KEY.test(value)) {
    out.push(
      regexError(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        '[-._a-zA-Z0-9]+',
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  if (value === '.' || value === '..') out.push(`must not be '${value}'`);
  else if (value.startsWith('..')) out.push("must not start with '..'");
  return out;
}

/** A segment of a URL path: the names of roles and other kinds with free names. */
export function checkPathSegment(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((c) => value.includes(c)).map((c) => `may not contain '${c}'`);
}

/** The name of a port: letters, digits and dashes, at least one letter. */
export function checkPortName(value: string): string[] {
  const out: string[] = [];
  if (value.length > 15) out.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(value)) {
    out.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) out.push('must contain at least one letter (a-z)');
  if (value.includes('--')) out.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) out.push('must not begin or end with a hyphen');
  return out;
}

/** A number that a port may have. */
export function checkPortNumber(value: number): string[] {
  return Number.isInteger(value) && value >= 1 && value <= 65_535
    ? []
    : ['must be between 1 and 65535, inclusive'];
}
