/**
 * Identities on disk: `NAME.crt` (0644) beside `NAME.key` (0600). A file is replaced whole by rename, so a reader
 * never sees half of one; the key goes first, so a certificate on disk always has its key.
 */
import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Identity } from './certificate.ts';

export interface IdentityFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export function identityFiles(directory: string, name: string): IdentityFiles {
  return { certificateFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) };
}

/** The identity, or undefined when either file is missing. Throws when one is there but cannot be read. */
export async function readIdentity(directory: string, name: string): Promise<Identity | undefined> {
  const { certificateFile, keyFile } = identityFiles(directory, name);
  const [certificate, key] = await Promise.all([readOptional(certificateFile), readOptional(keyFile)]);
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

export async function writeIdentity(
  directory: string,
  name: string,
  identity: Identity,
): Promise<IdentityFiles> {
  const files = identityFiles(directory, name);
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await replaceFile(files.keyFile, identity.key, 0o600);
  await replaceFile(files.certificateFile, identity.certificate, 0o644);
  return files;
}

/** Writes a whole file under its final name and mode, or not at all. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(temporary, mode);
  await rename(temporary, path);
}

/** Days, rounded, until the certificate expires; negative once it has. */
export function daysLeft(certificate: string, now = new Date()): number {
  const end = new X509Certificate(certificate).validToDate.getTime();
  return Math.round((end - now.getTime()) / 86_400_000);
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
