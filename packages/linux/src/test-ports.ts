/**
 * TCP ports for servers that tests start, stop and start again. They lie outside of the range from which the kernel
 * serves itself, so that no outgoing connection takes one while its server is away, and stay claimed until the process
 * that asked ends, so that no other test gets the same: an abstract unix socket stands for the claim.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Above well-known services, below node ports (30000) and the kernel's own (32768). */
const first = 11_000;
const count = 19_000;
const attempts = 2_000;
const claims: Server[] = [];

async function canListen(server: Server, where: string | { port: number; host: string }): Promise<boolean> {
  server.listen(where);
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  }
}

/** Ports of 127.0.0.1 that nobody else listens on, and that are this process's until it ends. */
export async function testPorts(wanted: number): Promise<number[]> {
  const ports: number[] = [];
  for (let attempt = 0; attempt < attempts && ports.length < wanted; attempt++) {
    const port = first + Math.floor(Math.random() * count);
    const claim = createServer();
    claim.unref();
    if (!(await canListen(claim, `\0timonier-test-port-${port}`))) continue;
    claims.push(claim);
    const probe = createServer();
    if (!(await canListen(probe, { port, host: '127.0.0.1' }))) continue;
    await new Promise((resolve) => probe.close(resolve));
    ports.push(port);
  }
  if (ports.length < wanted)
    throw new Error(`no ${wanted} free ports were found between ${first} and ${first + count}`);
  return ports;
}

export async function testPort(): Promise<number> {
  const [port = 0] = await testPorts(1);
  return port;
}
