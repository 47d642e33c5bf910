/**
 * Links in what is answered through a proxy: a program that is asked for `/` does not know that its clients see it below
 * `/api/v1/namespaces/…/proxy`. As upstream, the path of `Location` and of links in HTML pages gets that in front, when they lead
 * to the program itself. Relative ones need nothing.
 */
import { pipeline, type Transform } from 'node:stream';
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib';
import type { IncomingMessage } from 'node:http';
import { HtmlLinks } from '../http/html-links.ts';

export interface Links {
  /** What stands before the program's own paths. */
  readonly prefix: string;
  /** Where the program is, with its port. */
  readonly host: string;
  /** How the client calls this server. */
  readonly ownHost: string;
}

/** RFC 3986, appendix B. */
const parts = /^([^:/?#]+:)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/s;

export function linkThrough({ prefix, host, ownHost }: Links, link: string): string {
  const [, scheme = '', authority, path = '', rest = ''] = parts.exec(link) ?? [];
  const isElsewhere = authority !== undefined && authority !== host && authority !== ownHost;
  if (isElsewhere || !path.startsWith('/') || (scheme !== '' && authority === undefined)) return link;
  const before = authority === undefined || authority === host ? '' : `${scheme}//${authority}`;
  const isThrough = path === prefix || path.startsWith(`${prefix}/`);
  const own = isThrough ? path.slice(prefix.length) : path;
  if (isThrough && !hasUpward.test(own)) return `${before}${path}${rest}`;
  return `${before}${prefix}${withoutDots(own)}${rest}`;
}

/** Names that browsers take for `.` and `..`, between what they take for slashes (URL Standard, 4.1 and 4.4). */
const here = /^(?:\.|%2e)$/i;
const upward = /^(?:\.|%2e){2}$/i;
const slashes = /[\\/]/;
const hasUpward = /[\\/](?:\.|%2e){2}(?:[\\/]|$)/i;

/** Nothing leads out of the program's paths. What is no part of a path is encoded. */
function withoutDots(path: string): string {
  const names: string[] = [];
  let last = '';
  for (const name of path.split(slashes)) {
    if (upward.test(name)) names.pop();
    else if (name !== '' && !here.test(name)) names.push(name);
    last = name;
  }
  const isFolder = names.length > 0 && (last === '' || here.test(last) || upward.test(last));
  const clean = `/${names.join('/')}${isFolder ? '/' : ''}`;
  return clean.replaceAll(
    /[^!#-;=?-Z\\_a-z~[\]|]/g,
    (letter) => `%${Buffer.from(letter, 'latin1').toString('hex').toUpperCase()}`,
  );
}

/** The body of an answer with its links, if it is a page that can be read: what else it is passes as it is. */
export function pageThrough(links: Links, answer: IncomingMessage): AsyncIterable<Buffer> | undefined {
  const type = answer.headers['content-type']?.split(';')[0]?.trim();
  const name = answer.headers['content-encoding'] ?? '';
  const coding = Object.hasOwn(codings, name) ? codings[name] : undefined;
  if (type !== 'text/html' || coding === undefined || hasNoBody(answer.statusCode ?? 0)) return undefined;
  const rewriter = new HtmlLinks((link) => linkThrough(links, link));
  const [open, close] = coding();
  const streams = [answer, ...open, rewriter, ...close];
  // Who reads the last one hears of what becomes of the others.
  return pipeline(streams, () => undefined) as unknown as AsyncIterable<Buffer>;
}

/** Nothing is no packed page, and would break off. */
function hasNoBody(status: number): boolean {
  return status < 200 || status === 204 || status === 304;
}

const codings: Readonly<Record<string, (() => readonly [Transform[], Transform[]]) | undefined>> = {
  '': () => [[], []],
  gzip: () => [[createGunzip()], [createGzip()]],
  deflate: () => [[createInflateRaw()], [createDeflateRaw()]],
};
