/**
 * PROXY protocol version 2 (HAProxy's specification): the header that a passive master puts in front of a client's
 * TCP stream, so that the active one knows where the client is. Only TCP over IPv4 and IPv6 is written; LOCAL and
 * unknown families are read and mean that the address of the connection itself counts.
 */
import { isIPv4, isIPv6 } from 'node:net';

const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
/** Length of the fixed part; the length of the rest is its last two bytes. */
export const fixedHeaderLength = 16;
/** Longer headers are refused: addresses and a few extensions fit many times. */
const maxRestLength = 512;

export interface ProxiedConnection {
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
}

/** The header for a connection; without one, or with addresses of different families, the LOCAL header. */
export function encodeProxyHeader(connection: ProxiedConnection | undefined): Buffer {
  const addresses = connection === undefined ? undefined : encodeAddresses(connection);
  const rest = addresses?.bytes ?? Buffer.alloc(0);
  const header = Buffer.alloc(fixedHeaderLength + rest.length);
  signature.copy(header);
  header[12] = addresses === undefined ? 0x20 : 0x21;
  header[13] = addresses?.family ?? 0;
  header.writeUInt16BE(rest.length, 14);
  rest.copy(header, fixedHeaderLength);
  return header;
}

/** Length of what follows the fixed part. Throws when it is not the start of a version 2 header. */
export function proxyRestLength(fixed: Buffer): number {
  if (fixed.length < fixedHeaderLength || !fixed.subarray(0, 12).equals(signature))
    throw new Error('the connection does not begin with a PROXY protocol v2 header');
  const version = (fixed[12] ?? 0) >> 4;
  if (version !== 2) throw new Error(`PROXY protocol version ${version} is not supported`);
  const length = fixed.readUInt16BE(14);
  if (length > maxRestLength) throw new Error(`a PROXY header of ${length} bytes is too long`);
  return length;
}

/** The connection described by a whole header, or undefined for LOCAL and families other than TCP over IP. */
export function parseProxyHeader(fixed: Buffer, rest: Buffer): ProxiedConnection | undefined {
  const command = (fixed[12] ?? 0) & 0x0f;
  if (command > 1) throw new Error(`unknown PROXY command ${command}`);
  if (command === 0) return undefined;
  const family = fixed[13];
  const size = family === 0x11 ? 4 : family === 0x21 ? 16 : 0;
  if (size === 0) return undefined;
  if (rest.length < 2 * size + 4) throw new Error('the PROXY header ends before its addresses');
  const text = size === 4 ? ipv4Text : ipv6Text;
  return {
    sourceAddress: text(rest.subarray(0, size)),
    destinationAddress: text(rest.subarray(size, 2 * size)),
    sourcePort: rest.readUInt16BE(2 * size),
    destinationPort: rest.readUInt16BE(2 * size + 2),
  };
}

function encodeAddresses(connection: ProxiedConnection): { family: number; bytes: Buffer } | undefined {
  const source = unmapped(connection.sourceAddress);
  const destination = unmapped(connection.destinationAddress);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(connection.sourcePort, 0);
  ports.writeUInt16BE(connection.destinationPort, 2);
  if (isIPv4(source) && isIPv4(destination))
    return { family: 0x11, bytes: Buffer.concat([ipv4Bytes(source), ipv4Bytes(destination), ports]) };
  if (isIPv6(source) && isIPv6(destination))
    return { family: 0x21, bytes: Buffer.concat([ipv6Bytes(source), ipv6Bytes(destination), ports]) };
  return undefined;
}

function unmapped(address: string): string {
  return address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address;
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function ipv4Text(bytes: Buffer): string {
  return bytes.join('.');
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const groups = (text: string | undefined): number[] =>
    text === undefined || text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const left = groups(head);
  const right = groups(tail);
  const all = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
  const bytes = Buffer.alloc(16);
  all.forEach((group, index) => bytes.writeUInt16BE(group, 2 * index));
  return bytes;
}

function ipv6Text(bytes: Buffer): string {
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(':');
}
