/**
 * `timonier kubectl`: what a newcomer on a fresh machine needs of kubectl: get, describe, apply, delete, logs, exec
 * and scale, in kubectl's own spelling. The real kubectl works with the same kubeconfig and does far more.
 */
import { existsSync } from 'node:fs';
import {
  booleanFlag,
  type FlagSet,
  type FlagValues,
  listFlag,
  numberFlag,
  type RunProgram,
  stringFlag,
} from '@timonier/component';
import { clusterNames, readRecord } from '../cluster/record.ts';
import { defaultDataDir } from '../cluster/settings.ts';
import { defineVerb, nameFlag } from '../verbs/verb.ts';
import { apply, remove, scale } from './change.ts';
import { describe } from './describe.ts';
import { get } from './get.ts';
import { exec, logs } from './pod.ts';
import { Session } from './session.ts';

const flags = {
  name: nameFlag,
  kubeconfig: stringFlag('', 'kubeconfig to use instead of the local cluster’s'),
  namespace: stringFlag('', 'namespace'),
  'all-namespaces': booleanFlag(false, 'in all namespaces'),
  output: stringFlag('', 'wide, json, yaml or name'),
  selector: stringFlag('', 'label selector'),
  'field-selector': stringFlag('', 'field selector'),
  'no-headers': booleanFlag(false, 'tables without their first line'),
  filename: listFlag([], 'file or folder of manifests; - for standard input'),
  'dry-run': stringFlag('none', 'server to try without changing anything'),
  wait: booleanFlag(true, 'wait until deleted objects are gone'),
  'ignore-not-found': booleanFlag(false, 'deleting what is not there is no error'),
  replicas: numberFlag(-1, 'how many, for scale'),
  container: stringFlag('', 'container of the pod'),
  follow: booleanFlag(false, 'go on with the log'),
  previous: booleanFlag(false, 'log of the container before its last restart'),
  timestamps: booleanFlag(false, 'log lines with their times'),
  tail: numberFlag(-1, 'that many lines from the end of the log'),
  stdin: booleanFlag(false, 'pass standard input to the command'),
  tty: booleanFlag(false, 'give the command a terminal'),
} satisfies FlagSet;

const short: Readonly<Record<string, string>> = {
  n: 'namespace',
  A: 'all-namespaces',
  o: 'output',
  l: 'selector',
  f: 'filename',
  c: 'container',
  p: 'previous',
  i: 'stdin',
  t: 'tty',
};

const program = defineVerb({
  name: 'kubectl',
  usage: 'VERB …',
  summary: 'the verbs of kubectl that a newcomer needs',
  examples: [
    'timonier kubectl get nodes -o wide',
    'timonier kubectl apply -f deploy/examples/hello.yaml',
    'timonier kubectl get pods -A',
    'timonier kubectl describe deployment/hello',
    'timonier kubectl logs deployment/hello --tail=5',
    'timonier kubectl exec -it POD -- sh',
    'timonier kubectl scale deployment/hello --replicas=6',
    'timonier kubectl delete -f deploy/examples/hello.yaml',
  ],
  flags,
  choice: {
    what: 'verb',
    known: {
      get: 'one object or many, as a table or whole',
      describe: 'an object and what happened to it',
      apply: 'manifests, by server-side apply',
      delete: 'objects by name, by label or of manifests',
      logs: 'what a container printed',
      exec: 'a command in a container',
      scale: 'to so many replicas',
    },
  },
  maxArguments: Number.POSITIVE_INFINITY,
  needsRoot: false,
  run: async (call) => {
    const [verb = '', ...positional] = call.positional;
    const session = new Session(kubeconfigOf(call.flags.kubeconfig, call.flags.name), call.flags.namespace);
    try {
      return await run(session, verb, positional, call.flags);
    } finally {
      await session.client.close();
    }
  },
});

export const kubectl: RunProgram = Object.assign(
  (argv: readonly string[]) => {
    const end = argv.indexOf('--');
    return program(end < 0 ? expandShort(argv) : [...expandShort(argv.slice(0, end)), ...argv.slice(end)]);
  },
  { summary: program.summary },
);

async function run(
  session: Session,
  verb: string,
  positional: readonly string[],
  given: FlagValues<typeof flags>,
): Promise<number> {
  switch (verb) {
    case 'get':
      return get(session, positional, {
        output: given.output,
        selector: given.selector,
        fieldSelector: given['field-selector'],
        allNamespaces: given['all-namespaces'],
        noHeaders: given['no-headers'],
      });
    case 'describe':
      return describe(session, positional);
    case 'apply':
      return apply(session, given.filename, given['dry-run'] === 'server');
    case 'delete':
      return remove(session, positional, {
        files: given.filename,
        selector: given.selector,
        wait: given.wait,
        ignoreNotFound: given['ignore-not-found'],
      });
    case 'logs':
      return logs(session, positional, given);
    case 'exec':
      return exec(session, positional, given);
    default:
      return scale(session, positional, given.replicas);
  }
}

/** kubectl's one-letter flags, alone or together (`-it`), in `logs` `-f` being `--follow`. */
function expandShort(argv: readonly string[]): readonly string[] {
  const isLogs = argv.find((argument) => !argument.startsWith('-')) === 'logs';
  return argv.flatMap((argument) => {
    const match = /^-([a-zA-Z]+)(=.*)?$/.exec(argument);
    const letters = match?.[1] ?? '';
    const names = letters.split('').map((letter) => (isLogs && letter === 'f' ? 'follow' : short[letter]));
    if (match === null || names.length === 0 || names.includes(undefined)) {
      const attached = /^-([nolfc])(.+)$/.exec(argument);
      return attached === null
        ? [argument]
        : [`--${short[attached[1] ?? '']}=${attached[2]?.replace(/^=/, '')}`];
    }
    return names.map((name, i) => `--${name}${i === names.length - 1 ? (match[2] ?? '') : ''}`);
  });
}

function kubeconfigOf(flag: string, cluster: string): string {
  if (flag !== '') return flag;
  const record = readRecord(cluster);
  if (record !== undefined) return record.kubeconfig;
  const fromEnvironment = process.env['KUBECONFIG']?.split(':')[0];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment;
  const stopped = `${defaultDataDir(cluster)}/kubeconfig`;
  const others = clusterNames();
  throw new Error(
    others.length > 0
      ? `no cluster "${cluster}" runs on this machine; running: ${others.join(', ')} (choose with --name)`
      : `no cluster runs on this machine; 'timonier up' starts one${existsSync(stopped) ? ' again' : ''}, or give --kubeconfig`,
  );
}
