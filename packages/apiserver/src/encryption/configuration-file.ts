/** The file of `--encryption-provider-config`: read at start, when what is wrong with it ends the process, and followed. */
import { readFile } from 'node:fs/promises';
import { hashOf } from '../configuration/followed-file.ts';
import { parseEncryptionConfiguration, type ResourceEncryption } from './configuration.ts';

export interface EncryptionFile {
  readonly path: string;
  readonly configuration: readonly ResourceEncryption[];
  readonly hash: string;
}

/** Throws with the reason. */
export async function readEncryptionFile(path: string): Promise<EncryptionFile> {
  const text = await readFile(path, 'utf8');
  return { path, configuration: parseEncryptionConfiguration(text), hash: hashOf(text) };
}
