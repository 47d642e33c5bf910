import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { registry, type ResourceInfo } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { encodeProtobuf } from '@timonier/api/protobuf';
import { toTable } from '@timonier/api/table';
import { formatYaml } from '@timonier/api/yaml-text';
import type { Representation } from '../http/media.ts';
import { StoredObject } from '../storage/stored-object.ts';
import { viewOf } from '../storage/views.ts';
import type { EncodeOptions, TableContent } from './encode.ts';
import { type ListBody, listBody } from './list-body.ts';
import type { ListMeta } from './list-form.ts';

const found = registry.lookup('', 'v1', 'configmaps');
assert.ok(found);
const info: ResourceInfo = found;
const meta = { resourceVersion: '7', continue: 'more', remainingItemCount: 3 };
const object: Representation = { media: 'json', form: 'object', metaVersion: 'v1', pretty: false };

function items(count: number, bytes: number): StoredObject[] {
  return Array.from({ length: count }, (_, i) => {
    const map = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: `m${i}`,
        namespace: 'default',
        // Longer than a number can be, and texts that look like the frame of a list.
        annotations: {
          [i % 2 === 0 ? 'a"b}' : 'a']: 'items: []\n"metadata":{\n  "items": []\n',
          generation: '\\',
        },
        labels: { i: String(i) },
      },
      data: { a: 'x'.repeat(bytes), b: 'several\nlines\n\nof it', c: '[]}' },
    };
    return new StoredObject(`/registry/configmaps/default/m${i}`, Buffer.from(JSON.stringify(map)), 7, 7);
  });
}

/** For a client that waits for it. */
async function bodyOf(
  all: readonly StoredObject[],
  listMeta: ListMeta,
  options: EncodeOptions,
): Promise<ListBody> {
  const body = await listBody(all, listMeta, options, () => false);
  assert.ok(body);
  return body;
}

/** The same list, made at once. */
function whole(
  all: readonly StoredObject[],
  representation: Representation,
  includeObject: TableContent,
): Buffer {
  const { form, media, metaVersion, pretty } = representation;
  const apiVersion = `meta.k8s.io/${metaVersion}`;
  const trees = all.map((item) => item.object());
  const lists: Readonly<Record<Representation['form'], () => object>> = {
    object: () => ({
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: meta,
      items: trees.map(({ apiVersion: _apiVersion, kind: _kind, ...rest }) => rest),
    }),
    table: () => toTable(info, trees, { includeObject, now: Date.now(), metadata: meta, apiVersion }),
    metadata: () => ({
      kind: 'PartialObjectMetadataList',
      apiVersion,
      metadata: meta,
      items: trees.map(({ metadata }) => ({ kind: 'PartialObjectMetadata', apiVersion, metadata })),
    }),
  };
  const list = lists[form]();
  if (media === 'protobuf') return encodeProtobuf(list as ApiObject);
  if (media === 'yaml') return Buffer.from(formatYaml(list));
  return Buffer.from(pretty ? `${JSON.stringify(list, null, 2)}\n` : JSON.stringify(list));
}

const representations: readonly Representation[] = [
  ...(['object', 'table', 'metadata'] as const).flatMap((form) => [
    { ...object, form },
    { ...object, form, pretty: true },
    { ...object, form, media: 'yaml' as const },
  ]),
  { ...object, media: 'protobuf' },
  { ...object, media: 'protobuf', form: 'metadata' },
  { ...object, media: 'protobuf', form: 'metadata', metaVersion: 'v1beta1' },
];

for (const representation of representations) {
  const { form, media, pretty, metaVersion } = representation;
  const name = [media, form, metaVersion, ...(pretty ? ['pretty'] : [])].join(' ');
  test(`a list in pieces has the bytes of one that is made at once: ${name}`, async (t: TestContext) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
    for (const includeObject of form === 'table'
      ? (['None', 'Metadata', 'Object'] as const)
      : (['None'] as const))
      for (const [count, bytes] of [
        [0, 0],
        [1, 10],
        [3, 300_000],
        [2_000, 500],
      ] as const) {
        const all = items(count, bytes);
        // Lengths are known the second time.
        for (const time of ['first', 'second']) {
          const { length, pieces } = await bodyOf(all, meta, { info, representation, includeObject });
          const made = Buffer.concat([...pieces]);
          assert.ok(
            made.equals(whole(all, representation, includeObject)),
            `${count} of ${bytes}, ${time} time`,
          );
          assert.equal(length, media === 'protobuf' ? made.length : undefined);
        }
      }
  });

  test(`pieces are made one by one, with turns for others in between: ${name}`, async () => {
    const all = items(3_000, 1_000);
    const { pieces } = await bodyOf(all, meta, { info, representation, includeObject: 'Metadata' });
    // Stored bytes that are passed on take no time.
    const isParsed = media !== 'json' || pretty || form === 'table';
    let read = 0;
    for (const item of all) {
      const { json } = item;
      Object.defineProperty(item, 'json', {
        get: () => {
          read += json.length;
          return json;
        },
      });
    }
    for (const piece of pieces) {
      assert.ok(piece.length < 300_000, `a piece of ${piece.length} bytes`);
      // An object's bytes are looked at a few times each.
      assert.ok(!isParsed || read < 2_000_000, `${read} bytes were read for a piece of ${piece.length}`);
      read = 0;
    }
  });
}

