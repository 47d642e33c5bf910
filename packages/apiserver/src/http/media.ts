/**
 * Content negotiation: which media type and which form of the object a client asks for (`Accept`), and which media
 * type it sent (`Content-Type`). See "Representations" of the Kubernetes API.
 */
import { offered } from './list-fields.ts';
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
  /** Of metadata, that those of a list were asked for. */
  readonly isOfList?: boolean;
}

export const contentTypes: Readonly<Record<Media, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

/** One of the types in an `Accept` header. */
interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

export interface Offer {
  /** Whether tables and partial metadata are offered. */
  readonly transforms: boolean;
  /** Custom resources have none, but for their metadata, and are refused in other words. */
  readonly protobuf: boolean;
  /** Whether there is a route that is found by what it produces: as where there is protobuf, unless told. */
  readonly isRouted?: boolean;
  /** What is listed can be watched, and that is one route. */
  readonly isCollection: boolean;
  /** Events have no form in YAML. */
  readonly isWatch: boolean;
}

/** What of a request says how its answer is to look. */
interface Asking {
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
}

/** Whether a person reads along: they said so, or came with a program for people and did not say otherwise. */
export function wantsPretty(exchange: Asking): boolean {
  const asked = exchange.query.get('pretty');
  if (asked !== null && asked !== '') return isTrue(asked);
  return /^(?:curl|Wget|Mozilla\/5\.0)/.test(exchange.header('user-agent') ?? '');
}

/** Whoever takes several gets the first. */
const medias = ['json', 'yaml', 'protobuf'] as const;
const types: readonly string[] = medias.map((media) => contentTypes[media]);
const streamTypes = (['json', 'protobuf'] as const).map((media) => `${contentTypes[media]};stream=watch`);

/** The best representation of what is offered. Throws 406 when nothing fits, in the words of upstream's stage that refuses it. */
export function negotiate(accept: string | undefined, offer: Offer, pretty: boolean): Representation {
  const header = accept || '*/*';
  const { ranges, isRouted } = acceptedBy(header);
  if ((offer.isRouted ?? offer.protobuf) && !isRouted)
    throw new StatusError(notAcceptable(offer.isCollection ? [...types, ...streamTypes] : types));
  for (const range of ranges)
    for (const media of medias) {
      if (!isAccepted(range, contentTypes[media])) continue;
      const form = formOf(media, range.parameters, offer);
      if (form === undefined) continue;
      if (offer.isWatch && media === 'yaml') throw new StatusError(formNotAcceptable(streamTypes));
      return { media, ...form, pretty: pretty || range.parameters.get('pretty') === '1' };
    }
  throw new StatusError(formNotAcceptable(types));
}

/** Whether any type is one that is served, whatever else is said of it: built-in kinds are found by that. */
function hasRoute(header: string): boolean {
  return offered(header).some((item) => {
    const type = (item.split(';', 1)[0] ?? '').trim();
    return type === '*/*' || type === 'application/*' || types.includes(type);
  });
}

/** Whether a range of media types, such as `application/*`, has this one in it. */
export function isAccepted({ type, subtype }: Pick<MediaRange, 'type' | 'subtype'>, media: string): boolean {
  if (`${type}/${subtype}` === media) return true;
  return subtype === '*' && (type === '*' || media.startsWith(`${type}/`));
}

/** What the parameters of a media type ask for; undefined when that is not offered. */
function formOf(
  media: Media,
  parameters: ReadonlyMap<string, string>,
  { transforms, protobuf }: Offer,
): Omit<Representation, 'media' | 'pretty'> | undefined {
  const stream = parameters.get('stream');
  if (stream !== undefined && (stream !== 'watch' || media === 'yaml')) return undefined;
  if ((parameters.get('sv') ?? 'v1') !== 'v1') return undefined;
  const isObject = !['as', 'g', 'v'].some((name) => parameters.has(name));
  if (isObject) return media === 'protobuf' && !protobuf ? undefined : { form: 'object', metaVersion: 'v1' };
  const metaVersion = parameters.get('v');
  if (!transforms || parameters.get('g') !== 'meta.k8s.io') return undefined;
  if (metaVersion !== 'v1' && metaVersion !== 'v1beta1') return undefined;
  const as = parameters.get('as');
  if (as === 'Table' && media !== 'protobuf') return { form: 'table', metaVersion };
  if (as === 'PartialObjectMetadata') return { form: 'metadata', metaVersion, isOfList: false };
  if (as === 'PartialObjectMetadataList') return { form: 'metadata', metaVersion, isOfList: true };
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

interface Accepted {
  readonly ranges: readonly MediaRange[];
  readonly isRouted: boolean;
}

/** What was made of a header before: there are few that clients send, and longer ones are not kept. */
const known = new Map<string, Accepted>();
const mostKnown = 256;
const longestKnown = 512;

function acceptedBy(accept: string): Accepted {
  let accepted = known.get(accept);
  if (accepted !== undefined) return accepted;
  accepted = { ranges: parseAccept(accept), isRouted: hasRoute(accept) };
  if (accept.length > longestKnown) return accepted;
  if (known.size >= mostKnown) known.clear();
  known.set(accept, accepted);
  return accepted;
}

/**
 * The types of an `Accept` header, those first that upstream takes first: by weight, and whatever has a wildcard behind what
 * has none. As there, a weight of 0 forbids nothing, one that is no number is 0, and what is no type is left out.
 */
export function parseAccept(accept: string): readonly MediaRange[] {
  const ranges = offered(accept).flatMap((item): MediaRange[] => {
    const [range = '', ...parameters] = offered(item, ';');
    const [type = '', subtype = '', ...more] = range.split('/', 3).map((part) => part.trim());
    const isAny = type === '*' && subtype === '';
    if ((subtype === '' && !isAny) || more.length > 0) return [];
    const map = new Map<string, string>();
    for (const parameter of parameters) {
      const [name = '', value = '', ...others] = parameter.split('=', 3);
      if (value !== '' && others.length === 0)
        map.set(name.trim(), name.trim() === 'q' ? value : value.trim());
    }
    const weight = map.get('q') ?? '1';
    const quality = decimal.test(weight) ? Number(weight) : 0;
    return [{ type, subtype: isAny ? '*' : subtype, parameters: map, quality }];
  });
  return ranges.length > mostInserted ? ranges.sort((a, b) => b.quality - a.quality) : sorted(ranges);
}

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Beyond so many upstream's own sort depends on how they are divided. */
const mostInserted = 12;

/** By insertion: what comes before what is no order in which every sort ends alike. */
function sorted(ranges: readonly MediaRange[]): readonly MediaRange[] {
  const list = [...ranges];
  for (let i = 1; i < list.length; i++)
    for (let j = i; j > 0; j--) {
      const [before, after] = [list[j - 1], list[j]];
      if (before === undefined || after === undefined || !goesFirst(after, before)) break;
      list[j - 1] = after;
      list[j] = before;
    }
  return list;
}

function goesFirst(a: MediaRange, b: MediaRange): boolean {
  if (a.quality > b.quality || (a.type !== '*' && b.type === '*')) return true;
  return a.subtype !== '*' && b.subtype === '*';
}

/** What a `Content-Type` says without its parameters, in lower case. */
export function mediaType(contentType: string | undefined): string {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
