/** The name of who signs certificates: a domain of at least two labels, a slash and a path. */
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { invalid, required, tooLong, type FieldError } from './field-error.ts';

const MAX_PART = 253;

export function signerName(field: string, name: string): FieldError[] {
  if (name === '') return [required(field)];
  const [domain = '', path, ...more] = name.split('/');
  if (path === undefined || more.length > 0)
    return [
      invalid(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    ];
  const errors = domain.length > MAX_PART ? [tooLong(field, MAX_PART)] : [];
  errors.push(...firstProblem(field, domain, checkDns1123Label));
  if (!domain.includes('.'))
    errors.push(invalid(field, domain, 'should be a domain with at least two segments separated by dots'));
  errors.push(...firstProblem(field, path, checkDns1123Subdomain));
  if (name.length > 2 * MAX_PART + 1) errors.push(tooLong(field, 2 * MAX_PART + 1));
  return errors;
}

/** What is wrong with the first label that something is wrong with. */
function firstProblem(field: string, part: string, check: (label: string) => string[]): FieldError[] {
  for (const label of part.split('.')) {
    const texts = check(label);
    if (texts.length > 0)
      return texts.map((text) => invalid(field, part, `validating label ${JSON.stringify(label)}: ${text}`));
  }
  return [];
}
