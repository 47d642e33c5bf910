/** The rules of where a webhook is reached: a URL, or a Service with a path and a port. */
import type { ServiceReference } from '../generated/types.ts';
import { checkDns1123Subdomain, checkPortNumber } from '../names.ts';
import { invalid, required, type FieldError } from './field-error.ts';

const FORM = '; desired format: https://host[/path]';

/** The parts of a URL as they are written, without judging or normalising them. */
const PARTS = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/s;

export function webhookUrl(field: string, url: string): FieldError[] {
  const [, scheme = '', authority = '', query = '', fragment = ''] = PARTS.exec(url) ?? [];
  const end = authority.lastIndexOf('@');
  const [user, host] = [authority.slice(0, Math.max(end, 0)), authority.slice(end + 1)];
  if (scheme !== '' && host !== '' && !URL.canParse(url))
    return [required(field, `url must be a valid URL: ${parseProblem(url.slice(0, 200), host)}${FORM}`)];
  const errors: FieldError[] = [];
  if (scheme.toLowerCase() !== 'https')
    errors.push(invalid(field, scheme.toLowerCase(), `'https' is the only allowed URL scheme${FORM}`));
  if (host === '') errors.push(invalid(field, host, `host must be specified${FORM}`));
  if (end >= 0) errors.push(invalid(field, user, 'user information is not permitted in the URL'));
  if (fragment !== '') errors.push(invalid(field, fragment, 'fragments are not permitted in the URL'));
  if (query !== '') errors.push(invalid(field, query, 'query parameters are not permitted in the URL'));
  return errors;
}

/** What Go's parser has against a URL. */
function parseProblem(url: string, host: string): string {
  const [bad] = /[\s"<>^`{|}\\]/.exec(host) ?? [];
  if (bad === undefined) return url;
  return `parse ${JSON.stringify(url.replace(/#.*$/s, ''))}: invalid character ${JSON.stringify(bad)} in host name`;
}

export function webhookService(at: string, service: ServiceReference): FieldError[] {
  const errors = (['name', 'namespace'] as const).flatMap((field) =>
    service[field] ? [] : [required(`${at}.${field}`, `service ${field} is required`)],
  );
  return [...errors, ...webhookEndpoint(at, service)];
}

/** What may be said of a service beside which it is. */
export function webhookEndpoint(at: string, service: ServiceReference): FieldError[] {
  const errors: FieldError[] = [];
  const port = service.port ?? 0;
  const problems = checkPortNumber(port);
  if (problems.length > 0)
    errors.push(invalid(`${at}.port`, port, `port is not valid: ${problems.join(',')}`));
  return [...errors, ...servicePath(`${at}.path`, service.path ?? '')];
}

function servicePath(field: string, path: string): FieldError[] {
  if (path === '' || path === '/') return [];
  if (path === '//') return [invalid(field, path, 'segment[0] may not be empty')];
  const errors: FieldError[] = [];
  if (!path.startsWith('/')) errors.push(invalid(field, path, "must start with a '/'"));
  // Upstream drops the first character whatever it is.
  const segments = path.slice(1).replace(/\/$/, '').split('/');
  for (const [i, segment] of segments.entries()) {
    if (segment === '') errors.push(invalid(field, path, `segment[${i}] may not be empty`));
    else
      for (const text of checkDns1123Subdomain(segment))
        errors.push(invalid(field, path, `segment[${i}]: ${text}`));
  }
  return errors;
}
