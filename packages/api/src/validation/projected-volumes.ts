/** The rules of volumes that several sources fill: no two put a file at one path. */
import type {
  ClusterTrustBundleProjection,
  PodCertificateProjection,
  ProjectedVolumeSource,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from '../generated/types.ts';
import { checkDns1123Subdomain } from '../names.ts';
import { labelSelector, sizeOf } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { ownPath } from './paths.ts';
import { signerName } from './signers.ts';
import { downwardFile, fileMode, keyToPath } from './volume-files.ts';

const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
const MAX_CERTIFICATE_SECONDS = 91 * 24 * 3_600;
const MIN_CERTIFICATE_SECONDS = 3_600;

export function projection({ sources = [], defaultMode }: ProjectedVolumeSource, at: string): FieldError[] {
  const errors = fileMode(`${at}.defaultMode`, defaultMode);
  const taken = new Set<string>();
  const claim = (path: string | undefined, badValue: unknown): void => {
    if (!path) return;
    if (taken.has(path)) errors.push(invalid(at, badValue, 'conflicting duplicate paths'));
    taken.add(path);
  };
  for (const [i, one] of sources.entries()) {
    const field = `${at}.sources[${i}]`;
    for (const name of ['secret', 'configMap'] as const) {
      const source = one[name];
      if (source === undefined) continue;
      if (!source.name) errors.push(required(`${field}.${name}.name`));
      for (const [j, item] of (source.items ?? []).entries()) {
        errors.push(...keyToPath(item, `${field}.${name}.items[${j}]`));
        claim(item.path, source.name);
      }
    }
    for (const file of one.downwardAPI?.items ?? []) {
      errors.push(...downwardFile(file, `${field}.downwardAPI`));
      claim(file.path, file.path);
    }
    if (one.serviceAccountToken !== undefined)
      errors.push(...token(one.serviceAccountToken, `${field}.serviceAccountToken`, at));
    if (one.clusterTrustBundle !== undefined) {
      errors.push(...trustBundle(one.clusterTrustBundle, `${field}.clusterTrustBundle`));
      claim(one.clusterTrustBundle.path, one.clusterTrustBundle.path);
    }
    if (one.podCertificate !== undefined) {
      errors.push(...certificate(one.podCertificate, `${field}.podCertificate`));
      for (const path of certificatePaths(one.podCertificate)) claim(path, path);
    }
    if (countOf(one) > 1) errors.push(forbidden(field, 'may not specify more than 1 volume type per source'));
  }
  return errors;
}

function countOf(one: VolumeProjection): number {
  return Object.values(one).filter((source) => source !== undefined).length;
}

/** The path is reported as one of the volume's, as upstream does. */
function token(
  { path, expirationSeconds }: ServiceAccountTokenProjection,
  at: string,
  volume: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const seconds = sizeOf(expirationSeconds ?? MIN_SECONDS);
  const field = `${at}.expirationSeconds`;
  if (seconds < MIN_SECONDS)
    errors.push(invalid(field, expirationSeconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > MAX_SECONDS)
    errors.push(invalid(field, expirationSeconds, 'may not specify a duration larger than 2^32 seconds'));
  errors.push(...(path ? ownPath(`${volume}.path`, path) : [required(`${volume}.path`)]));
  return errors;
}

function trustBundle(bundle: ClusterTrustBundleProjection, at: string): FieldError[] {
  const { name, signerName: signer, labelSelector: selector } = bundle;
  const path = bundle.path ?? '';
  const errors: FieldError[] = [];
  if (name !== undefined && signer !== undefined)
    errors.push(invalid(at, bundle, 'only one of name and signerName may be used'));
  else if (name !== undefined) {
    if (name === '') errors.push(required(`${at}.name`, 'must be a valid object name'));
    // Bundles of a signer are called `<domain>:<path>:<name>`.
    const own = name.slice(name.lastIndexOf(':') + 1);
    errors.push(
      ...checkDns1123Subdomain(own).map((text) =>
        invalid(`${at}.name`, name, `not a valid clustertrustbundlename: ${text}`),
      ),
    );
    if (selector !== undefined)
      errors.push(
        invalid(`${at}.labelSelector`, selector, 'labelSelector must be unset if name is specified'),
      );
  } else if (signer !== undefined) {
    if (signer === '') errors.push(required(`${at}.signerName`, 'must be a valid signer name'));
    errors.push(...signerName(`${at}.signerName`, signer));
    if (selector !== undefined) errors.push(...labelSelector(`${at}.labelSelector`, selector));
  } else errors.push(required(at, 'either name or signerName must be specified'));
  if (path === '') errors.push(required(`${at}.path`));
  return [...errors, ...ownPath(`${at}.path`, path)];
}

const KEY_TYPES = ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072', 'RSA4096'];
const CERTIFICATE_PATHS = ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const;

function certificatePaths(source: PodCertificateProjection): string[] {
  return CERTIFICATE_PATHS.flatMap((name) => source[name] || []);
}

function certificate(source: PodCertificateProjection, at: string): FieldError[] {
  const errors = signerName(`${at}.signerName`, source.signerName ?? '');
  if (!KEY_TYPES.includes(source.keyType ?? ''))
    errors.push(notSupported(`${at}.keyType`, source.keyType ?? '', KEY_TYPES));
  const seconds = source.maxExpirationSeconds;
  if (seconds !== undefined && seconds < MIN_CERTIFICATE_SECONDS)
    errors.push(
      invalid(`${at}.maxExpirationSeconds`, seconds, `if provided, maxExpirationSeconds must be >= 3600`),
    );
  else if (seconds !== undefined && seconds > MAX_CERTIFICATE_SECONDS)
    errors.push(
      invalid(
        `${at}.maxExpirationSeconds`,
        seconds,
        `if provided, maxExpirationSeconds must be <= ${MAX_CERTIFICATE_SECONDS}`,
      ),
    );
  for (const name of CERTIFICATE_PATHS) {
    const path = source[name];
    if (path) errors.push(...ownPath(`${at}.${name}`, path));
  }
  if (certificatePaths(source).length === 0)
    errors.push(
      required(at, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath'),
    );
  return errors;
}
