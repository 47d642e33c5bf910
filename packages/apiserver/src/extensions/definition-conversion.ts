/** What is wrong with how a definition converts its resources between versions. */
import { X509Certificate } from 'node:crypto';
import { type FieldError, fieldErrors } from '@timonier/api';
import { checkDns1035Label } from '@timonier/api/names';
import { webhookService, webhookUrl } from '@timonier/api/validation/webhook-clients';
import { type Definition, hasCondition } from './definition-types.ts';

const { forbidden, invalid, notSupported, required } = fieldErrors;

const at = 'spec.conversion';
const strategies = ['None', 'Webhook'];
/** Versions of reviews that an API server sends. */
const sent = ['v1', 'v1beta1'];

/** `old` is what the definition replaces. */
export function validateConversion(
  given: Definition['spec']['conversion'],
  old: Definition | undefined,
): FieldError[] {
  if (given === undefined) return [];
  const errors: FieldError[] = [];
  const { strategy, webhook } = given;
  if (!strategy) errors.push(required(`${at}.strategy`));
  else if (!strategies.includes(strategy)) errors.push(notSupported(`${at}.strategy`, strategy, strategies));
  const reviews = webhook?.conversionReviewVersions ?? [];
  if (strategy === 'Webhook')
    return [...errors, ...client(webhook?.clientConfig, old), ...reviewVersions(reviews)];
  const detail = 'should not be set when strategy is not set to Webhook';
  if (webhook?.clientConfig !== undefined) errors.push(forbidden(`${at}.webhookClientConfig`, detail));
  if (reviews.length > 0) errors.push(forbidden(`${at}.conversionReviewVersions`, detail));
  return errors;
}

type ClientConfig = NonNullable<
  NonNullable<NonNullable<Definition['spec']['conversion']>['webhook']>['clientConfig']
>;

function client(config: ClientConfig | undefined, old: Definition | undefined): FieldError[] {
  const field = `${at}.webhookClientConfig`;
  if (config === undefined) return [required(field, 'required when strategy is set to Webhook')];
  if ((config.url === undefined) === (config.service === undefined))
    return [required(field, 'exactly one of url or service is required')];
  return [...place(config, field), ...authority(config.caBundle, `${field}.caBundle`, old)];
}

/** What signs the webhook's certificate may come later than the definition, and what was wrong before may stay. */
function authority(bundle: string | undefined, field: string, old: Definition | undefined): FieldError[] {
  if (!bundle || old === undefined || !hasCondition(old, 'Established')) return [];
  const before = old.spec.conversion?.webhook?.clientConfig?.caBundle;
  if (before && bundleProblem(before) !== undefined) return [];
  const problem = bundleProblem(bundle);
  return problem === undefined
    ? []
    : [invalid(field, bundle, `unable to load root certificates: ${problem}`)];
}

/** Why a bundle holds no certificate, in the words of upstream's client. */
function bundleProblem(bundle: string): string | undefined {
  const text = Buffer.from(bundle, 'base64').toString('latin1');
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g)];
  if (blocks.length === 0) return 'unable to parse bytes as PEM block';
  let problem = 'no valid certificate authority data seen';
  for (const [block, label] of blocks) {
    if (label !== 'CERTIFICATE') continue;
    try {
      void new X509Certificate(block);
      return undefined;
    } catch (error) {
      problem = `failed to parse certificate: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  return problem;
}

function place(config: ClientConfig, field: string): FieldError[] {
  if (config.url !== undefined) return webhookUrl(`${field}.url`, config.url);
  if (config.service === undefined) return [];
  const errors = webhookService(`${field}.service`, { port: 443, ...config.service });
  const isMissing = ({ type }: FieldError): boolean => type === 'Required';
  // That a name is missing is all that is said of it here.
  const missing = errors
    .filter(isMissing)
    .map((error) => ({ ...error, field: swapped(error.field), detail: '' }));
  return [...missing.toReversed(), ...errors.filter((error) => !isMissing(error))];
}

/** Upstream says of either part that the other one is missing. */
function swapped(field: string): string {
  return field.endsWith('.namespace')
    ? field.replace(/namespace$/, 'name')
    : field.replace(/name$/, 'namespace');
}

function reviewVersions(versions: readonly string[]): FieldError[] {
  const field = `${at}.conversionReviewVersions`;
  if (versions.length === 0) return [required(field)];
  const errors = versions.flatMap((version, i) =>
    versions.indexOf(version) < i
      ? [invalid(`${field}[${i}]`, version, 'duplicate version')]
      : checkDns1035Label(version).map((problem) => invalid(`${field}[${i}]`, version, problem)),
  );
  if (!versions.some((version) => sent.includes(version)))
    errors.push(invalid(field, versions, `must include at least one of ${sent.join(', ')}`));
  return errors;
}
