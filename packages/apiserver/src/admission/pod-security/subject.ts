/** What a check of the Pod Security Standards looks at, and the words in which it tells what it found. Pure. */
import type { Container, EphemeralContainer, ObjectMeta, PodSpec, SecurityContext } from '@timonier/api';

export type AnyContainer = Container | EphemeralContainer;

export interface Subject {
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
  /** In upstream's order: what begins, what runs, and what somebody debugs with. */
  readonly containers: readonly AnyContainer[];
}

export function subjectOf(metadata: ObjectMeta, spec: PodSpec): Subject {
  // It is looked at before it is validated: there may be none of any.
  const { containers, initContainers, ephemeralContainers } = spec as Partial<PodSpec>;
  const all = [initContainers ?? [], containers ?? [], ephemeralContainers ?? []];
  return { metadata, spec, containers: all.flat() };
}

/** What is wrong with a pod; undefined when nothing is. */
export interface Finding {
  readonly reason: string;
  readonly detail: string;
}

/** One check, in the form that it has had since a version of Kubernetes; of several the newest one counts. */
export interface Check {
  /** Upstream's name, by which results are ordered. */
  readonly id: string;
  /** The check whose place it takes where both are in force. */
  readonly overrides?: string;
  readonly forms: readonly {
    /** The minor version of Kubernetes that it is in force from. */
    readonly since: number;
    readonly check: (subject: Subject) => Finding | undefined;
  }[];
}

/** Containers whose own security context is forbidden. */
export function badContainers(
  { containers }: Subject,
  isBad: (context: SecurityContext, container: AnyContainer) => boolean,
): readonly string[] {
  return containers
    .filter(
      (container) => container.securityContext !== undefined && isBad(container.securityContext, container),
    )
    .map(({ name }) => name);
}

/** Such as `container "a"` and `containers "a", "b"`. */
export function containersNamed(names: readonly string[]): string {
  return `${plural('container', names)} ${quoted(names)}`;
}

/** In a user namespace of its own a pod's root is not the node's, and may do more. */
export const notInUserNamespace =
  (check: Check['forms'][number]['check']): Check['forms'][number]['check'] =>
  (subject) =>
    subject.spec.hostUsers === false ? undefined : check(subject);

/** Who sets something: the pod, and some of its containers; empty when nobody does. */
export function settersOf(isPod: boolean, containers: readonly string[]): string {
  return [...(isPod ? ['pod'] : []), ...(containers.length === 0 ? [] : [containersNamed(containers)])].join(
    ' and ',
  );
}

export function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

/** Each once, by the alphabet. */
export function distinct(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined))].sort();
}

export function plural(word: string, list: readonly unknown[]): string {
  return list.length === 1 ? word : `${word}s`;
}
