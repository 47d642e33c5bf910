/**
 * Custom resources: every value in every place of a schema, formats, CEL rules, subresources, columns, selectable
 * fields, versions and server-side apply, on definitions of a few different shapes.
 */
import { jsonOf } from '../../calls.ts';
import type { Comparison } from '../../comparison.ts';
import { costScript } from './costs.ts';
import { group, pathOf, shapes } from './definitions.ts';
import { formatTexts } from './formats.ts';
import { refusedScript } from './refused.ts';
import { replicaScript } from './replicas.ts';
import { ruleScript } from './rules.ts';
import { valueScript } from './values.ts';
import { versionScript } from './versions.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export async function custom(comparison: Comparison): Promise<void> {
  // What any of the sections needs; a definition that is there already is answered in the same words.
  let isMade = false;
  const section = (name: string, body: () => Promise<void>): Promise<void> =>
    comparison.section(`custom ${name}`, async () => {
      if (!isMade) await make(comparison);
      isMade = true;
      await body();
    });
  await comparison.section('custom definitions', () => refusedScript(comparison));
  await comparison.section('custom costs', () => costScript(comparison));
  await section('values', () => valueScript(comparison));
  await section('formats', () => formatTexts(comparison));
  await section('rules', () => ruleScript(comparison));
  await section('replicas', () => replicaScript(comparison));
  await section('versions', () => versionScript(comparison));
}

interface Definition {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

function isEstablished(definition: Definition | undefined): boolean {
  const conditions = definition?.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
}

async function make(comparison: Comparison): Promise<void> {
  for (const one of Object.values(shapes)) {
    await comparison.compare(`definition of ${one.plural}`, {
      method: 'POST',
      path: definitions,
      body: one.definition,
    });
    await comparison.settle(
      `${one.plural} are served`,
      { method: 'GET', path: `${pathOf(one)}?limit=1` },
      ({ status }) => status === 200,
    );
    // It is served a moment before it is said to be.
    await comparison.settle(
      `${one.plural} are established`,
      { method: 'GET', path: `${definitions}/${one.plural}.${group}` },
      (answer) => isEstablished(jsonOf(answer) as Definition | undefined),
    );
    await comparison.compare(`the established definition of ${one.plural}`, {
      method: 'GET',
      path: `${definitions}/${one.plural}.${group}`,
    });
  }
}
