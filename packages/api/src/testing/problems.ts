/** For tests: what is wrong with an example when something of it is changed. */
import assert from 'node:assert/strict';
import { decodeStrict } from '../decode.ts';
import type { ApiObject } from '../object.ts';
import { applyDefaults } from '../defaults.ts';
import { applyMergePatch, type JsonObject } from '../patch/index.ts';
import { formatFieldError, validate } from '../validation.ts';
import { type Example, examples } from './examples.ts';

const all = examples();

function exampleOf(title: string): Example {
  const found = all.find((example) => example.title.endsWith(title));
  assert.ok(found, `no example of ${title}`);
  return found;
}

function prepared({ info }: Example, sent: ApiObject): ApiObject {
  const object = applyDefaults(info, decodeStrict(info, sent).object);
  object.metadata = { uid: 'u', ...object.metadata, ...(info.namespaced ? { namespace: 'default' } : {}) };
  if (info.kind !== 'Job') return object;
  const spec = object['spec'] as Record<string, Record<string, unknown> | undefined>;
  const labels = {
    'batch.kubernetes.io/controller-uid': 'u',
    'controller-uid': 'u',
    'job-name': object.metadata.name,
    'batch.kubernetes.io/job-name': object.metadata.name,
  };
  spec['selector'] ??= { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } };
  const template = (spec['template'] ??= {});
  template['metadata'] = { labels };
  return object;
}

/** Field errors as texts; `update` makes the change an update of the example, through a subresource if one is given. */
export function problems(title: string, patch: object, update?: { subresource?: string }): string[] {
  const example = exampleOf(title);
  const changed = applyMergePatch(example.object() as JsonObject, patch) as ApiObject;
  const object = prepared(example, changed);
  const old = update === undefined ? undefined : prepared(example, example.object());
  return validate(example.info, object, old, update?.subresource).map(formatFieldError);
}
