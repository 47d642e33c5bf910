/** What is wrong with the names of a definition: its own, its group's, those of its kind, and who approved of them. */
import { type FieldError, fieldErrors } from '@timonier/api';
import { checkDns1035Label, checkDns1123Subdomain } from '@timonier/api/names';
import type { Definition } from './definition-types.ts';

const { invalid, required } = fieldErrors;

type Names = Definition['spec']['names'];

const approval = 'api-approved.kubernetes.io';

/** What is wrong with a name that is a DNS-1035 label, or ''. */
export function labelProblem(text: string): string {
  return checkDns1035Label(text).join(',');
}

export function validateGroup(group: string): FieldError[] {
  if (group === '') return [required('spec.group')];
  const problem = checkDns1123Subdomain(group).join(',');
  if (problem !== '') return [invalid('spec.group', group, problem)];
  return group.includes('.')
    ? []
    : [invalid('spec.group', group, 'should be a domain with at least one dot')];
}

/** The name of a new definition follows from what it defines. */
export function validateOwnName({ metadata, spec }: Definition): FieldError[] {
  const name = metadata?.name ?? '';
  // That there is none is told of every object.
  return name === '' || name === `${spec.names.plural}.${spec.group}`
    ? []
    : [invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group')];
}

export function validateNames(given: Partial<Names>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: string, value: string): void => {
    const problem = labelProblem(value);
    if (value !== '' && problem !== '') errors.push(invalid(`${path}.${field}`, value, problem));
  };
  const checkKind = (field: 'kind' | 'listKind'): void => {
    const value = given[field] ?? '';
    const problem = labelProblem(value.toLowerCase());
    if (value !== '' && problem !== '')
      errors.push(
        invalid(`${path}.${field}`, value, `may have mixed case, but should otherwise match: ${problem}`),
      );
  };
  check('plural', given.plural ?? '');
  check('singular', given.singular ?? '');
  checkKind('kind');
  checkKind('listKind');
  for (const [i, name] of (given.shortNames ?? []).entries()) shortName(`shortNames[${i}]`, name);
  if (given.kind && given.kind === given.listKind)
    errors.push(invalid(`${path}.listKind`, given.listKind, 'kind and listKind may not be the same'));
  for (const [i, name] of (given.categories ?? []).entries()) shortName(`categories[${i}]`, name);
  return errors;

  function shortName(field: string, name: string): void {
    const problem = labelProblem(name);
    if (problem !== '') errors.push(invalid(`${path}.${field}`, name, problem));
  }
}

/** Groups of Kubernetes itself may not be taken without its leave, or the word that one does without. */
export function validateApproval({ spec, metadata }: Definition, old: Definition | undefined): FieldError[] {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec.group)) return [];
  const value = metadata?.annotations?.[approval] ?? '';
  const state = stateOf(value);
  if (old !== undefined && stateOf(old.metadata?.annotations?.[approval] ?? '') === state) return [];
  const hint = 'see https://github.com/kubernetes/enhancements/pull/1111';
  const field = `metadata.annotations[${approval}]`;
  if (state === 'missing')
    return [required(field, `protected groups must have approval annotation "${approval}", ${hint}`)];
  return state === 'invalid'
    ? [
        invalid(
          field,
          value,
          `protected groups must have approval annotation "${approval}" with either a URL or a reason starting with "unapproved", ${hint}`,
        ),
      ]
    : [];
}

function stateOf(value: string): string {
  if (value === '') return 'missing';
  if (value.startsWith('unapproved')) return 'unapproved';
  return URL.canParse(value) ? 'approved' : 'invalid';
}
