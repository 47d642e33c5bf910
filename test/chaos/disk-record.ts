/**
 * What would be left of a folder after a loss of power, worked out from what lost-page-cache.c recorded of a process.
 *
 * Two pictures are kept of every file and folder: as its process saw it, and as it was forced out. A sync of a file
 * forces out its bytes and, as on Linux's journalling file systems, the entry it was created under, with the folders
 * above it. Renames and removals are forced out by a sync of their folder alone, which is harsher than those file
 * systems are. Of what was not forced out, each piece of a write is kept or lost as the caller says: a disk writes
 * sectors back in any order.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** As in lost-page-cache.c. */
const type = {
  created: 1,
  written: 2,
  truncated: 3,
  renamed: 4,
  removed: 5,
  synced: 6,
  folderMade: 7,
} as const;
const headerBytes = 24;
const sectorBytes = 512;

/** `data` at `offset`, or, without data, a new size. */
interface Change {
  /** Of its record. */
  readonly number: number;
  readonly offset: number;
  readonly data: Buffer | undefined;
}

interface FileNode {
  readonly kind: 'file';
  readonly live: Content;
  readonly forced: Content;
  /** Changes since the last sync, oldest first. */
  pending: Change[];
  parent: FolderNode | undefined;
}

interface FolderNode {
  readonly kind: 'folder';
  readonly live: Map<string, Node>;
  readonly forced: Map<string, Node>;
  parent: FolderNode | undefined;
}

type Node = FileNode | FolderNode;

/** Files below a folder, by path; folders that hold nothing have no entry. */
export type Tree = ReadonlyMap<string, Buffer>;

/** Whether the piece of an unforced write is on the disk all the same. */
export type Survives = () => boolean;

class Content {
  #bytes: Buffer;
  #size: number;

  constructor(bytes: Buffer) {
    this.#bytes = Buffer.from(bytes);
    this.#size = bytes.length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  apply({ offset, data }: Change): void {
    const end = data === undefined ? offset : Math.max(this.#size, offset + data.length);
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#size);
      this.#bytes = grown;
    }
    // Beyond its end a file reads as zeros when it grows again.
    if (data === undefined) this.#bytes.fill(0, Math.min(this.#size, offset));
    else data.copy(this.#bytes, offset);
    this.#size = end;
  }
}

export class DiskRecord {
  readonly #root: FolderNode = { kind: 'folder', live: new Map(), forced: new Map(), parent: undefined };
  readonly #byInode = new Map<bigint, Node>();
  #count = 0;
  syncs = 0;

  /** Begins with what lies in the folder, all of it taken for forced out. */
  constructor(folder: string) {
    const scan = (path: string, node: FolderNode): void => {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        const full = join(path, entry.name);
        const { ino } = statSync(full, { bigint: true });
        const child: Node = entry.isDirectory() ? newFolder(node) : newFile(node, readFileSync(full));
        if (child.kind === 'folder') scan(full, child);
        node.live.set(entry.name, child);
        node.forced.set(entry.name, child);
        this.#byInode.set(ino, child);
      }
    };
    mkdirSync(folder, { recursive: true });
    this.#byInode.set(statSync(folder, { bigint: true }).ino, this.#root);
    scan(folder, this.#root);
  }

  /** Takes in a journal, whose last record may be cut short by the kill. */
  replay(journal: Buffer): void {
    for (let at = 0; at + headerBytes <= journal.length;) {
      const kind = journal.readUInt32LE(at);
      const bytes = journal.readUInt32LE(at + 4);
      const inode = journal.readBigUInt64LE(at + 8);
      const number = Number(journal.readBigUInt64LE(at + 16));
      at += headerBytes;
      if (at + bytes > journal.length) return;
      this.#apply(kind, inode, number, journal.subarray(at, at + bytes));
      this.#count++;
      at += bytes;
    }
  }

  /** As the process saw it. */
  live(): Tree {
    return flatten(
      this.#root,
      (folder) => folder.live,
      ({ live }) => live.bytes,
    );
  }

  /** As the power left it. */
  left(survives: Survives): Tree {
    return flatten(
      this.#root,
      (folder) => folder.forced,
      (file) => remains(file, survives),
    );
  }

