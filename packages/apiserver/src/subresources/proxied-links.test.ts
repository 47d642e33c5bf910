import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { HtmlLinks } from '../http/html-links.ts';
import { linkThrough, pageThrough } from './proxied-links.ts';

const prefix = '/api/v1/namespaces/default/pods/p:80/proxy';
const links = { prefix, host: '192.0.2.2:8080', ownHost: 'api.example:6443' };

test('a link to the program itself leads through the proxy, and others where they led', () => {
  for (const [link, through] of [
    ['/abs', `${prefix}/abs`],
    ['/', `${prefix}/`],
    ['/abs/', `${prefix}/abs/`],
    ['/abs/?q=1&r=/x#f', `${prefix}/abs/?q=1&r=/x#f`],
    ['/a//b/../c', `${prefix}/a/c`],
    ['/../../secrets', `${prefix}/secrets`],
    ['/a b"', `${prefix}/a%20b%22`],
    ['/a%2Fb', `${prefix}/a%2Fb`],
    ['http://192.0.2.2:8080/x', `${prefix}/x`],
    ['https://192.0.2.2:8080/x', `${prefix}/x`],
    ['//192.0.2.2:8080/x', `${prefix}/x`],
    ['http://api.example:6443/x', `http://api.example:6443${prefix}/x`],
    ['//api.example:6443/x', `//api.example:6443${prefix}/x`],
    [`${prefix}/already`, `${prefix}/already`],
    [`${prefix}/a/./b..c/`, `${prefix}/a/./b..c/`],
    [`${prefix}/a/../b?q`, `${prefix}/b?q`],
    ['/%2e%2e/%2E./x', `${prefix}/x`],
    ['/a/..\\..\\x', `${prefix}/x`],
    ['/a/%2e', `${prefix}/a/`],
    ['/a\\b', `${prefix}/a/b`],
    ['http://192.0.2.2/x', 'http://192.0.2.2/x'],
    ['http://other.example/x', 'http://other.example/x'],
    ['//other.example/y', '//other.example/y'],
    ...['rel/x', '', '?q=2', '#f', 'mailto:a@b', 'http://192.0.2.2:8080', 'javascript:/x'].map(
      (link) => [link, link] as const,
    ),
  ] as const)
    assert.equal(linkThrough(links, link), through, link);
});

const page = `<!DOCTYPE html>
<html manifest="/m"><head profile='/p'><base href="/base/"><link rel=stylesheet href=/a.css><script src=/s.js>var a = '<a href="/no">';</script>
<title><a href="/title"></title></head>
<body background="/bg.png"><!-- <a href="/comment"> --> 1 < 2 <a
  title="a > b" HREF = "/up" data-href="/data">ü</a><a href="rel">r</a><div href="/div">d</div>
<img srcset="/no 1x" alt='<a href="/alt">' src='/i.png'/><form action="/f?a=1&amp;b=2"><p a"href="/odd">
<textarea><a href="/ta"></textarea><style>x{background:url(/no)}</style></body></html><a href="/unclosed`;
const changed = page
  .replace('"/m"', '"+/m"')
  .replace("'/p'", '"+/p"')
  .replace('"/base/"', '"+/base/"')
  .replace('=/a.css', '="+/a.css"')
  .replace('=/s.js', '="+/s.js"')
  .replace('"/bg.png"', '"+/bg.png"')
  .replace('"/up"', '"+/up"')
  .replace("'/i.png'", '"+/i.png"')
  .replace('"/f?', '"+/f?');

async function through(text: string, pieceBytes: number): Promise<string> {
  const rewriter = new HtmlLinks((link) => (link.startsWith('/') ? `+${link}` : link));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) rewriter.write(bytes.subarray(at, at + pieceBytes));
  rewriter.end();
  const out: Buffer[] = [];
  for await (const chunk of rewriter as AsyncIterable<Buffer>) out.push(chunk);
  return Buffer.concat(out).toString();
}

test('no path leads out of the program, however it is written', () => {
  for (const up of ['..', '%2e%2e', '.%2E', '%2e.'])
    for (const slash of ['/', '\\'])
      for (const start of ['/', `${prefix}/`, `${prefix}/a/`, `http://192.0.2.2:8080${prefix}/`]) {
        const link = `${start}${`${up}${slash}`.repeat(12)}secrets`;
        const { pathname } = new URL(linkThrough(links, link), 'https://api.example:6443');
        assert.equal(pathname, `${prefix}/secrets`, link);
      }
});

test('what packs a page is no name that every object has', () => {
  for (const coding of ['constructor', 'toString', '__proto__', 'br']) {
    const headers = { 'content-type': 'text/html', 'content-encoding': coding };
    assert.equal(pageThrough(links, { headers, statusCode: 200 } as unknown as IncomingMessage), undefined);
  }
});

test('of a page the links are changed and nothing else, however it comes in pieces', async () => {
  for (const pieceBytes of [1, 2, 3, 7, 64, 10_000]) assert.equal(await through(page, pieceBytes), changed);
});

test('what never ends is passed on and not kept', async () => {
  for (const text of [
    `<a href="${'x'.repeat(100_000)}`,
    `<!--${'x'.repeat(100_000)}`,
    `<${'a'.repeat(100_000)}`,
    `<script>${'x'.repeat(100_000)}`,
  ]) {
    const rewriter = new HtmlLinks(() => 'changed');
    let passed = 0;
    rewriter.on('data', (chunk: Buffer) => (passed += chunk.length));
    for (let at = 0; at < text.length; at += 1_000)
      await new Promise<void>((resolve) => void rewriter.write(text.slice(at, at + 1_000), () => resolve()));
    assert.ok(
      text.length - passed < 20_000,
      `${text.length - passed} bytes are kept of ${text.slice(0, 10)}`,
    );
    rewriter.destroy();
  }
});
