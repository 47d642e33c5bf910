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
  if (path === prefix || path.startsWith(`${prefix}/`)) return `${before}${path}${rest}`;
  return `${before}${prefix}${withoutDots(path)}${rest}`;
}

/** Nothing leads out of the program's paths. What is no part of a path is encoded. */
function withoutDots(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  const isFolder = /\/\.{0,2}$/.test(path) && names.length > 0;
  const clean = `/${names.join('/')}${isFolder ? '/' : ''}`;
  return clean.replaceAll(
    /[^!#-;=?-Z\\_a-z~[\]|]/g,
    (letter) => `%${Buffer.from(letter, 'latin1').toString('hex').toUpperCase()}`,
  );
}

/** The body of an answer with its links, if it is a page that can be read: what else it is passes as it is. */
export function pageThrough(links: Links, answer: IncomingMessage): AsyncIterable<Buffer> | undefined {
  const type = answer.headers['content-type']?.split(';')[0]?.trim();
  const coding = codings[answer.headers['content-encoding'] ?? ''];
  if (type !== 'text/html' || coding === undefined) return undefined;
  const rewriter = new HtmlLinks((link) => linkThrough(links, link));
  const [open, close] = coding();
  const streams = [answer, ...open, rewriter, ...close];
  // Who reads the last one hears of what becomes of the others.
  return pipeline(streams, () => undefined) as unknown as AsyncIterable<Buffer>;
}

const codings: Readonly<Record<string, (() => readonly [Transform[], Transform[]]) | undefined>> = {
  '': () => [[], []],
  gzip: () => [[createGunzip()], [createGzip()]],
  deflate: () => [[createInflateRaw()], [createDeflateRaw()]],
};
