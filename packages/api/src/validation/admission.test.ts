import { checkRows } from '../testing/rule-rows.ts';

const group = 'admissionregistration.k8s.io/v1';
const policies = `${group}/validatingadmissionpolicies`;
const mutatingPolicies = `${group}/mutatingadmissionpolicies`;
const bindings = `${group}/validatingadmissionpolicybindings`;
const hooks = `${group}/mutatingwebhookconfigurations`;

const everything = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] };
const match = { resourceRules: [everything] };
const policy = (spec: object): object => ({
  spec: { matchConstraints: match, validations: [{ expression: 'true' }], ...spec },
});
const binding = (spec: object): object => ({
  spec: { policyName: 'p', validationActions: ['Deny'], ...spec },
});
const hook = (more: object): object => ({
  webhooks: [
    {
      name: 'a.example.com',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig: { url: 'https://x' },
      ...more,
    },
  ],
});
const resources = (...list: string[]): object =>
  policy({ matchConstraints: { resourceRules: [{ ...everything, resources: list }] } });
const at = 'spec.matchConstraints.resourceRules[0]';

checkRows('admission policies', [
  { of: policies, value: policy({}), says: [] },
  { of: policies, value: policy({ validations: [{ expression: 'true ||\nfalse' }] }), says: [] },
  {
    of: policies,
    value: {
      spec: {
        failurePolicy: 'Shrug',
        paramKind: { apiVersion: 'a/b/c', kind: '1x' },
        matchConstraints: {
          matchPolicy: 'Roughly',
          namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] },
          objectSelector: { matchLabels: { 'a b': 'c' } },
        },
      },
    },
    says: [
      'spec.failurePolicy: Unsupported value: "Shrug": supported values: "Fail", "Ignore"',
      'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
      `spec.paramKind.kind: Invalid value: "1x": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
      'spec.matchConstraints.matchPolicy: Unsupported value: "Roughly": supported values: "Equivalent", "Exact"',
      "spec.matchConstraints.namespaceSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      `spec.matchConstraints.objectSelector.matchLabels: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      'spec.matchConstraints.resourceRules: Required value',
      'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
      'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
    ],
  },
  {
    of: policies,
    value: policy({
      matchConstraints: {
        resourceRules: [
          {
            resourceNames: ['a/b', 'c', 'c'],
            operations: ['*', 'LOOK'],
            apiGroups: [],
            apiVersions: ['', '*'],
            resources: [],
            scope: 'Galaxy',
          },
        ],
      },
    }),
    says: [
      `${at}.resourceNames[0]: Invalid value: "a/b": may not contain '/'`,
      `${at}.resourceNames[2]: Duplicate value: "c"`,
      `${at}.operations: Invalid value: ["*","LOOK"]: if '*' is present, must not specify other operations`,
      `${at}.operations[1]: Unsupported value: "LOOK": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"`,
      `${at}.apiGroups: Required value`,
      `${at}.apiVersions: Invalid value: ["","*"]: if '*' is present, must not specify other API versions`,
      `${at}.apiVersions[0]: Required value`,
      `${at}.resources: Required value`,
      `${at}.scope: Unsupported value: "Galaxy": supported values: "*", "Cluster", "Namespaced"`,
    ],
  },
  {
    of: policies,
    value: resources('pods/*', 'pods/status', '*/scale', 'jobs/scale', ''),
    says: [
      `${at}.resources[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
      `${at}.resources[3]: Invalid value: "jobs/scale": if '*/scale' is present, must not specify jobs/scale`,
      `${at}.resources[4]: Required value`,
    ],
  },
  {
    of: policies,
    value: resources('*/*', '*', 'pods'),
    says: [
      `${at}.resources: Invalid value: ["*/*","*","pods"]: if '*/*' is present, must not specify other resources`,
      `${at}.resources: Invalid value: ["*/*","*","pods"]: if '*' is present, must not specify other resources without subresources`,
    ],
  },
  {
    of: policies,
    value: policy({ variables: [{ name: 'namespace', expression: '1' }], paramKind: { apiVersion: '/' } }),
    says: [
      'spec.paramKind.apiVersion: Invalid value: "/": version must be specified',
      'spec.paramKind.kind: Required value',
      'spec.variables[0].name: Invalid value: "namespace": must be a valid CEL identifier',
    ],
  },
  {
    of: policies,
    part: 'status',
    value: {
      ...policy({}),
      status: {
        typeChecking: { expressionWarnings: [{ fieldRef: ' ', warning: '' }] },
        conditions: [{ type: 'Odd', status: 'Maybe', reason: '1' }],
      },
    },
    old: policy({}),
    says: [
      'status.typeChecking.expressionWarnings[0].warning: Required value',
      'status.typeChecking.expressionWarnings[0].fieldRef: Required value',
      'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
      'status.conditions[0].lastTransitionTime: Required value: must be set',
      `status.conditions[0].reason: Invalid value: "1": a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')`,
    ],
  },
  {
    of: mutatingPolicies,
    value: { spec: { matchConstraints: match } },
    says: [
      'spec.mutations: Required value: mutations must contain at least one item',
      'spec.reinvocationPolicy: Required value',
    ],
  },
  {
    of: mutatingPolicies,
    value: {
      spec: {
        matchConstraints: { resourceRules: [{ ...everything, operations: ['CREATE', 'DELETE'] }] },
        reinvocationPolicy: 'Often',
        mutations: [
          { patchType: 'Sed' },
          { patchType: '' },
          { patchType: 'JSONPatch', applyConfiguration: { expression: 'Object{}' } },
          {
            patchType: 'ApplyConfiguration',
            applyConfiguration: { expression: ' ' },
            jsonPatch: { expression: '[]' },
          },
        ],
      },
    },
    says: [
      'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
      'spec.mutations[0].patchType: Unsupported value: "Sed": supported values: "ApplyConfiguration", "JSONPatch"',
      'spec.mutations[1].patchType: Required value',
      'spec.mutations[2].jsonPatch: Required value: must be specified when patchType is JSONPatch',
      'spec.mutations[2].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch',
      'spec.mutations[3].applyConfiguration.expression: Required value',
      'spec.mutations[3].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration',
      'spec.reinvocationPolicy: Unsupported value: "Often": supported values: "IfNeeded", "Never"',
    ],
  },
  {
    of: `${group}/mutatingadmissionpolicybindings`,
    value: {
      spec: {
        policyName: 'p',
        matchResources: { resourceRules: [{ ...everything, operations: ['DELETE'] }] },
      },
    },
    says: [
      'spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
    ],
  },
]);

