/** Bodies: objects in every media type, damaged ones, and some that mean nothing or too much. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { encodeProtobuf } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { stringify } from 'yaml';
import type { Random } from '../../simulation/random.ts';
import { nestedSchemas } from './bombs.ts';
import { hostileHeader } from './headers.ts';
import { lyingProtobuf } from './protobuf-lies.ts';
import { writeJson } from './values.ts';

const media = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const;

export interface EncodedBody {
  readonly type: string;
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export function encodedBody(random: Random, value: unknown): EncodedBody {
  const type = random.pick(media);
  let bytes = bytesOf(random, type, value);
  if (type === media[2] && random.chance(0.3)) bytes = lyingProtobuf(random, bytes);
  else if (random.chance(0.1)) bytes = damaged(random, bytes);
  if (random.chance(0.02)) bytes = garbage(random);
  const { coding, bytes: coded } = codedBody(random, bytes);
  return {
    type: typeOf(random, type),
    bytes: coded,
    headers: coding === undefined ? {} : { 'content-encoding': coding },
  };
}

/** Types with parameters that change nothing, or should. */
function typeOf(random: Random, type: string): string {
  if (random.chance(0.9)) return type;
  return random.pick([
    ...media,
    `${type}; charset=utf-8`,
    `${type};charset="UTF-8"; x`,
    `${type}; charset=utf-16le`,
    `${type}; charset=${hostileHeader(random).slice(0, 100)}`,
    `${type};stream=watch`,
    `${type}, ${type}`,
    type.toUpperCase(),
    ` ${type} ;`,
    hostileHeader(random),
    '',
  ]);
}

/** Bodies in codings, and some that only say so. */
function codedBody(random: Random, bytes: Buffer): { readonly coding?: string; readonly bytes: Buffer } {
  if (random.chance(0.96)) return { bytes };
  const coding = random.pick([
    'gzip',
    'gzip',
    'deflate',
    'br',
    'identity',
    'gzip, gzip',
    'zstd',
    hostileHeader(random).slice(0, 50),
  ]);
  if (random.chance(0.4)) return { coding, bytes };
  // A few kilobytes that are tens of megabytes.
  if (random.chance(0.1)) return { coding: 'gzip', bytes: gzipSync(Buffer.alloc(40 << 20, ' ')) };
  if (coding === 'deflate') return { coding, bytes: deflateSync(bytes) };
  return { coding, bytes: coding === 'br' ? brotliCompressSync(bytes) : gzipSync(bytes) };
}

function bytesOf(random: Random, type: (typeof media)[number], value: unknown): Buffer {
  if (type === media[0]) return Buffer.from(writeJson(value));
  if (type === media[1]) {
    const text = stringify(JSON.parse(JSON.stringify(value ?? null)));
    return Buffer.from(random.chance(0.1) ? `a: &a [*a, ${'{x: '.repeat(random.below(500))}\n${text}` : text);
  }
  try {
    return encodeProtobuf(value as ApiObject);
  } catch {
    // What cannot be said in protobuf goes as the bytes of its JSON, behind the right magic.
    return Buffer.concat([Buffer.from('k8s\0'), Buffer.from(JSON.stringify(value ?? null))]);
  }
}

function damaged(random: Random, bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  for (let i = 0; i < 1 + random.below(4) && out.length > 0; i++)
    out[random.below(out.length)] = random.below(256);
  return random.chance(0.3) ? out.subarray(0, random.below(out.length + 1)) : out;
}

/** Bodies that mean nothing, or too much. */
export function garbage(random: Random): Buffer {
  const depth = random.below(20_000);
  switch (random.below(9)) {
    case 0:
      return Buffer.from(Array.from({ length: random.below(500) }, () => random.below(256)));
    case 1:
      return Buffer.from('['.repeat(depth));
    case 2:
      return Buffer.from(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
    case 3:
      return Buffer.from(`{${'"a":1,'.repeat(depth)}"a":2}`);
    case 4: {
      const levels = 2 + random.below(12);
      const lines = Array.from({ length: levels }, (_, i) =>
        i === 0
          ? 'a0: &a0 [x, x]'
          : `a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join()}]`,
      );
      return Buffer.from(lines.join('\n'));
    }
    case 5:
      // A message in a message in a message, each with the length of all that follows.
      return nestedSchemas(random.below(3_000));
    case 6:
      return Buffer.from(
        `{"metadata":{"name":"big","annotations":{"a":"${'x'.repeat(random.below(400_000))}"}}}`,
      );
    case 7:
      return Buffer.from([0x6b, 0x38, 0x73, 0, 0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3]);
    default:
      return Buffer.from(
        random.pick([
          '',
          ' ',
          'null',
          '1',
          '"x"',
          '[]',
          '{}',
          '---\n---\n',
          '%YAML 9.9\n---\n',
          '\u{feff}{}',
          '{"a":1}x',
        ]),
      );
  }
}