  #apply(kind: number, inode: bigint, number: number, data: Buffer): void {
    if (kind === type.created || kind === type.folderMade) {
      const { folder, name } = this.#locate(data.toString());
      const node = kind === type.created ? newFile(folder) : newFolder(folder);
      folder.live.set(name, node);
      this.#byInode.set(inode, node);
    } else if (kind === type.renamed) {
      const [from = '', to = ''] = data.toString().split('\0');
      const source = this.#locate(from);
      const target = this.#locate(to);
      const node = source.folder.live.get(source.name);
      if (node === undefined) throw new Error(`the record renames ${from}, which is not there`);
      source.folder.live.delete(source.name);
      target.folder.live.set(target.name, node);
      node.parent = target.folder;
    } else if (kind === type.removed) {
      const { folder, name } = this.#locate(data.toString());
      folder.live.delete(name);
    } else {
      const node = this.#byInode.get(inode);
      if (node === undefined) throw new Error(`record ${this.#count} is about a file that nobody made`);
      if (kind === type.synced) this.#synced(node, number);
      else if (node.kind === 'file') {
        const change = {
          number: this.#count,
          offset: number,
          data: kind === type.truncated ? undefined : data,
        };
        node.live.apply(change);
        node.pending.push(change);
      }
    }
  }

  #synced(node: Node, upTo: number): void {
    this.syncs++;
    if (node.kind === 'folder') {
      node.forced.clear();
      for (const [name, child] of node.live) node.forced.set(name, child);
    } else {
      for (const change of node.pending) if (change.number < upTo) node.forced.apply(change);
      node.pending = node.pending.filter(({ number }) => number >= upTo);
    }
    // The way to it, where nothing else lies yet.
    for (
      let child: Node = node, above = node.parent;
      above !== undefined;
      child = above, above = child.parent
    )
      for (const [name, entry] of above.live)
        if (entry === child && !above.forced.has(name) && ![...above.forced.values()].includes(child))
          above.forced.set(name, child);
  }

  #locate(path: string): { folder: FolderNode; name: string } {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    let folder = this.#root;
    for (const part of parts) {
      const next = folder.live.get(part);
      if (next?.kind !== 'folder') throw new Error(`the record names ${path}, whose folder it never made`);
      folder = next;
    }
    return { folder, name };
  }
}

function newFile(parent: FolderNode, bytes: Buffer = Buffer.alloc(0)): FileNode {
  return { kind: 'file', live: new Content(bytes), forced: new Content(bytes), pending: [], parent };
}

function newFolder(parent: FolderNode): FolderNode {
  return { kind: 'folder', live: new Map(), forced: new Map(), parent };
}

/** Pieces end where sectors do, for that is what a disk writes whole. */
function remains(file: FileNode, survives: Survives): Buffer {
  const left = new Content(file.forced.bytes);
  for (const change of file.pending) {
    const { number, offset, data } = change;
    if (data === undefined) {
      if (survives()) left.apply(change);
      continue;
    }
    for (let from = 0; from < data.length;) {
      const to = Math.min(data.length, from + sectorBytes - ((offset + from) % sectorBytes));
      if (survives()) left.apply({ number, offset: offset + from, data: data.subarray(from, to) });
      from = to;
    }
  }
  return left.bytes;
}

function flatten(
  root: FolderNode,
  entries: (folder: FolderNode) => ReadonlyMap<string, Node>,
  content: (file: FileNode) => Buffer,
): Tree {
  const tree = new Map<string, Buffer>();
  const walk = (folder: FolderNode, prefix: string): void => {
    for (const [name, node] of entries(folder))
      if (node.kind === 'file') tree.set(prefix + name, content(node));
      else walk(node, `${prefix}${name}/`);
  };
  walk(root, '');
  return tree;
}

/** Everything below a folder as it is. */
export function readTree(folder: string): Tree {
  const tree = new Map<string, Buffer>();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) {
      const full = join(entry.parentPath, entry.name);
      tree.set(full.slice(folder.length + 1), readFileSync(full));
    }
  return tree;
}

/** Replaces all that lies below a folder. */
export function writeTree(folder: string, tree: Tree): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of tree) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}