checkRows('bindings of policies', [
  {
    of: bindings,
    value: binding({ paramRef: { selector: {}, parameterNotFoundAction: 'Deny' }, matchResources: {} }),
    says: [],
  },
  {
    of: bindings,
    value: binding({
      paramRef: { name: 'a%', selector: {}, parameterNotFoundAction: 'Panic' },
      matchResources: { excludeResourceRules: [{ ...everything, apiGroups: ['a', '*'] }] },
      validationActions: ['Deny', 'Warn', 'Deny', 'Sigh'],
    }),
    says: [
      `spec.paramRef.name: Invalid value: "a%": may not contain '%'`,
      'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.parameterNotFoundAction: Unsupported value: "Panic": supported values: "Deny", "Allow"',
      `spec.matchResources.excludeResourceRules[0].apiGroups: Invalid value: ["a","*"]: if '*' is present, must not specify other API groups`,
      'spec.validationActions[2]: Duplicate value: "Deny"',
      'spec.validationActions[3]: Unsupported value: "Sigh": supported values: "Audit", "Deny", "Warn"',
      'spec.validationActions: Invalid value: ["Deny","Warn","Deny","Sigh"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    ],
  },
  {
    of: bindings,
    value: binding({ paramRef: {}, validationActions: [] }),
    says: [
      'spec.paramRef: Required value: one of name or selector must be specified',
      'spec.paramRef.parameterNotFoundAction: Required value',
      'spec.validationActions: Required value: at least one validation action is required',
    ],
  },
]);

checkRows('admission webhooks', [
  {
    of: hooks,
    value: hook({
      name: 'A.b.c',
      failurePolicy: 'Shrug',
      reinvocationPolicy: 'Often',
      timeoutSeconds: 31,
      admissionReviewVersions: ['v2', 'v2', 'V3'],
      clientConfig: { url: 'http://u:p@/x?q#f' },
    }),
    says: [
      `webhooks[0].name: Invalid value: "A.b.c": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'webhooks[0].failurePolicy: Unsupported value: "Shrug": supported values: "Fail", "Ignore"',
      'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
      'webhooks[0].reinvocationPolicy: Unsupported value: "Often": supported values: "IfNeeded", "Never"',
      `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      'webhooks[0].clientConfig.url: Invalid value: "": host must be specified; desired format: https://host[/path]',
      'webhooks[0].clientConfig.url: Invalid value: "u:p": user information is not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "f": fragments are not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "q": query parameters are not permitted in the URL',
      'webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
      `webhooks[0].admissionReviewVersions[2]: Invalid value: "V3": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
      'webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2","V3"]: must include at least one of v1, v1beta1',
    ],
  },
  {
    of: hooks,
    value: hook({
      sideEffects: undefined,
      clientConfig: { service: { name: '', namespace: 'n', port: 70_000, path: 'a//b_/' } },
    }),
    says: [
      'webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun',
      'webhooks[0].clientConfig.service.namespace: Required value',
      'webhooks[0].clientConfig.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive',
      `webhooks[0].clientConfig.service.path: Invalid value: "a//b_/": must start with a '/'`,
      'webhooks[0].clientConfig.service.path: Invalid value: "a//b_/": segment[0] may not be empty',
      'webhooks[0].clientConfig.service.path: Invalid value: "a//b_/": segment[1] may not be empty',
      `webhooks[0].clientConfig.service.path: Invalid value: "a//b_/": segment[2]: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
  },
]);
