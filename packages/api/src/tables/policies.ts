/** Rows of kinds that say who may do what, and what is done about requests. */
import type {
  APIService,
  CertificateSigningRequest,
  FlowSchema,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ObjectMeta,
  ParamKind,
  ParamRef,
  PriorityClass,
  PriorityLevelConfiguration,
  RoleBinding,
  RuntimeClass,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../generated/types.ts';
import { humanDuration } from '../time.ts';
import { NONE, orNone, since, UNSET, type Cell } from './cell.ts';

type Row = Readonly<Record<string, Cell>>;

function base(metadata: ObjectMeta | undefined, now: number): Row {
  return { Name: metadata?.name ?? '', Age: since(metadata?.creationTimestamp, now) };
}

/** Also of cluster role bindings. */
export function roleBindingRow({ metadata, roleRef, subjects }: RoleBinding, now: number): Row {
  const named = (kind: string): string =>
    (subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map(({ namespace, name }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name))
      .join(', ');
  return {
    ...base(metadata, now),
    Role: `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}`,
    Users: named('User'),
    Groups: named('Group'),
    ServiceAccounts: named('ServiceAccount'),
  };
}

function signingState({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean => status?.conditions?.some((c) => c.type === type) ?? false;
  const verdict = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${verdict}${has('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`;
}

export function signingRequestRow(request: CertificateSigningRequest, now: number): Row {
  const { metadata, spec } = request;
  const seconds = spec?.expirationSeconds;
  return {
    ...base(metadata, now),
    SignerName: orNone(spec?.signerName),
    Requestor: spec?.username ?? '',
    RequestedDuration: seconds === undefined ? NONE : humanDuration(seconds * 1000),
    Condition: signingState(request),
  };
}

export function priorityClassRow(priority: PriorityClass, now: number): Row {
  return {
    ...base(priority.metadata, now),
    Value: priority.value ?? 0,
    'Global-Default': priority.globalDefault ?? false,
    PreemptionPolicy: priority.preemptionPolicy ?? 'PreemptLowerPriority',
  };
}

export function runtimeClassRow(runtime: RuntimeClass, now: number): Row {
  return { ...base(runtime.metadata, now), Handler: runtime.handler };
}

export function flowSchemaRow({ metadata, spec, status }: FlowSchema, now: number): Row {
  return {
    ...base(metadata, now),
    PriorityLevel: spec?.priorityLevelConfiguration?.name ?? '',
    MatchingPrecedence: spec?.matchingPrecedence ?? 0,
    DistinguisherMethod: spec?.distinguisherMethod?.type ?? NONE,
    MissingPL: status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
  };
}

export function priorityLevelRow({ metadata, spec }: PriorityLevelConfiguration, now: number): Row {
  const queuing = spec?.limited?.limitResponse?.queuing;
  const shares = (spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares;
  return {
    ...base(metadata, now),
    Type: spec?.type ?? '',
    NominalConcurrencyShares: shares ?? NONE,
    Queues: queuing?.queues ?? NONE,
    HandSize: queuing?.handSize ?? NONE,
    QueueLengthLimit: queuing?.queueLengthLimit ?? NONE,
  };
}

export function apiServiceRow({ metadata, spec, status }: APIService, now: number): Row {
  const available = status?.conditions?.find(({ type }) => type === 'Available');
  const why = available?.status !== 'True' && available?.reason ? ` (${available.reason})` : '';
  return {
    ...base(metadata, now),
    Service: spec?.service ? `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}` : 'Local',
    Available: `${available?.status ?? 'Unknown'}${why}`,
  };
}

export function webhooksRow(
  { metadata, webhooks }: MutatingWebhookConfiguration | ValidatingWebhookConfiguration,
  now: number,
): Row {
  return { ...base(metadata, now), Webhooks: webhooks?.length ?? 0 };
}

function kindText(kind: ParamKind | undefined): string {
  return kind === undefined ? UNSET : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`;
}

function referenceText(reference: ParamRef | undefined): string {
  if (reference === undefined) return UNSET;
  if (reference.name)
    return reference.namespace ? `${reference.namespace}/${reference.name}` : reference.name;
  return reference.selector === undefined ? UNSET : JSON.stringify(reference.selector);
}

export function validatingPolicyRow({ metadata, spec }: ValidatingAdmissionPolicy, now: number): Row {
  return {
    ...base(metadata, now),
    Validations: spec?.validations?.length ?? 0,
    ParamKind: kindText(spec?.paramKind),
  };
}

export function mutatingPolicyRow({ metadata, spec }: MutatingAdmissionPolicy, now: number): Row {
  return {
    ...base(metadata, now),
    Mutations: spec?.mutations?.length ?? 0,
    ParamKind: kindText(spec?.paramKind),
  };
}

export function policyBindingRow(
  { metadata, spec }: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding,
  now: number,
): Row {
  return {
    ...base(metadata, now),
    PolicyName: spec?.policyName ?? '',
    ParamRef: referenceText(spec?.paramRef),
  };
}
