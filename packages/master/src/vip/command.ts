/**
 * `timonier vip`: holds the cluster's address while this host's master holds the office. A process of its own, small
 * enough that nothing else can delay a refresh.
 */
import { defineComponent, stringFlag, UsageError } from '@timonier/component';
import { OfficeClient } from '@timonier/client/office';
import { bootTimeMs } from '@timonier/linux/clock';
import { Counter, Gauge } from 'prom-client';
import { isIPv4 } from 'node:net';
import { gateMs, refreshMs, VipHolder } from './holder.ts';

export const command = defineComponent({
  name: 'vip',
  summary: 'holds the cluster’s address while the office is held on this host',
  examples: ['timonier vip --address 10.0.0.100 --interface eth0 --office-socket /run/timonier/office.sock'],
  flags: {
    address: stringFlag('', 'the IPv4 address to hold'),
    interface: stringFlag('eth0', 'link that carries it'),
    'office-socket': stringFlag(
      '/run/timonier/office.sock',
      'where the supervisor says who holds the office',
    ),
  },
  opsAddress: '0.0.0.0:10243',
  run: async ({ flags, log, metrics, health, shutdown }) => {
    if (!isIPv4(flags.address))
      throw new UsageError(`--address must be an IPv4 address, not "${flags.address}"`);
    const errors = new Counter({
      name: 'timonier_vip_errors_total',
      help: 'Kernel operations on the address that failed.',
      registers: [metrics],
    });
    let failure: Error | undefined;
    const fail = (error: Error): void => {
      failure = error;
      errors.inc();
      log.error({ err: error }, 'the kernel refused');
    };
    const holder = new VipHolder({ address: flags.address, interface: flags.interface, onError: fail });
    const held: Gauge = new Gauge({
      name: 'timonier_vip_held',
      help: '1 while this host holds the address.',
      registers: [metrics],
      collect: () => held.set(holder.held ? 1 : 0),
    });
    health.addReady('kernel', () => {
      if (failure !== undefined) throw failure;
    });
    holder.prepare();
    shutdown.add('address', () => holder.close());
    const office = new OfficeClient(flags['office-socket']);
    shutdown.add('office', () => office.close());

    const look = (): void => {
      const before = holder.held;
      try {
        if (office.holds()) holder.refresh(bootTimeMs(), office.state.leaseUntil - bootTimeMs());
        else holder.release();
        failure = undefined;
      } catch (error) {
        // The kernel's own timeouts close what could not be closed here.
        fail(error instanceof Error ? error : new Error(String(error)));
      }
      if (before !== holder.held)
        log.info({ address: flags.address }, holder.held ? 'took the address' : 'let go');
    };
    office.onChange(look);
    const timer = setInterval(look, refreshMs);
    shutdown.add('refresh', () => clearInterval(timer));
    log.info({ address: flags.address, interface: flags.interface, gateMs }, 'following the office');
  },
});
