import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { unpackLayer } from './layer.ts';
import { scopedPath } from './scoped-path.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

async function tar(...entries: (Partial<Header> & { name: string; content?: string })[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry(header, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function* once(content: Buffer): AsyncIterable<Buffer> {
  yield content;
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-layer-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test(
  'a layer unpacks alike from plain, gzip and zstd, with owners, modes, times and links',
  { skip },
  async () => {
    const mtime = new Date('2020-01-02T03:04:05Z');
    const content = await tar(
      { name: 'dir/', type: 'directory', mode: 0o750, uid: 7, gid: 8, mtime },
      { name: 'dir/tool', mode: 0o4755, uid: 7, gid: 8, mtime, content: 'run' },
      { name: 'dir/hard', type: 'link', linkname: 'dir/tool' },
      { name: 'soft', type: 'symlink', linkname: 'dir/tool' },
      { name: 'pipe', type: 'fifo', mode: 0o600 },
    );
    const diffId = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    for (const packed of [content, gzipSync(content), zstdCompressSync(content)]) {
      await inFolder(async (folder) => {
        assert.equal((await unpackLayer(once(packed), folder)).diffId, diffId);
        const tool = statSync(join(folder, 'dir/tool'));
        assert.deepEqual([tool.mode & 0o7777, tool.uid, tool.gid, tool.nlink], [0o4755, 7, 8, 2]);
        assert.equal(tool.mtime.getTime(), mtime.getTime());
        const dir = statSync(join(folder, 'dir'));
        assert.deepEqual([dir.mode & 0o7777, dir.mtime.getTime()], [0o750, mtime.getTime()]);
        assert.equal(readlinkSync(join(folder, 'soft')), 'dir/tool');
        assert.ok(lstatSync(join(folder, 'pipe')).isFIFO());
      });
    }
  },
);

test('no entry reaches outside the folder, whatever its name or the links before it', { skip }, async () => {
  await inFolder(async (outer) => {
    const folder = join(outer, 'layer');
    mkdirSync(folder);
    writeFileSync(join(outer, 'victim'), 'untouched');
    const content = await tar(
      { name: '../../victim-by-dots', content: 'bad' },
      { name: '/absolute', content: 'fine' },
      { name: 'up', type: 'symlink', linkname: '..' },
      { name: 'up/victim', content: 'bad' },
      { name: 'abs', type: 'symlink', linkname: outer },
      { name: 'abs/victim', content: 'bad' },
      { name: 'self', type: 'symlink', linkname: `${outer}/victim` },
      { name: 'self', content: 'replaces the link' },
      { name: '.wh...', content: '' },
    ).catch(() => Buffer.alloc(0));
    await unpackLayer(once(content), folder).catch((error: Error) =>
      assert.match(error.message, /hides no file/),
    );
    assert.equal(readFileSync(join(outer, 'victim'), 'utf8'), 'untouched');
    assert.ok(!existsSync(join(outer, 'victim-by-dots')) && !existsSync(join(tmpdir(), 'victim-by-dots')));
    assert.equal(readFileSync(join(folder, 'absolute'), 'utf8'), 'fine');
    assert.equal(readFileSync(join(folder, 'self'), 'utf8'), 'replaces the link');
    writeFileSync(join(outer, 'secret'), 'secret');
    const escaping = await tar({ name: 'h', type: 'link', linkname: '../secret' });
    await assert.rejects(unpackLayer(once(escaping), folder), /which is missing/);
  });
});

test(
  'deletions become overlay marks, and a hard link into an earlier layer becomes a copy',
  { skip },
  async () => {
    await inFolder(async (outer) => {
      const [lower, upper] = [join(outer, 'lower'), join(outer, 'upper')];
      mkdirSync(lower);
      mkdirSync(upper);
      writeFileSync(join(lower, 'original'), 'content');
      const content = await tar(
        { name: 'gone/.wh.file', content: '' },
        { name: 'cleared/', type: 'directory' },
        { name: 'cleared/.wh..wh..opq', content: '' },
        { name: 'copy', type: 'link', linkname: 'original' },
      );
      await unpackLayer(once(content), upper, [lower]);
      const mark = lstatSync(join(upper, 'gone/file'));
      assert.ok(mark.isCharacterDevice() && mark.rdev === 0);
      const attributes = execFileSync('python3', [
        '-c',
        'import os,sys; print(os.getxattr(sys.argv[1], "trusted.overlay.opaque").decode())',
        join(upper, 'cleared'),
      ]);
      assert.equal(attributes.toString().trim(), 'y');
      assert.equal(readFileSync(join(upper, 'copy'), 'utf8'), 'content');
    });
  },
);

test('damaged content is refused', { skip }, async () => {
  await inFolder(async (folder) => {
    const content = gzipSync(await tar({ name: 'file', content: 'x'.repeat(100_000) }));
    await assert.rejects(
      unpackLayer(once(content.subarray(0, content.length / 2)), folder),
      /cannot unpack a layer/,
    );
    const forged = await tar({ name: 'x', content: 'y' });
    forged.write('nonsense', 0);
    await assert.rejects(unpackLayer(once(forged), folder), /cannot unpack a layer/);
  });
});

test('a path is followed inside its root, and endless links are an error', async () => {
  await inFolder(async (folder) => {
    mkdirSync(join(folder, 'real'));
    symlinkSync('/real', join(folder, 'absolute'));
    symlinkSync('../../..', join(folder, 'real/up'));
    symlinkSync('loop', join(folder, 'loop'));
    assert.equal(scopedPath(folder, '/absolute/x', { followLast: true }), join(folder, 'real/x'));
    assert.equal(scopedPath(folder, 'real/up/etc', { followLast: true }), join(folder, 'etc'));
    assert.equal(scopedPath(folder, 'absolute', { followLast: false }), join(folder, 'absolute'));
    assert.throws(() => scopedPath(folder, 'loop', { followLast: true }), { code: 'ELOOP' });
  });
});
