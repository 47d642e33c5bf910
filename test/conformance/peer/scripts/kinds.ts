/**
 * Every stored kind: what becomes of its example when it is made, changed, applied and looked at in each form. They stay
 * until the end, for what comes after.
 */
import { apiVersionOf, type ResourceInfo } from '@timonier/api/registry';
import { type Example, examples } from '../../../../packages/api/src/testing/examples.ts';
import { jsonOf } from '../calls.ts';
import type { Comparison } from '../comparison.ts';
import { namespace } from './world.ts';

export function pathOf(info: ResourceInfo): string {
  const root = info.group === '' ? '/api/v1' : `/apis/${apiVersionOf(info)}`;
  return `${root}${info.namespaced ? `/namespaces/${namespace}` : ''}/${info.resource}`;
}

/** Kinds whose objects the servers themselves write into, by what is there then; `isOurs` where only ours does. */
const judged: ReadonlyMap<string, (status: JudgedStatus, isOurs: boolean) => boolean> = new Map([
  ['FlowSchema', isSaid],
  ['APIService', isSaid],
  // Written to twice. What meets it before, between or behind that is answered in three ways.
  [
    'CustomResourceDefinition',
    ({ conditions }) =>
      conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true,
  ],
  [
    'ValidatingAdmissionPolicy',
    ({ observedGeneration }: JudgedStatus, isOurs: boolean) => !isOurs || observedGeneration !== undefined,
  ],
]);

function isSaid({ conditions }: JudgedStatus): boolean {
  return (conditions?.length ?? 0) > 0;
}

interface JudgedStatus {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[] | null;
  readonly observedGeneration?: number;
}

/** Waits until a new object is as its server leaves it. */
export async function settled(comparison: Comparison, { info, object }: Example): Promise<void> {
  const isJudged = judged.get(info.kind);
  if (isJudged === undefined) return;
  const path = `${pathOf(info)}/${object().metadata?.name ?? ''}`;
  await comparison.settle('settled', { method: 'GET', path }, (answer, isOurs) =>
    isJudged((jsonOf(answer)?.status ?? {}) as JudgedStatus, isOurs),
  );
}

const forms = {
  Table: 'application/json;as=Table;g=meta.k8s.io;v=v1',
  PartialObjectMetadata: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  PartialObjectMetadataList: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  YAML: 'application/yaml',
};

export async function kinds(comparison: Comparison): Promise<void> {
  for (const example of examples())
    await comparison.section(`kind ${example.title}`, () => oneKind(comparison, example));
}

async function oneKind(comparison: Comparison, example: Example): Promise<void> {
  const { info, object } = example;
  const collection = pathOf(info);
  const name = object().metadata?.name ?? '';
  const path = `${collection}/${name}`;
  const kind = info.kind;
  await comparison.compare('create', {
    method: 'POST',
    path: `${collection}?fieldManager=maker`,
    body: object(),
  });
  await settled(comparison, example);
  await comparison.compare('create again', { method: 'POST', path: collection, body: object() });
  await comparison.compare('get', { method: 'GET', path });
  for (const [form, accept] of Object.entries(forms)) {
    const isList = form.endsWith('List') || form === 'Table';
    await comparison.compare(`as ${form}`, {
      method: 'GET',
      path: isList ? `${collection}?fieldSelector=metadata.name%3D${name}` : path,
      headers: { accept },
    });
  }
  await comparison.compare('table of one', { method: 'GET', path, headers: { accept: forms.Table } });
  const changed = { metadata: { labels: { changed: 'yes' } } };
  await comparison.compare('merge patch', {
    method: 'PATCH',
    path: `${path}?fieldManager=patcher`,
    body: changed,
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  await comparison.compare('update', (side) => ({
    method: 'PUT',
    path: `${path}?fieldManager=updater`,
    body: { ...side.saw('get'), metadata: { ...side.saw('merge patch')?.metadata, annotations: { a: 'b' } } },
  }));
  await comparison.compare('apply what is there', {
    method: 'PATCH',
    path: `${path}?fieldManager=applier`,
    body: { ...object(), apiVersion: apiVersionOf(info), kind },
    headers: { 'content-type': 'application/apply-patch+yaml' },
  });
  await comparison.compare('apply by force', {
    method: 'PATCH',
    path: `${path}?fieldManager=applier&force=true`,
    body: { ...object(), apiVersion: apiVersionOf(info), kind },
    headers: { 'content-type': 'application/apply-patch+yaml' },
  });
  for (const sub of info.subresources) {
    if (!sub.verbs.includes('get') || ['log', 'exec', 'attach', 'portforward', 'proxy'].includes(sub.name))
      continue;
    await comparison.compare(`get ${sub.name}`, { method: 'GET', path: `${path}/${sub.name}` });
    await comparison.compare(`get ${sub.name} as Table`, {
      method: 'GET',
      path: `${path}/${sub.name}`,
      headers: { accept: forms.Table },
    });
    if (sub.verbs.includes('update'))
      await comparison.compare(`update ${sub.name}`, (side) => ({
        method: 'PUT',
        path: `${path}/${sub.name}?fieldManager=sub`,
        body: side.saw(`get ${sub.name}`),
      }));
    if (sub.verbs.includes('patch'))
      await comparison.compare(`patch ${sub.name}`, {
        method: 'PATCH',
        path: `${path}/${sub.name}?fieldManager=sub`,
        body: changed,
        headers: { 'content-type': 'application/merge-patch+json' },
      });
  }
  // Bounds of a namespace count for what comes after, at once here and a moment later there.
  if (info.resource === 'limitranges' || info.resource === 'resourcequotas')
    await comparison.both('out of the way', { method: 'DELETE', path });
}
