/** Headers: who asks, as whom, and for which form of an answer. */
import type { Random } from '../../simulation/random.ts';
import { hostileText, hostileTree, mutated, writeJson } from './values.ts';

const accepts: readonly string[] = [
  'application/json',
  'application/json;as=Table;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, */*',
  'application/vnd.kubernetes.protobuf',
  'application/yaml',
  'text/html, */*;q=NaN',
  ';;;,,,=q;q=0',
  '*/*',
  'application/json;as=Table;g=meta.k8s.io;v=v1beta1',
  'application/json;as=Table;g=meta.k8s.io;v=v9, application/yaml;as=Table;g=meta.k8s.io;v=v1',
  'application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1',
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1;stream=watch',
  'application/yaml;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1',
  'application/json;stream=watch;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  'application/json;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io;v=v2',
  'application/json;pretty=1;as=toString;g=__proto__;v=constructor',
  'application/cbor, application/apply-patch+cbor',
  'application/json;as="Table";g="meta.k8s.io";v="v1"',
];

function acceptOf(random: Random): string {
  if (random.chance(0.02)) return `application/json;as=${hostileHeader(random)};g=meta.k8s.io;v=v1`;
  if (random.chance(0.01))
    return Array.from({ length: random.below(400) }, () => random.pick(accepts))
      .join(',')
      .slice(0, 8_000);
  return random.pick(accepts);
}

export function headersOf(random: Random): Record<string, string> {
  const out: Record<string, string> = { accept: acceptOf(random) };
  const add = (chance: number, name: string, value: () => string): void => {
    if (random.chance(chance)) out[name] = value();
  };
  add(0.05, 'authorization', () =>
    random.pick([
      'Bearer ',
      `Bearer ${hostileHeader(random)}`,
      'Basic YTpi',
      'Bearer a.b.c',
      `Bearer ${token(random)}`,
    ]),
  );
  add(0.03, 'impersonate-user', () => hostileHeader(random));
  add(0.02, 'impersonate-extra-%00', () => hostileHeader(random));
  add(0.02, 'impersonate-group', () => hostileHeader(random));
  add(0.02, 'x-remote-user', () => 'admin');
  add(0.1, 'accept-encoding', () => random.pick(['gzip', 'gzip;q=0', hostileHeader(random)]));
  add(0.05, 'user-agent', () => hostileHeader(random));
  add(0.02, 'timonier-office', () => hostileHeader(random));
  return out;
}

function token(random: Random): string {
  const part = (value: unknown): string => Buffer.from(writeJson(value)).toString('base64url');
  const header = random.pick([
    { alg: 'none' },
    { alg: 'ES256' },
    { alg: 'HS256' },
    [],
    null,
    hostileTree(random),
  ]);
  return `${part(header)}.${part(mutated(random, { iss: 'x', sub: 'y', exp: 9e9 }, 2))}.${part(1)}`.slice(
    0,
    8_000,
  );
}

/** What a header may hold at all. */
export function hostileHeader(random: Random): string {
  return hostileText(random)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, 3_000)
    .trim();
}
