/**
 * What an applied configuration says beyond its kind's schema: values of other types, fields that are not there, and
 * items of a list that are one by their keys. Ownership could not be told of either, so that it is asked before anything
 * is decoded. Upstream answers the same texts as failures of the server.
 */
import type { ResourceInfo } from '@timonier/api';
import { NotDecodable } from '@timonier/api/decode';
import { typeProblems } from '@timonier/api/patch/type-problems';
import { bad } from '../pipeline/query.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Throws 400. Custom kinds know themselves what their schema says. */
export function checkAppliedType(info: ResourceInfo, config: Fields): void {
  const problems = appliedProblems(info, config);
  if (problems.length === 0) return;
  throw bad(`failed to create typed patch object (${whatIs(info, config)}): ${listed(problems)}`);
}

/** Where a configuration is not of its kind's types. */
export function appliedProblems(
  info: Pick<ResourceInfo, 'schema' | 'custom'>,
  config: Fields,
): readonly string[] {
  return info.custom?.appliedProblems(config) ?? typeProblems(config, info.schema, '');
}

export function listed(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] ?? '') : ['errors:', ...problems].join('\n  ');
}

/** Runs the decoding of a configuration; throws 400 as what could not be converted. */
export function converted<T>(info: ResourceInfo, config: unknown, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof NotDecodable) || info.custom !== undefined) throw error;
    const why = error.why.replace(/ into Go struct field \S+ of type /, ' into Go value of type ');
    throw bad(
      `failed to convert new object (${whatIs(info, config)}) to proper version: unable to convert unstructured object to ${typeOf(info)}: ${why}`,
    );
  }
}

function typeOf({ group, version, kind }: ResourceInfo): string {
  return `${group}/${version}, Kind=${kind}`;
}

/** As upstream calls the object, by what it says of itself. */
function whatIs(info: ResourceInfo, config: unknown): string {
  const { metadata } = config as { readonly metadata?: Fields | null };
  const part = (name: string): string => {
    const value = typeof metadata === 'object' ? metadata?.[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
  return `${part('namespace')}/${part('name')}; ${typeOf(info)}`;
}
