/** Tests of upstream's suite that do not pass here, and why: what is missing is said here, or it is a failure. */

export interface Expected {
  readonly names: RegExp;
  readonly why: string;
}

export const expected: readonly Expected[] = [
  {
    names:
      /\[sig-node\] (?:ConfigMap|Secrets) should be consumable (?:via the environment|as environment variable names)/,
    why: 'the shell of Debian’s busybox, which stands in for a newer one, hands on no variable whose name is no identifier of its own; the container is given them',
  },
  {
    names: /\[sig-node\] Pod InPlace Resize /,
    why: 'the kubelet does not resize running containers yet',
  },
  {
    names: /\[sig-scheduling\] SchedulerPreemption \[Serial\] (?:validates|PreemptionExecutionPath) /,
    why: 'the scheduler does not preempt yet',
  },
  {
    names: /\[sig-node\] ImageVolume /,
    why: 'volumes of images are not supported by the kubelet yet',
  },
];

export function reasonFor(name: string): string | undefined {
  return expected.find(({ names }) => names.test(name))?.why;
}
