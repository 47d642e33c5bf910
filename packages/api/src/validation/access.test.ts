import { checkRows } from '../testing/rule-rows.ts';

const rbac = 'rbac.authorization.k8s.io';
const roleRef = (kind: string): object => ({ apiGroup: rbac, kind, name: 'r' });
const accounts = [{ kind: 'ServiceAccount', name: 'a' }];
const requests = 'certificates.k8s.io/v1/certificatesigningrequests';
const pem = (type: string, body = 'AAAA'): string =>
  Buffer.from(`-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`).toString('base64');
const asked = {
  spec: { request: pem('CERTIFICATE REQUEST'), usages: ['client auth'], signerName: 'example.com/crew' },
};
const answered = (...conditions: object[]): object => ({ ...asked, status: { conditions } });
const approved = { type: 'Approved', status: 'True' };
const event = {
  metadata: { name: 'e', namespace: 'n' },
  regarding: { kind: 'Pod', namespace: 'n', name: 'p' },
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'example.com/c',
  reportingInstance: 'c-1',
  action: 'Pull',
  reason: 'Pulled',
  type: 'Normal',
};
const events = 'events.k8s.io/v1/events';
const coreEvents = '/v1/events';

checkRows('roles and bindings', [
  {
    of: `${rbac}/v1/roles`,
    value: { rules: [{ verbs: [], apiGroups: [''], nonResourceURLs: ['/x'] }, { verbs: ['get'] }] },
    says: [
      'rules[0].verbs: Required value: verbs must contain at least one value',
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
      'rules[1].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[1].resources: Required value: resource rules must supply at least one resource',
    ],
  },
  {
    of: `${rbac}/v1/rolebindings`,
    value: { roleRef: roleRef('ClusterRole'), subjects: accounts },
    says: [],
  },
  {
    of: `${rbac}/v1/clusterrolebindings`,
    value: {
      roleRef: roleRef('Role'),
      subjects: [...accounts, { kind: 'User', apiGroup: 'x', name: '' }, { kind: 'Robot', name: 'r' }],
    },
    says: [
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
      'subjects[0].namespace: Required value',
      'subjects[1].name: Required value',
      'subjects[1].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
      'subjects[2].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
    ],
  },
]);

checkRows('certificate requests', [
  { of: requests, value: asked, says: [] },
  {
    of: requests,
    value: {
      spec: {
        request: pem('NEW CERTIFICATE REQUEST'),
        usages: ['client auth', 'client auth', 'world domination'],
        signerName: 'kubernetes.io/legacy-unknown',
        expirationSeconds: 599,
      },
    },
    says: [
      `spec.request: Invalid value: "${pem('NEW CERTIFICATE REQUEST')}": PEM block type must be CERTIFICATE REQUEST`,
      'spec.usages[2]: Unsupported value: "world domination": supported values: "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"',
      'spec.usages[1]: Duplicate value: "client auth"',
      'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
      'spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)',
    ],
  },
  {
    of: requests,
    part: 'approval',
    value: answered(approved, { type: 'Denied', status: 'False' }, { type: '', status: 'Maybe' }, approved),
    old: asked,
    says: [
      'status.conditions[1].status: Unsupported value: "False": supported values: "True"',
      'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
      'status.conditions[2].type: Required value',
      'status.conditions[2].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
      'status.conditions: Invalid value: "Approved": Approved and Denied conditions are mutually exclusive',
      'status.conditions[3].type: Duplicate value: "Approved"',
    ],
  },
  {
    of: requests,
    part: 'approval',
    value: answered(),
    old: answered(approved),
    says: ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"'],
  },
  {
    of: requests,
    part: 'status',
    value: { ...asked, status: { certificate: pem('PRIVATE KEY') } },
    old: { ...asked, status: { certificate: pem('CERTIFICATE') } },
    says: [
      'status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "PRIVATE KEY"',
      'status.certificate: Forbidden: updates may not modify existing certificate content',
    ],
  },
  {
    of: requests,
    part: 'status',
    value: { ...asked, status: { certificate: pem('CERTIFICATE') } },
    old: asked,
    says: ['status.certificate: Invalid value: "<certificate data>": x509: malformed certificate'],
  },
  {
    of: requests,
    part: 'status',
    value: { ...asked, status: { certificate: pem('CERTIFICATE', 'A: b\n\nAAAA') } },
    old: asked,
    says: ['status.certificate: Invalid value: "<certificate data>": no PEM block headers are permitted'],
  },
  {
    // What begins and never ends is no block; one of another type behind it is.
    of: requests,
    part: 'status',
    value: {
      ...asked,
      status: {
        certificate: Buffer.from(
          '-----BEGIN A-----\n-----END B-----\n-----BEGIN C-----\nAAAA\n-----END C-----\n',
        ).toString('base64'),
      },
    },
    old: asked,
    says: [
      'status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "C"',
    ],
  },
]);

