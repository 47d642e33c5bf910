/** What a namespace asks for by its labels: a level and a version of the standards, for each of three purposes. Pure. */
import type { FieldError } from '@timonier/api';
import { invalid } from '@timonier/api/validation/field-error';

export type Level = 'privileged' | 'baseline' | 'restricted';
export type Mode = 'enforce' | 'audit' | 'warn';
export type Labels = Readonly<Record<string, string>>;

/** The strictest last. */
export const levels: readonly Level[] = ['privileged', 'baseline', 'restricted'];
export const modes: readonly Mode[] = ['enforce', 'audit', 'warn'];
export const labelPrefix = 'pod-security.kubernetes.io/';

export interface Policy {
  readonly level: Level;
  /** The minor version of Kubernetes whose standards count; infinite for the latest. */
  readonly minor: number;
  /** As it is written: `LEVEL:VERSION`. */
  readonly name: string;
}

const versionPattern = /^v1\.(0|[1-9]\d*)$/;

/** `defaults` are the cluster's, without the prefix of labels. */
export function policyOf(labels: Labels, mode: Mode, defaults: Labels = {}): Policy {
  const wanted = labels[labelPrefix + mode];
  const versionOf = (of: Mode): string | undefined =>
    labels[`${labelPrefix}${of}-version`] ?? defaults[`${of}-version`];
  // What cannot be read refuses most, and neither warns nor tells the audit log.
  const unread: Level = mode === 'enforce' ? 'restricted' : 'privileged';
  const own = policy(wanted ?? defaults[mode], versionOf(mode), unread);
  if (mode !== 'warn' || wanted !== undefined) return own;
  // Who is refused pods is warned of what makes such pods, unless they say otherwise or are warned of more already.
  const enforced = labels[`${labelPrefix}enforce`];
  const isStricter = levels.findIndex((known) => known === enforced) > levels.indexOf(own.level);
  return isStricter ? policy(enforced, labels[`${labelPrefix}warn-version`] ?? versionOf('enforce')) : own;
}

/** A level that nobody knows is taken as `unread`, and a version as the latest, as upstream does. */
function policy(wanted = 'privileged', version = 'latest', unread: Level = 'restricted'): Policy {
  const level: Level = levels.find((known) => known === wanted) ?? unread;
  const [, minor] = versionPattern.exec(version) ?? [];
  return minor === undefined
    ? { level, minor: Infinity, name: `${level}:latest` }
    : { level, minor: Number(minor), name: `${level}:v1.${minor}` };
}

/** What is wrong with the labels themselves. */
export function labelErrors(labels: Labels): readonly FieldError[] {
  const errors: FieldError[] = [];
  const check = (name: string, isRight: (value: string) => boolean, detail: string): void => {
    const value = labels[labelPrefix + name];
    if (value === undefined || isRight(value)) return;
    errors.push(invalid(`metadata.labels[${labelPrefix}${name}]`, value, detail));
  };
  for (const mode of modes) {
    check(mode, (value) => levels.some((known) => known === value), `must be one of ${levels.join(', ')}`);
    check(
      `${mode}-version`,
      (value) => value === 'latest' || versionPattern.test(value),
      'must be "latest" or "v1.x"',
    );
  }
  return errors;
}
