/** The rules of probes and of the hooks of a container's life: each does one thing. */
import type { Container, HTTPGetAction, LifecycleHandler, Probe } from '../generated/types.ts';
import { checkPortName } from '../names.ts';
import { invalidBy, nonNegative, port, sizeOf } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';

type Watched = Pick<Container, 'lifecycle' | 'livenessProbe' | 'readinessProbe' | 'startupProbe'>;

/** What a container that keeps running is watched by. `grace` is how long its pod may take to end. */
export function validateWatch(container: Watched, at: string, grace: number | undefined): FieldError[] {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  const errors: FieldError[] = [];
  if (lifecycle?.postStart !== undefined)
    errors.push(...action(lifecycle.postStart, `${at}.lifecycle.postStart`, grace));
  if (lifecycle?.preStop !== undefined)
    errors.push(...action(lifecycle.preStop, `${at}.lifecycle.preStop`, grace));
  if (livenessProbe !== undefined) errors.push(...succeedsOnce(livenessProbe, `${at}.livenessProbe`));
  if (readinessProbe !== undefined) {
    const field = `${at}.readinessProbe`;
    errors.push(...probe(readinessProbe, field));
    const own = readinessProbe.terminationGracePeriodSeconds;
    if (own !== undefined)
      errors.push(
        invalid(`${field}.terminationGracePeriodSeconds`, own, 'must not be set for readinessProbes'),
      );
  }
  if (startupProbe !== undefined) errors.push(...succeedsOnce(startupProbe, `${at}.startupProbe`));
  return errors;
}

function succeedsOnce(value: Probe, at: string): FieldError[] {
  const errors = probe(value, at);
  if (value.successThreshold !== 1)
    errors.push(invalid(`${at}.successThreshold`, value.successThreshold ?? 0, 'must be 1'));
  return errors;
}

const NUMBERS = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

function probe(value: Probe, at: string): FieldError[] {
  const errors = action(value, at, undefined);
  for (const name of NUMBERS) errors.push(...nonNegative(`${at}.${name}`, value[name]));
  const grace = value.terminationGracePeriodSeconds;
  if (grace !== undefined && sizeOf(grace) <= 0)
    errors.push(invalid(`${at}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  return errors;
}

type Handler = LifecycleHandler & Probe;

/** In upstream's order: what comes after the first is one too many. */
const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

function action(handler: Handler, at: string, grace: number | undefined): FieldError[] {
  const errors: FieldError[] = [];
  let isFirst = true;
  for (const name of HANDLERS) {
    if (handler[name] === undefined) continue;
    if (isFirst) errors.push(...handled(handler, name, `${at}.${name}`, grace));
    else errors.push(forbidden(`${at}.${name}`, 'may not specify more than 1 handler type'));
    isFirst = false;
  }
  if (isFirst) errors.push(required(at, 'must specify a handler type'));
  return errors;
}

function handled(
  { exec, httpGet, tcpSocket, grpc, sleep }: Handler,
  name: (typeof HANDLERS)[number],
  at: string,
  grace: number | undefined,
): FieldError[] {
  if (name === 'exec' && (exec?.command ?? []).length === 0) return [required(`${at}.command`)];
  if (name === 'httpGet' && httpGet !== undefined) return httpAction(httpGet, at);
  if (name === 'tcpSocket' && tcpSocket !== undefined) return portOrName(`${at}.port`, tcpSocket.port);
  if (name === 'grpc' && grpc !== undefined) return portOrName(`${at}.port`, grpc.port);
  if (name === 'sleep' && sleep !== undefined && grace !== undefined) {
    const seconds = sizeOf(sleep.seconds);
    if (seconds < 0 || seconds > sizeOf(grace))
      return [
        invalid(
          at,
          sleep.seconds,
          `must be non-negative and less than terminationGracePeriodSeconds (${grace})`,
        ),
      ];
  }
  return [];
}

const SCHEMES = ['HTTP', 'HTTPS'];
const HEADER_NAME = /^[-A-Za-z0-9]+$/;
const NOT_A_HEADER =
  "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";

function httpAction(
  { path, port: target, scheme, httpHeaders = [] }: HTTPGetAction,
  at: string,
): FieldError[] {
  const errors = path ? [] : [required(`${at}.path`)];
  errors.push(...portOrName(`${at}.port`, target));
  if (!SCHEMES.includes(scheme ?? '')) errors.push(notSupported(`${at}.scheme`, scheme ?? '', SCHEMES));
  for (const { name = '' } of httpHeaders)
    if (!HEADER_NAME.test(name)) errors.push(invalid(`${at}.httpHeaders`, name, NOT_A_HEADER));
  return errors;
}

/** A port's number, or what a port of the container is called. */
export function portOrName(field: string, value: number | string | undefined): FieldError[] {
  if (typeof value === 'string') return invalidBy(checkPortName(value), field, value);
  return port(field, value ?? 0);
}