checkRows('events', [
  { of: events, value: event, says: [] },
  {
    of: events,
    value: {
      metadata: event.metadata,
      regarding: {},
      eventTime: event.eventTime,
      note: 'x'.repeat(1025),
      action: 'x'.repeat(129),
      deprecatedCount: 1,
      deprecatedSource: { host: 'h' },
      series: { count: 1 },
    },
    says: [
      'involvedObject.namespace: Invalid value: "": does not match event.namespace',
      'reportingController: Required value',
      'reportingController: Invalid value: "": name part must be non-empty',
      `reportingController: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      'reportingInstance: Required value',
      'action: Invalid value: "": can have at most 128 characters',
      'reason: Required value',
      'message: Invalid value: "": can have at most 1024 characters',
      'series.count: Invalid value: "": should be at least 2',
      'series.lastObservedTime: Required value',
      'type: Invalid value: "": has invalid value: ',
      'count: Invalid value: "": needs to be unset',
      'source: Invalid value: "": needs to be unset',
    ],
  },
  {
    of: events,
    value: { ...event, reason: 'Other', series: { count: 2, lastObservedTime: event.eventTime } },
    old: event,
    says: ['reason: Invalid value: "Other": field is immutable'],
  },
  {
    of: coreEvents,
    value: { metadata: { name: 'e', namespace: 'kube-system' }, involvedObject: { kind: 'Node' } },
    says: ['involvedObject.namespace: Invalid value: "": does not match event.namespace'],
  },
  {
    of: coreEvents,
    value: {
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'Node' },
      eventTime: event.eventTime,
      reportingComponent: 'a b',
      reportingInstance: 'i',
      action: 'A',
      reason: 'R',
    },
    says: [
      `reportingComponent: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    ],
  },
]);

checkRows('leases and runtime classes', [
  {
    of: 'coordination.k8s.io/v1/leases',
    value: { spec: { strategy: 'Youngest' } },
    says: [
      'spec.strategy.strategy: Unsupported value: "Youngest": supported values: "OldestEmulationVersion"',
    ],
  },
  {
    of: 'coordination.k8s.io/v1/leases',
    value: { spec: { leaseDurationSeconds: 0, leaseTransitions: -1, preferredHolder: 'a' } },
    says: [
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
      'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
      'spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined',
    ],
  },
  {
    of: 'node.k8s.io/v1/runtimeclasses',
    value: {
      handler: 'h',
      overhead: { podFixed: { cpu: '-1', boats: '1' } },
      scheduling: { nodeSelector: { a: 'b c' }, tolerations: [{ key: 'a', operator: 'Like' }] },
    },
    says: [
      'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
      'overhead.limits[boats]: Invalid value: "boats": must be a standard resource type or fully qualified',
      'overhead.limits[boats]: Invalid value: "boats": must be a standard resource for containers',
      `scheduling.nodeSelector: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
      'scheduling.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
    ],
  },
]);
