/**
 * The cables of a local cluster: a bridge with the machine's own address, a network namespace per host with a veth
 * pair into the bridge, and one nft table that gives the hosts egress. Everything carries a name from the plan, so
 * removal needs no memory of what was made.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runIp } from '@timonier/linux/ip';
import { applyNft } from '@timonier/linux/nftables';
import type { ClusterPlan, HostPlan } from '../cluster/plan.ts';

export async function createSwitch(plan: ClusterPlan): Promise<void> {
  await runIp([
    `link add ${plan.bridge} address ${plan.bridgeMac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `addr add ${plan.gateway}/24 dev ${plan.bridge}`,
    `link set ${plan.bridge} up`,
  ]);
  applyNft(`
    table ip ${plan.nftTable} {
      chain egress {
        type nat hook postrouting priority srcnat;
        ip saddr ${plan.range} oifname != "${plan.bridge}" masquerade
      }
    }
    table bridge ${plan.nftTable} {
      set cut { type ifname; }
      chain forward { type filter hook forward priority 0; iifname @cut drop; oifname @cut drop; }
      chain input { type filter hook input priority 0; iifname @cut drop; }
      chain output { type filter hook output priority 0; oifname @cut drop; }
    }`);
  enableForwarding(plan.spec.name);
}

export async function removeSwitch(plan: ClusterPlan): Promise<void> {
  applyNft(`
    table ip ${plan.nftTable} { }
    delete table ip ${plan.nftTable}
    table bridge ${plan.nftTable} { }
    delete table bridge ${plan.nftTable}`);
  if (existsSync(`/sys/class/net/${plan.bridge}`)) await runIp([`link del ${plan.bridge}`]);
  restoreForwarding(plan.spec.name);
}

/** Makes the host's namespace and plugs its cable in. The inner end is `eth0`, not yet configured. */
export async function plugIn(plan: ClusterPlan, host: HostPlan): Promise<void> {
  await runIp([`netns add ${host.netns}`]);
  await runIp([
    `link add ${host.link} type veth peer name eth0 address ${host.mac} netns ${host.netns}`,
    `link set ${host.link} master ${plan.bridge} up`,
  ]);
}

/** Removes the host's cable and namespace; nothing happens when there are none. */
export async function unplug(host: HostPlan): Promise<void> {
  const commands = [
    ...(existsSync(`/sys/class/net/${host.link}`) ? [`link del ${host.link}`] : []),
    ...(existsSync(`/run/netns/${host.netns}`) ? [`netns del ${host.netns}`] : []),
  ];
  if (commands.length > 0) await runIp(commands, { force: true });
}

export async function setLink(host: HostPlan, state: 'up' | 'down'): Promise<void> {
  await runIp([`link set ${host.link} ${state}`]);
}

/** Silently drops every frame from and to the host, or stops doing so. */
export function cutOff(plan: ClusterPlan, host: HostPlan, cut: boolean): void {
  const element = `element bridge ${plan.nftTable} cut { "${host.link}" }`;
  // Adding first makes removal succeed whether or not the host was cut off.
  applyNft(cut ? `add ${element}` : `add ${element}\ndelete ${element}`);
}

const forwardingDir = '/run/timonier/forwarding';
const forwardingSysctl = '/proc/sys/net/ipv4/ip_forward';

/** Each cluster claims forwarding; the first one notes what the setting was, the last one puts it back. */
function enableForwarding(cluster: string): void {
  mkdirSync(forwardingDir, { recursive: true });
  const original = join(forwardingDir, 'original');
  if (!existsSync(original)) writeFileSync(original, readFileSync(forwardingSysctl, 'utf8'));
  writeFileSync(join(forwardingDir, `by-${cluster}`), '');
  writeFileSync(forwardingSysctl, '1');
}

function restoreForwarding(cluster: string): void {
  if (!existsSync(forwardingDir)) return;
  rmSync(join(forwardingDir, `by-${cluster}`), { force: true });
  if (readdirSync(forwardingDir).some((name) => name.startsWith('by-'))) return;
  const original = join(forwardingDir, 'original');
  if (existsSync(original)) {
    writeFileSync(forwardingSysctl, readFileSync(original, 'utf8').trim());
    rmSync(original);
  }
  rmdirSync(forwardingDir);
}
