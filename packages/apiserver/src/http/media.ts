/**
 * Content negotiation: which media type and which form of the object a client asks for (`Accept`), and which media
 * type it sent (`Content-Type`). See "Representations" of the Kubernetes API.
 */
import type { Exchange } from './exchange.ts';
import { isTrue } from './request-info.ts';
import { formNotAcceptable, notAcceptable, StatusError, unsupportedMediaType } from '@timonier/api/statuses';

export type Media = 'json' | 'yaml' | 'protobuf';
export type Form = 'object' | 'table' | 'metadata';

export interface Representation {
  readonly media: Media;
  readonly form: Form;
  /** Version of the `meta.k8s.io` kinds for tables and metadata. */
  readonly metaVersion: 'v1' | 'v1beta1';
  readonly pretty: boolean;
}

export const contentTypes: Readonly<Record<Media, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

export interface Offer {
  /** Whether tables and partial metadata are offered. */
  readonly transforms: boolean;
  /** Custom resources have none, and are refused in other words. */
  readonly protobuf: boolean;
  /** What is listed can be watched, and that is one route. */
  readonly isCollection: boolean;
  /** Events have no form in YAML. */
  readonly isWatch: boolean;
}

/** Whether a person reads along: they said so, or came with a program for people and did not say otherwise. */
export function wantsPretty(exchange: Pick<Exchange, 'query' | 'header'>): boolean {
  const asked = exchange.query.get('pretty');
  if (asked !== null && asked !== '') return isTrue(asked);
  return /^(?:curl|Wget|Mozilla\/5\.0)/.test(exchange.header('user-agent') ?? '');
}

const types = (['json', 'yaml', 'protobuf'] as const).map((media) => contentTypes[media]);
const streamTypes = (['json', 'protobuf'] as const).map((media) => `${contentTypes[media]};stream=watch`);

/** The best representation of what is offered. Throws 406 when nothing fits, in the words of upstream's stage that refuses it. */
export function negotiate(accept: string | undefined, offer: Offer, pretty: boolean): Representation {
  let isKnown = !offer.protobuf;
  let isOfEvents = true;
  for (const { type, parameters } of acceptedBy(accept || '*/*')) {
    const media = mediaOf(type);
    if (media === undefined) continue;
    isKnown = true;
    const form = formOf(media, parameters, offer);
    if (form === undefined) continue;
    if (offer.isWatch && media === 'yaml') {
      isOfEvents = false;
      continue;
    }
    return { media, ...form, pretty: pretty || parameters.get('pretty') === '1' };
  }
  if (!isOfEvents) throw new StatusError(formNotAcceptable(streamTypes));
  if (isKnown) throw new StatusError(formNotAcceptable(types));
  throw new StatusError(notAcceptable(offer.isCollection ? [...types, ...streamTypes] : types));
}

/** What the parameters of a media type ask for; undefined when that is not offered. */
function formOf(
  media: Media,
  parameters: ReadonlyMap<string, string>,
  { transforms, protobuf }: Offer,
): Pick<Representation, 'form' | 'metaVersion'> | undefined {
  if (media === 'protobuf' && !protobuf) return undefined;
  const stream = parameters.get('stream');
  if (stream !== undefined && (stream !== 'watch' || media === 'yaml')) return undefined;
  const as = parameters.get('as');
  if (as === undefined) return { form: 'object', metaVersion: 'v1' };
  const metaVersion = parameters.get('v');
  if (!transforms || parameters.get('g') !== 'meta.k8s.io') return undefined;
  if (metaVersion !== 'v1' && metaVersion !== 'v1beta1') return undefined;
  if (as === 'Table' && media !== 'protobuf') return { form: 'table', metaVersion };
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
    return { form: 'metadata', metaVersion };
  return undefined;
}

/** The media type of a request body; JSON when the client did not say. Throws 415 for others. */
export function bodyMedia(contentType: string | undefined): Media {
  const type = mediaType(contentType);
  if (type === '' || type === contentTypes.json) return 'json';
  if (type === contentTypes.yaml) return 'yaml';
  if (type === contentTypes.protobuf) return 'protobuf';
  throw new StatusError(unsupportedMediaType([contentTypes.json, contentTypes.yaml, contentTypes.protobuf]));
}

/** What was made of a header before: there are few that clients send, and longer ones are not kept. */
const known = new Map<string, readonly MediaRange[]>();
const mostKnown = 256;
const longestKnown = 512;

function acceptedBy(accept: string): readonly MediaRange[] {
  let ranges = known.get(accept);
  if (ranges !== undefined) return ranges;
  ranges = parseAccept(accept);
  if (accept.length > longestKnown) return ranges;
  if (known.size >= mostKnown) known.clear();
  known.set(accept, ranges);
  return ranges;
}

export function parseAccept(accept: string): readonly MediaRange[] {
  const ranges = accept.split(',').map((item): MediaRange => {
    const [type = '', ...parameters] = item.split(';').map((part) => part.trim());
    const map = new Map<string, string>();
    for (const parameter of parameters) {
      const equals = parameter.indexOf('=');
      if (equals > 0) map.set(parameter.slice(0, equals).toLowerCase(), parameter.slice(equals + 1));
    }
    const quality = Number(map.get('q') ?? 1);
    return { type: type.toLowerCase(), parameters: map, quality: Number.isFinite(quality) ? quality : 0 };
  });
  return ranges
    .filter((range) => range.quality > 0 && range.type !== '')
    .sort((a, b) => b.quality - a.quality);
}

function mediaOf(type: string): Media | undefined {
  if (type === contentTypes.json || type === '*/*' || type === 'application/*') return 'json';
  if (type === contentTypes.yaml) return 'yaml';
  return type === contentTypes.protobuf ? 'protobuf' : undefined;
}

/** What a `Content-Type` says without its parameters, in lower case. */
export function mediaType(contentType: string | undefined): string {
  return contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
}
