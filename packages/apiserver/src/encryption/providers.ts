/**
 * How values are sealed: upstream's forms, `k8s:enc:CIPHER:v1:KEY:` before what the cipher makes. AES-GCM takes the
 * storage key as additional data, so that a value moved to another key does not open. AES-CBC cannot tell that somebody
 * changed a value; it is there to read what others wrote.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export interface Provider {
  /** What its values begin with; empty for those that are not sealed. */
  readonly prefix: Buffer;
  readonly seal: (key: string, value: Buffer) => Buffer;
  /** Of a value with its prefix. Throws when it does not open. */
  readonly open: (key: string, value: Buffer) => Buffer;
}

const sealedMark = Buffer.from('k8s:enc:');
const nonceBytes = 12;
const tagBytes = 16;
const blockBytes = 16;

export const identity: Provider = {
  prefix: Buffer.alloc(0),
  seal: (_key, value) => value,
  open: (_key, value) => value,
};

export function isSealed(value: Buffer): boolean {
  return value.subarray(0, sealedMark.length).equals(sealedMark);
}

export function aesGcm(name: string, secret: Buffer): Provider {
  const prefix = Buffer.from(`k8s:enc:aesgcm:v1:${name}:`);
  const algorithm = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm';
  return {
    prefix,
    seal: (key, value) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, secret, nonce);
      cipher.setAAD(Buffer.from(key));
      return Buffer.concat([prefix, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
    },
    open: (key, value) => {
      const sealed = value.subarray(prefix.length);
      if (sealed.length < nonceBytes + tagBytes)
        throw new Error('the stored data was shorter than the required size');
      const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, nonceBytes));
      decipher.setAAD(Buffer.from(key));
      decipher.setAuthTag(sealed.subarray(-tagBytes));
      const body = sealed.subarray(nonceBytes, -tagBytes);
      try {
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch (error) {
        throw new Error('message authentication failed: the key is another one, or the value was changed', {
          cause: error,
        });
      }
    },
  };
}

export function aesCbc(name: string, secret: Buffer): Provider {
  const prefix = Buffer.from(`k8s:enc:aescbc:v1:${name}:`);
  const algorithm = `aes-${secret.length * 8}-cbc`;
  return {
    prefix,
    seal: (_key, value) => {
      const vector = randomBytes(blockBytes);
      const cipher = createCipheriv(algorithm, secret, vector);
      return Buffer.concat([prefix, vector, cipher.update(value), cipher.final()]);
    },
    open: (_key, value) => {
      const sealed = value.subarray(prefix.length);
      if (sealed.length < 2 * blockBytes)
        throw new Error('the stored data was shorter than the required size');
      const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, blockBytes));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(blockBytes)), decipher.final()]);
      } catch (error) {
        throw new Error('invalid padding on input: the key is another one, or the value was changed', {
          cause: error,
        });
      }
    },
  };
}
