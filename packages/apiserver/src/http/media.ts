/**
 * Content negotiation: which media type and which form of the object a client asks for (`Accept`), and which media
 * type it sent (`Content-Type`). See "Representations" of the Kubernetes API.
 */
import type { Exchange } from './exchange.ts';
import { isTrue } from './request-info.ts';
import type { Status } from '@timonier/api';
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
  /** Watches are not offered in YAML. */
  readonly yaml: boolean;
  /** Status and discovery kinds without protobuf schema turn it off. */
  readonly protobuf: boolean;
  /** Of custom resources: types that others have are told all the same. */
  readonly custom?: boolean;
  /** Of watches, whose types are told as those of streams. */
  readonly stream?: boolean;
}

/** Whether a person reads along: they said so, or came with a program for people and did not say otherwise. */
export function wantsPretty(exchange: Pick<Exchange, 'query' | 'header'>): boolean {
  const asked = exchange.query.get('pretty');
  if (asked !== null && asked !== '') return isTrue(asked);
  return /^(?:curl|Wget|Mozilla\/5\.0)/.test(exchange.header('user-agent') ?? '');
}

/** The best representation of what is offered. Throws 406 when nothing fits. */
export function negotiate(accept: string | undefined, offer: Offer, pretty: boolean): Representation {
  const ranges = parseAccept(accept || '*/*');
  let isFormUnknown = false;
  for (const range of ranges) {
    const media = mediaOf(range.type, offer);
    if (media === undefined) continue;
    const as = range.parameters.get('as');
    const isPretty = pretty || range.parameters.get('pretty') === '1';
    if (as === undefined) return { media, form: 'object', metaVersion: 'v1', pretty: isPretty };
    const version = range.parameters.get('v');
    isFormUnknown = true;
    if (!offer.transforms || range.parameters.get('g') !== 'meta.k8s.io') continue;
    if (version !== 'v1' && version !== 'v1beta1') continue;
    if (as === 'Table' && media !== 'protobuf')
      return { media, form: 'table', metaVersion: version, pretty: isPretty };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
      return { media, form: 'metadata', metaVersion: version, pretty: isPretty };
  }
  throw new StatusError(refusal(ranges, offer, isFormUnknown));
}

/**
 * Upstream's router refuses types that none of its routes makes; what is no matter of a route, a form or a stream of what
 * is there, is refused in other words.
 */
function refusal(ranges: readonly MediaRange[], offer: Offer, isFormUnknown: boolean): Status {
  const { custom = false, stream = false } = offer;
  const offered = (['json', 'yaml', 'protobuf'] as const).filter(
    (media) => media === 'json' || offer[media] || (media === 'protobuf' && custom),
  );
  const types = offered.map((media) => contentTypes[media] + (stream ? ';stream=watch' : ''));
  const isRouted = stream && ranges.some(({ type }) => type === contentTypes.yaml);
  return isFormUnknown || custom || isRouted ? formNotAcceptable(types) : notAcceptable(types);
}

/** The media type of a request body; JSON when the client did not say. Throws 415 for others. */
export function bodyMedia(contentType: string | undefined): Media {
  const type = mediaType(contentType);
  if (type === '' || type === contentTypes.json) return 'json';
  if (type === contentTypes.yaml) return 'yaml';
  if (type === contentTypes.protobuf) return 'protobuf';
  throw new StatusError(unsupportedMediaType([contentTypes.json, contentTypes.yaml, contentTypes.protobuf]));
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

function mediaOf(type: string, offer: Offer): Media | undefined {
  if (type === contentTypes.json || type === '*/*' || type === 'application/*') return 'json';
  if (type === contentTypes.yaml && offer.yaml) return 'yaml';
  if (type === contentTypes.protobuf && offer.protobuf) return 'protobuf';
  return undefined;
}

/** What a `Content-Type` says without its parameters, in lower case. */
export function mediaType(contentType: string | undefined): string {
  return contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
}
