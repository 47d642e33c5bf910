/** What clients accept: each form, in each media type, with weights and mistakes, of each sort of answer. */
import { type Answer, jsonOf } from '../../calls.ts';
import type { Call } from '../../calls.ts';
import type { Comparison } from '../../comparison.ts';
import { apps, configMap, core, group, patchTypes, post, put, template, widget, widgets } from './world.ts';

const accepted = [
  // kubectl, client-go and its metadata client.
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json',
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  'application/vnd.kubernetes.protobuf,application/json',
  'application/vnd.kubernetes.protobuf',
  'application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1',
  'application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1,application/json;as=Table;g=meta.k8s.io;v=v1',
  'application/yaml',
  'application/yaml;as=Table;g=meta.k8s.io;v=v1',
  'application/yaml;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  // Weights.
  'application/json;q=0.1, application/yaml;q=0.9',
  'application/yaml;q=0.1, application/vnd.kubernetes.protobuf;q=0.2, application/json;q=0.3',
  'application/yaml;q=0',
  'application/json;q=0, application/yaml',
  '*/*;q=0',
  'application/json;q=2',
  'application/yaml;q=x, application/json;q=0.5',
  'text/html;q=0.9, */*;q=0.1',
  'application/xml, text/plain;q=0.9',
  // Spelling.
  'APPLICATION/JSON',
  ' application/json ',
  'application/json;charset=utf-8',
  'application/json;pretty=1',
  'application/json; as=Table; g=meta.k8s.io; v=v1',
  'application/json;AS=Table;g=meta.k8s.io;v=v1',
  'application/json;as=table;g=meta.k8s.io;v=v1',
  'application/json;as=Table',
  'application/json;as=Table;v=v1',
  'application/json;as=Table;g=example.com;v=v1',
  'application/json;as=;g=meta.k8s.io;v=v1',
  'application/json;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  'application/json;stream=watch',
  'application/json;stream=what',
  'application/vnd.kubernetes.protobuf;stream=watch',
  'application/json,,application/yaml',
  ',',
  ';',
  'application',
  '/',
  '*',
  '*/json',
  'application/cbor',
  'application/cbor, application/json',
  'application/cbor-seq',
  'text/event-stream',
];

const dry = 'dryRun=All';

const asked: Readonly<Record<string, Call>> = {
  one: { method: 'GET', path: `${core}/configmaps/accepted` },
  list: { method: 'GET', path: `${core}/configmaps?labelSelector=accepted` },
  nothing: { method: 'GET', path: `${core}/configmaps/none-such` },
  watch: { method: 'GET', path: `${core}/configmaps?labelSelector=accepted&watch=1&timeoutSeconds=1` },
  creation: post(`${core}/configmaps?${dry}`, configMap('x')),
  'wrong creation': post(`${core}/configmaps?${dry}`, configMap('Not A Name')),
  update: put(`${core}/configmaps/accepted?${dry}`, configMap('accepted')),
  patch: {
    method: 'PATCH',
    path: `${core}/configmaps/accepted?${dry}`,
    body: '{}',
    headers: { 'content-type': patchTypes.merge },
  },
  deletion: { method: 'DELETE', path: `${core}/configmaps/accepted?${dry}` },
  'deletion of many': { method: 'DELETE', path: `${core}/configmaps?${dry}&labelSelector=accepted` },
  scale: { method: 'GET', path: `${apps}/deployments/accepted/scale` },
  custom: { method: 'GET', path: `${widgets}/accepted` },
  'custom list': { method: 'GET', path: `${widgets}?fieldSelector=metadata.name%3Daccepted` },
  'custom creation': post(`${widgets}?${dry}`, widget('x')),
  'custom watch': {
    method: 'GET',
    path: `${widgets}?fieldSelector=metadata.name%3Daccepted&watch=1&timeoutSeconds=1`,
  },
  'custom scale': { method: 'GET', path: `${widgets}/accepted/scale` },
  discovery: { method: 'GET', path: `/apis/${group}/v1` },
  version: { method: 'GET', path: '/api' },
  forbidden: { method: 'GET', path: `${core}/configmaps/accepted`, as: 'kubelet-worker-1' },
};

export async function accepts(comparison: Comparison): Promise<void> {
  await comparison.both('map', post(`${core}/configmaps`, configMap('accepted', { accepted: 'yes' })));
  await comparison.both('widget', post(widgets, widget('accepted', { replicas: 1 })));
  await comparison.both(
    'deployment',
    post(`${apps}/deployments`, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'accepted' },
      spec: { selector: { matchLabels: { app: 'x' } }, template: template() },
    }),
  );
  await comparison.all(
    Object.entries(asked).flatMap(([what, call]) =>
      accepted.map((accept) => ({
        title: `${what} as ${accept}`,
        call: { ...call, headers: { ...call.headers, accept } },
      })),
    ),
  );
  await packed(comparison);
}

/** Beyond 128 KiB answers are packed for who takes that. */
async function packed(comparison: Comparison): Promise<void> {
  const big = configMap('packed', {}, { a: 'x'.repeat(200_000) });
  await comparison.both('a big map', post(`${core}/configmaps`, big));
  for (const encoding of [
    'gzip',
    'gzip, deflate, br',
    'deflate',
    'identity',
    '*',
    'gzip;q=0',
    'GZIP',
    'gzip;q=0.5',
  ])
    for (const [what, name] of [
      ['big', 'packed'],
      ['small', 'accepted'],
    ])
      await comparison.compare(
        `${what} with encoding ${encoding}`,
        { method: 'GET', path: `${core}/configmaps/${name}`, headers: { 'accept-encoding': encoding } },
        withoutLongData,
      );
}

/** What was sent comes back; that it did is enough to say. */
function withoutLongData(answer: Answer): Answer {
  const body = jsonOf(answer) as { data?: { a?: string } } | undefined;
  return { ...answer, text: JSON.stringify({ ...body, data: body?.data?.a?.length }) };
}
