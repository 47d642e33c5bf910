/**
 * Image references: `[registry/]repository[:tag][@digest]` in the forms people type, and the full form they mean.
 *
 * A first part counts as a registry when it has a dot or a port or is `localhost`; without one the registry is
 * `docker.io`, whose one-part repositories live under `library/`. Without tag and digest the tag is `latest`.
 */
import { CriError, criStatus } from '@timonier/grpc/cri';

export interface ImageReference {
  /** Host and optional port, such as `registry.example:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string | undefined;
}

const partPattern = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const registryPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;

/** Parses a reference. Throws INVALID_ARGUMENT, naming it, when it is none. */
export function parseReference(text: string): ImageReference {
  const invalid = (why: string): CriError =>
    new CriError(criStatus.INVALID_ARGUMENT, `invalid image reference "${text}": ${why}`);
  let rest = text;
  let digest: string | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    digest = rest.slice(at + 1);
    rest = rest.slice(0, at);
    if (!digestPattern.test(digest)) throw invalid('the digest must be sha256: and 64 hexadecimal digits');
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon > rest.lastIndexOf('/')) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!tagPattern.test(tag)) throw invalid(`"${tag}" is not a tag`);
  }
  const slash = rest.indexOf('/');
  const first = slash < 0 ? '' : rest.slice(0, slash);
  const named = first === 'localhost' || /[.:]/.test(first);
  const registry = named ? first : 'docker.io';
  if (!registryPattern.test(registry)) throw invalid(`"${registry}" is not a registry's host name`);
  let repository = named ? rest.slice(slash + 1) : rest;
  if (registry === 'docker.io' && !repository.includes('/')) repository = `library/${repository}`;
  if (repository.length > 255 || !repository.split('/').every((part) => partPattern.test(part))) {
    throw invalid('the repository must be lower-case words separated by slashes');
  }
  if (tag === undefined && digest === undefined) tag = 'latest';
  return { registry, repository, tag, digest };
}

/** The full spelling of a tag, such as `docker.io/library/busybox:latest`. */
export function taggedName(reference: ImageReference): string | undefined {
  return reference.tag === undefined
    ? undefined
    : `${reference.registry}/${reference.repository}:${reference.tag}`;
}

export function digestName(reference: ImageReference, digest: string): string {
  return `${reference.registry}/${reference.repository}@${digest}`;
}
