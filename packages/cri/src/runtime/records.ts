/**
 * What the runtime must remember about sandboxes and containers, one JSON file each, replaced atomically. The files
 * are the truth after a restart; in between, the maps are.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { ContainerConfig, ContainerState, PodSandboxConfig } from '@timonier/grpc/cri';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot, from `/proc/PID/stat`. */
  readonly startTime: string;
}

export interface SandboxRecord {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly runtimeHandler: string;
  /** Nanoseconds since 1970, as all times here. */
  readonly createdAt: number;
  /** `false` from the moment the sandbox is being stopped, or was found dead. */
  readonly ready: boolean;
  readonly pause: ProcessId | undefined;
  /** Pinned namespaces: kind → path. Absent kinds are the host's. */
  readonly namespaces: { readonly net?: string; readonly ipc?: string; readonly uts?: string };
  readonly addresses: readonly string[];
  /** What CNI answered, kept for its DEL. */
  readonly cniResult: unknown;
  readonly cgroup: string;
}

export interface ContainerRecord {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly imageId: string;
  readonly imageRef: string;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly state: ContainerState;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly process: ProcessId | undefined;
  readonly logPath: string;
  readonly cgroup: string;
  readonly stopSignal: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
}

export class Records<T extends { readonly id: string }> {
  readonly #folder: string;
  readonly #what: string;
  readonly #map = new Map<string, T>();

  constructor(folder: string, what: string) {
    this.#folder = folder;
    this.#what = what;
  }

  load(): void {
    mkdirSync(this.#folder, { recursive: true });
    for (const id of readdirSync(this.#folder)) {
      try {
        this.#map.set(id, JSON.parse(readFileSync(join(this.#folder, id, 'record.json'), 'utf8')) as T);
      } catch {
        // A crash came between the folder and its record: nothing was started yet.
        rmSync(join(this.#folder, id), { recursive: true, force: true });
      }
    }
  }

  /** The folder of a record, for files that live as long as it. */
  folder(id: string): string {
    return join(this.#folder, id);
  }

  list(): T[] {
    return [...this.#map.values()];
  }

  find(id: string): T | undefined {
    const exact = this.#map.get(id);
    if (exact !== undefined || id.length < 4) return exact;
    const matches = this.list().filter((record) => record.id.startsWith(id));
    return matches.length === 1 ? matches[0] : undefined;
  }

  /** Throws NOT_FOUND when there is no such record. */
  get(id: string): T {
    const record = this.find(id);
    if (record === undefined) throw new CriError(criStatus.NOT_FOUND, `no ${this.#what} with ID "${id}"`);
    return record;
  }

  put(record: T): T {
    const folder = this.folder(record.id);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'record.json');
    writeFileSync(`${file}.new`, JSON.stringify(record));
    renameSync(`${file}.new`, file);
    this.#map.set(record.id, record);
    return record;
  }

  update(id: string, changes: Partial<T>): T {
    return this.put({ ...this.get(id), ...changes });
  }

  remove(id: string): void {
    this.#map.delete(id);
    rmSync(this.folder(id), { recursive: true, force: true });
  }
}
