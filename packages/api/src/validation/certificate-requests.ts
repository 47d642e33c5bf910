/** The rules of certificate signing requests. Whether the request is signed is for those who sign it. */
import { wasSentEmpty } from '../decode/absence.ts';
import { X509Certificate } from 'node:crypto';
import type { CertificateSigningRequest } from '../generated/types.ts';
import { same } from './checks.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';
import { signerName } from './signers.ts';

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const MIN_SECONDS = 600;
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
/** A verdict is there or not, but never false. */
const FINAL = ['Approved', 'Denied', 'Failed'];
const VERDICTS = ['Approved', 'Denied'];
const STATUSES = ['False', 'True', 'Unknown'];

function signingRequest({ spec }: CertificateSigningRequest): FieldError[] {
  const { usages = [], expirationSeconds: seconds } = spec ?? {};
  const [request, signer] = [spec?.request ?? '', spec?.signerName ?? ''];
  const errors: FieldError[] = [];
  const first = pemBlocks(Buffer.from(request, 'base64').toString('latin1')).next().value;
  if (first?.type !== 'CERTIFICATE REQUEST')
    errors.push(
      invalid(
        'spec.request',
        request === '' && !wasSentEmpty(spec ?? {}, 'request') ? null : request,
        'PEM block type must be CERTIFICATE REQUEST',
      ),
    );
  if (usages.length === 0) errors.push(required('spec.usages'));
  for (const [i, usage] of usages.entries())
    if (!USAGES.includes(usage)) errors.push(notSupported(`spec.usages[${i}]`, usage, USAGES));
  const seen = new Set<string>();
  for (const [i, usage] of usages.entries()) {
    if (seen.has(usage)) errors.push(duplicate(`spec.usages[${i}]`, usage));
    seen.add(usage);
  }
  if (signer === LEGACY_SIGNER)
    errors.push(
      invalid('spec.signerName', signer, 'the legacy signerName is not allowed via this API version'),
    );
  else errors.push(...signerName('spec.signerName', signer));
  if (seconds !== undefined && seconds < MIN_SECONDS)
    errors.push(
      invalid(
        'spec.expirationSeconds',
        seconds,
        `may not specify a duration less than ${MIN_SECONDS} seconds (10 minutes)`,
      ),
    );
  return errors;
}

interface PemBlock {
  readonly type: string;
  readonly hasHeaders: boolean;
  readonly text: string;
}

/** The blocks in their order; what stands between them does not count. Its time grows with the text only. */
function* pemBlocks(text: string): Generator<PemBlock, undefined> {
  // Of each type, the last first.
  const ends = Map.groupBy(
    [...text.matchAll(/-----END ([A-Z0-9 ]+)-----/g)].reverse(),
    ([, type = '']) => type,
  );
  const begins = /-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n/g;
  for (let begin = begins.exec(text); begin !== null; begin = begins.exec(text)) {
    const [line, type = ''] = begin;
    const ahead = ends.get(type) ?? [];
    while ((ahead.at(-1)?.index ?? Infinity) < begins.lastIndex) ahead.pop();
    const end = ahead.pop();
    // No block of this type ends any more; one of another type might.
    if (end === undefined) continue;
    const body = text.slice(begin.index + line.length, end.index);
    begins.lastIndex = end.index + end[0].length;
    yield { type, hasHeaders: body.includes(':'), text: text.slice(begin.index, begins.lastIndex) };
  }
  return undefined;
}

function conditions({ status }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, condition] of (status?.conditions ?? []).entries()) {
    const at = `status.conditions[${i}]`;
    const type = condition.type ?? '';
    const allowed = FINAL.includes(type) ? ['True'] : STATUSES;
    if (type === '') errors.push(required(`${at}.type`));
    if (!condition.status) errors.push(required(`${at}.status`));
    else if (!allowed.includes(condition.status))
      errors.push(notSupported(`${at}.status`, condition.status, allowed));
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined;
    if (other !== undefined && seen.has(other))
      errors.push(
        invalid('status.conditions', type, 'Approved and Denied conditions are mutually exclusive'),
      );
    if (seen.has(type)) errors.push(duplicate(`${at}.type`, type));
    seen.add(type);
  }
  return errors;
}

/** What is said once is not taken back. */
function kept(now: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const count = ({ status }: CertificateSigningRequest, type: string): number =>
    (status?.conditions ?? []).filter((condition) => condition.type === type).length;
  return FINAL.flatMap((type) =>
    count(now, type) < count(old, type)
      ? [forbidden('status.conditions', `updates may not remove a condition of type "${type}"`)]
      : [],
  );
}

/** Verdicts are given by way of `approval`. */
function judgedElsewhere(now: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const found = ({ status }: CertificateSigningRequest, type: string): readonly unknown[] =>
    (status?.conditions ?? []).filter((condition) => condition.type === type);
  return VERDICTS.flatMap((type) => {
    const [after, before] = [found(now, type), found(old, type)];
    if (after.length < before.length || same(after, before)) return [];
    const what = after.length > before.length ? 'add' : 'modify';
    return [forbidden('status.conditions', `updates may not ${what} a condition of type "${type}"`)];
  });
}

function approval(now: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  return [...conditions(now), ...kept(now, old)];
}

function certificateProblem(base64: string): string | undefined {
  let blocks = 0;
  for (const { type, hasHeaders, text } of pemBlocks(Buffer.from(base64, 'base64').toString('latin1'))) {
    if (type !== 'CERTIFICATE')
      return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
    if (hasHeaders) return 'no PEM block headers are permitted';
    blocks++;
    try {
      void new X509Certificate(text);
    } catch {
      return 'x509: malformed certificate';
    }
  }
  return blocks === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

function certificate(now: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const errors = conditions(now);
  const [text, before] = [now.status?.certificate ?? '', old.status?.certificate ?? ''];
  const isChanged = text !== before;
  const problem = text !== '' && isChanged ? certificateProblem(text) : undefined;
  if (problem !== undefined) errors.push(invalid('status.certificate', '<certificate data>', problem));
  errors.push(...kept(now, old), ...judgedElsewhere(now, old));
  if (before !== '' && isChanged)
    errors.push(forbidden('status.certificate', 'updates may not modify existing certificate content'));
  return errors;
}

export const certificateRules: Readonly<Record<string, Rules>> = {
  'certificates.k8s.io/v1/CertificateSigningRequest': rules(signingRequest, undefined, {
    subresources: { approval, status: certificate },
  }),
};