test('what was made for the length of a list is not made again, but of one list at a time', async () => {
  const options: EncodeOptions = {
    info,
    representation: { ...object, media: 'protobuf' },
    includeObject: 'None',
  };
  const reads = new Map<StoredObject, number>();
  const counted = (): StoredObject[] => {
    // Every second one is parsed, and so read more often.
    const all = items(6_000, 500).filter((_unused, i) => i % 2 === 1);
    for (const item of all) {
      const { json } = item;
      const get = (): Buffer => {
        reads.set(item, (reads.get(item) ?? 0) + 1);
        return json;
      };
      Object.defineProperty(item, 'json', { get });
    }
    return all;
  };
  const timesRead = (all: readonly StoredObject[]): Set<number> =>
    new Set(all.map((item) => reads.get(item) ?? 0));
  const [earlier, later] = [counted(), counted()];
  const [first, second] = [await bodyOf(earlier, meta, options), await bodyOf(later, meta, options)];
  const made = Buffer.concat([...second.pieces]);
  // For the length and for the end of a turn.
  assert.deepEqual(timesRead(later), new Set([2]));
  const late = Buffer.concat([...first.pieces]);
  assert.deepEqual(timesRead(earlier), new Set([3]), 'the first gave up what it kept');
  for (const bytes of [made, late]) assert.ok(bytes.equals(whole(earlier, options.representation, 'None')));
});

test('the length of a list in protobuf is not found out for a client that has gone', async () => {
  const all = items(20_000, 500);
  const options: EncodeOptions = {
    info,
    representation: { ...object, media: 'protobuf' },
    includeObject: 'None',
  };
  let asked = 0;
  assert.equal(await listBody(all, meta, options, () => ++asked === 2), undefined);
  assert.equal(asked, 2);
  assert.equal(all.at(-1)?.protobufBytes, 0);
});

test('others have their turn while the length of a list in protobuf is found out', async () => {
  let turns = 0;
  const count = (): void => {
    turns++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  const representation = { ...object, media: 'protobuf' } as const;
  await bodyOf(items(20_000, 500), meta, { info, representation, includeObject: 'None' });
  clearImmediate(timer);
  assert.ok(turns > 3, `${turns} turns`);
});

test('a list in protobuf does not begin with a length that is not its own', async () => {
  const [item] = items(1, 10);
  assert.ok(item);
  const representation = { ...object, media: 'protobuf' } as const;
  item.protobufBytes = 5;
  const { pieces } = await bodyOf([item], meta, { info, representation, includeObject: 'None' });
  assert.throws(() => [...pieces], /bytes in protobuf, not 5/);
});

test('what is stored in another shape than it is shown in has its view made when it is written', async () => {
  const events = registry.lookup('events.k8s.io', 'v1', 'events');
  assert.ok(events);
  const all = Array.from({ length: 3 }, (_unused, i) => {
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `e${i}`, namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'p' },
      message: 'it began',
      reason: 'Begun',
      type: 'Normal',
    };
    return new StoredObject(`/registry/events/default/e${i}`, Buffer.from(JSON.stringify(event)), 7, 7);
  });
  const views = all.map((stored) => viewOf(events, stored).object());
  const items = views.map(({ apiVersion: _apiVersion, kind: _kind, ...rest }) => rest);
  assert.deepEqual(items[0]?.['regarding'], { kind: 'Pod', name: 'p' });
  const list = { kind: 'EventList', apiVersion: 'events.k8s.io/v1', metadata: meta, items };
  const made = async (representation: Representation): Promise<Buffer> => {
    const { pieces } = await bodyOf(all, meta, { info: events, representation, includeObject: 'None' });
    return Buffer.concat([...pieces]);
  };
  assert.deepEqual(JSON.parse((await made(object)).toString()), JSON.parse(JSON.stringify(list)));
  const protobuf = { ...object, media: 'protobuf' } as const;
  for (const time of ['first', 'second'])
    assert.ok((await made(protobuf)).equals(encodeProtobuf(list)), time);
});
