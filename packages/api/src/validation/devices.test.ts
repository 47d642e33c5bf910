import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceSlice } from '../generated/types.ts';
import { integerValue } from '../json.ts';
import { registry } from '../registry.ts';
import { checkRows } from '../testing/rule-rows.ts';
import { formatFieldError, validate } from '../validation.ts';

const slices = registry.lookup('resource.k8s.io', 'v1', 'resourceslices');

test('counts that a JavaScript number cannot hold are compared like others', () => {
  assert.ok(slices);
  const problemsOf = (count: bigint): string[] => {
    const slice: ResourceSlice = {
      metadata: { name: 's' },
      spec: {
        driver: 'sonar.example.com',
        nodeName: 'n',
        pool: { name: 'p', generation: 1, resourceSliceCount: integerValue(count) as number },
      },
    };
    return validate(slices, slice as never, undefined).map(formatFieldError);
  };
  assert.deepEqual(problemsOf(9_007_199_254_740_994n), []);
  assert.match(problemsOf(-9_007_199_254_740_994n).join(), /resourceSliceCount: .*must be greater than zero/);
});

const group = 'resource.k8s.io/v1';
const claims = `${group}/resourceclaims`;
const classes = `${group}/deviceclasses`;
const templates = `${group}/resourceclaimtemplates`;
const sliced = `${group}/resourceslices`;

const exactly = { deviceClassName: 'gpu' };
const claimOf = (devices: object): object => ({ spec: { devices } });
const gpu = claimOf({ requests: [{ name: 'gpu', exactly }] });
const NO_REQUEST =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

checkRows('claims of devices', [
  { of: claims, value: gpu, says: [] },
  {
    of: claims,
    value: claimOf({
      requests: [
        { name: 'a' },
        { name: 'a', exactly, firstAvailable: [{ name: 'x', ...exactly }] },
        { name: 'b', exactly: { deviceClassName: '', allocationMode: 'Some', selectors: [{}] } },
        { name: 'c', exactly: { ...exactly, allocationMode: 'All', count: 2 } },
      ],
    }),
    says: [
      'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
      'spec.devices.requests[1]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
      'spec.devices.requests[2].exactly.deviceClassName: Required value',
      'spec.devices.requests[2].exactly.selectors[0].cel: Required value',
      'spec.devices.requests[2].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"',
      `spec.devices.requests[3].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'`,
      'spec.devices.requests[1]: Duplicate value: "a"',
    ],
  },
  {
    of: claims,
    value: claimOf({
      requests: [
        {
          name: 'a',
          firstAvailable: [
            { name: 'x', ...exactly, tolerations: [{ operator: 'Exists', value: 'v', effect: 'Evict' }] },
            { name: 'x', ...exactly, tolerations: [{ key: 'a b', operator: 'Like' }] },
          ],
        },
      ],
    }),
    says: [
      'spec.devices.requests[0].firstAvailable[0].tolerations[0].value: Invalid value: "v": must be empty for operator `Exists`',
      'spec.devices.requests[0].firstAvailable[0].tolerations[0].effect: Unsupported value: "Evict": supported values: "NoExecute", "NoSchedule", "None"',
      `spec.devices.requests[0].firstAvailable[1].tolerations[0].key: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      'spec.devices.requests[0].firstAvailable[1].tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
      'spec.devices.requests[0].firstAvailable[1]: Duplicate value: "x"',
    ],
  },
  {
    of: claims,
    value: claimOf({
      requests: [{ name: 'a', firstAvailable: [{ name: 'x', ...exactly }] }],
      constraints: [
        { requests: ['a', 'a/x', 'a/y', 'a/x/z', 'b', 'a'], matchAttribute: 'numa' },
        { distinctAttribute: 'example.com/9' },
        { requests: ['a'] },
      ],
      config: [
        { requests: ['b'] },
        { opaque: { driver: '', parameters: 'text' } },
        { opaque: { driver: 'd', parameters: { a: 'x'.repeat(10 * 1024) } } },
        { opaque: { driver: 'd', parameters: { a: 1 } } },
      ],
    }),
    says: [
      `spec.devices.constraints[0].requests[2]: Invalid value: "a/y": ${NO_REQUEST}`,
      `spec.devices.constraints[0].requests[3]: Invalid value: "a/x/z": ${NO_REQUEST}`,
      `spec.devices.constraints[0].requests[4]: Invalid value: "b": ${NO_REQUEST}`,
      'spec.devices.constraints[0].requests[5]: Duplicate value: "a"',
      'spec.devices.constraints[0].matchAttribute: Invalid value: "numa": a fully qualified name must be a domain and a name separated by a slash',
      `spec.devices.constraints[1].distinctAttribute: Invalid value: "9": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')`,
      'spec.devices.constraints[2]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
      `spec.devices.config[0].requests[0]: Invalid value: "b": ${NO_REQUEST}`,
      'spec.devices.config[0].opaque: Required value',
      'spec.devices.config[1].opaque.driver: Required value',
      `spec.devices.config[1].opaque.driver: Invalid value: "": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'spec.devices.config[1].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
      'spec.devices.config[2].opaque.parameters: Too long: may not be more than 10240 bytes',
    ],
  },
  {
    of: claims,
    value: claimOf({ requests: Array.from({ length: 33 }, (_, i) => ({ name: `r${i}` })) }),
    says: ['spec.devices.requests: Too many: 33: must have at most 32 items'],
  },
  {
    of: templates,
    value: {
      spec: { metadata: { labels: { a: 'b c' } }, spec: { devices: { requests: [{ name: 'a' }] } } },
    },
    says: [
      `spec.metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
      'spec.spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
    ],
  },
  {
    of: classes,
    value: { spec: { config: [{}], extendedResourceName: 'cpu' } },
    says: [
      'spec.config[0].opaque: Required value',
      'spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name',
    ],
  },
]);

const device = { driver: 'd', pool: 'p', device: 'x' };
const allocation = { devices: { results: [{ request: 'gpu', ...device }] } };
const pod = { resource: 'pods', name: 'a', uid: 'u1' };

checkRows('what becomes of claims', [
  {
    of: claims,
    part: 'status',
    value: { ...gpu, status: { allocation, reservedFor: [pod] } },
    old: gpu,
    says: [],
  },
  {
    of: claims,
    part: 'status',
    value: { ...gpu, status: { reservedFor: [pod, { ...pod, name: '' }] } },
    old: gpu,
    says: [
      'status.reservedFor[1].name: Required value',
      'status.reservedFor[1]: Duplicate value: "u1"',
      'status.reservedFor: Forbidden: may not be specified when `allocated` is not set',
    ],
  },
  {
    of: claims,
    part: 'status',
    value: {
      ...gpu,
      metadata: { name: 'a', namespace: 'n', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a/b'] },
      status: { allocation, reservedFor: [pod] },
    },
    old: {
      ...gpu,
      metadata: { name: 'a', namespace: 'n', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a/b'] },
      status: { allocation },
    },
    says: [
      'status.reservedFor: Forbidden: new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
    ],
  },
  {
    of: claims,
    part: 'status',
    value: { ...gpu, status: { allocation: { devices: {} } } },
    old: { ...gpu, status: { allocation } },
    says: ['status.allocation: Invalid value: {"devices":{}}: field is immutable'],
  },
  {
    of: claims,
    part: 'status',
    value: {
      ...gpu,
      status: {
        allocation: {
          devices: {
            results: [
              {
                ...device,
                request: 'cpu',
                pool: 'a//b',
                shareID: 'X',
                bindingConditions: ['ready', 'ready'],
                bindingFailureConditions: ['ready'],
              },
            ],
            config: [{ source: 'FromHell', opaque: { driver: 'd', parameters: {} } }],
          },
          nodeSelector: { nodeSelectorTerms: [] },
        },
      },
    },
    old: gpu,
    says: [
      `status.allocation.devices.results[0].request: Invalid value: "cpu": ${NO_REQUEST}`,
      `status.allocation.devices.results[0].pool: Invalid value: "": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'status.allocation.devices.results[0].bindingConditions[1]: Duplicate value: "ready"',
      'status.allocation.devices.results[0].bindingFailureConditions[0]: Invalid value: "ready": bindingFailureConditions must not overlap with bindingConditions',
      'status.allocation.devices.results[0].shareID: Invalid value: "X": error validating uid: invalid UUID length: 1',
      'status.allocation.devices.config[0].source: Unsupported value: "FromHell": supported values: "FromClaim", "FromClass"',
      'status.allocation.nodeSelector.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
  },
  {
    of: claims,
    part: 'status',
    value: {
      ...gpu,
      status: {
        allocation,
        devices: [
          {
            ...device,
            conditions: [
              { type: 'Ready', status: 'True', reason: 'R', lastTransitionTime: '2026-01-01T00:00:00Z' },
            ],
            data: { a: 1 },
            networkData: { ips: ['10.1.2.3/8', '10.01.2.3/8', '2001:DB8::1/64', '10.1.2.3', '10.1.2.3/8'] },
          },
          { ...device, device: 'y', data: 'text' },
        ],
      },
    },
    old: { ...gpu, status: { allocation } },
    says: [
      'status.devices[0].networkData.ips[1]: Invalid value: "10.01.2.3/8": must be in canonical form ("10.1.2.3/8")',
      'status.devices[0].networkData.ips[2]: Invalid value: "2001:DB8::1/64": must be in canonical form ("2001:db8::1/64")',
      'status.devices[0].networkData.ips[3]: Invalid value: "10.1.2.3": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
      'status.devices[0].networkData.ips[4]: Duplicate value: "10.1.2.3/8"',
      'status.devices[1]: Invalid value: "d/p/y": must be an allocated device in the claim',
      'status.devices[1].data: Invalid value: "<value omitted>": must be a valid JSON object',
    ],
  },
]);

const sliceOf = (spec: object): object => ({
  spec: {
    driver: 'd.example.com',
    pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
    nodeName: 'n',
    ...spec,
  },
});
const withDevice = (more: object): object => sliceOf({ devices: [{ name: 'x', ...more }] });
const shared = (requestPolicy: object): object =>
  withDevice({ allowMultipleAllocations: true, capacity: { memory: { value: '10Gi', requestPolicy } } });
const x = 'spec.devices[0]';
const policy = `${x}.capacity[memory].requestPolicy`;

checkRows('slices of devices', [
  {
    of: sliced,
    value: sliceOf({
      pool: { name: '', generation: -1, resourceSliceCount: 0 },
      nodeName: '',
      allNodes: true,
      nodeSelector: { nodeSelectorTerms: [] },
      sharedCounters: [{ name: 's', counters: { a: { value: '1' } } }],
      devices: [{ name: 'x' }],
    }),
    says: [
      'spec.pool.name: Required value',
      'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
      'spec.pool.generation: Invalid value: -1: must be greater than or equal to zero',
      'spec.nodeName: Invalid value: "": must be either unset or set to a non-empty string',
      'spec.nodeSelector.nodeSelectorTerms: Required value: must have at least one node selector term',
      'spec.nodeSelector.nodeSelectorTerms: Invalid value: []: must have exactly one node selector term',
      'spec: Invalid value: "{`nodeSelector`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
      'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
    ],
  },
  {
    of: sliced,
    value: withDevice({
      attributes: {
        'a/b/c': { string: 'x' },
        '/x': { version: '1.2' },
        ok: {},
        two: { int: 1, bool: true },
        long: { string: 'x'.repeat(65) },
      },
      taints: [{ key: '', effect: 'Evict' }, { key: 'a' }],
      consumesCounters: [
        { counterSet: '', counters: {} },
        { counterSet: 's', counters: { 'A b': { value: '1' } } },
      ],
      nodeName: 'n',
      bindingConditions: ['ready'],
    }),
    says: [
      `${x}.attributes: Invalid value: "a/b/c": must not contain more than one slash`,
      `${x}.attributes: Invalid value: "": the domain must not be empty`,
      `${x}.attributes[/x].version: Invalid value: "1.2": must be a string compatible with semver.org spec 2.0.0`,
      `${x}.attributes[ok]: Invalid value: "": exactly one value must be specified`,
      `${x}.attributes[two]: Invalid value: {"int":1,"bool":true}: exactly one value must be specified`,
      `${x}.attributes[long].string: Too long: may not be more than 64 bytes`,
      `${x}.taints[0].key: Invalid value: "": name part must be non-empty`,
      `${x}.taints[0].key: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      `${x}.taints[0].effect: Unsupported value: "Evict": supported values: "NoExecute", "NoSchedule", "None"`,
      `${x}.taints[1].effect: Required value`,
      `${x}.consumesCounters[0].counterSet: Required value`,
      `${x}.consumesCounters[0].counters: Required value`,
      `${x}.consumesCounters[1].counters: Invalid value: "A b": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
      `${x}: Invalid value: null: \`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set if \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`,
      `${x}.bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions`,
    ],
  },
  {
    of: sliced,
    value: sliceOf({
      nodeName: undefined,
      perDeviceNodeSelection: true,
      devices: [{ name: 'x', nodeName: 'n', allNodes: true }, { name: 'x' }],
    }),
    says: [
      `${x}: Invalid value: "{\`nodeName\`, \`allNodes\`}": exactly one of \`nodeName\`, \`nodeSelector\`, or \`allNodes\` is required when \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`,
      'spec.devices[1]: Required value: exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
      'spec.devices[1]: Duplicate value: "x"',
    ],
  },
  {
    of: sliced,
    value: sliceOf({
      devices: Array.from({ length: 65 }, (_, i) => ({
        name: `x${i}`,
        taints: [{ key: 'a', effect: 'None' }],
      })),
    }),
    says: ['spec.devices: Too many: 65: must have at most 64 items'],
  },
  {
    of: sliced,
    value: withDevice({
      attributes: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, { int: i }])),
    }),
    says: [`${x}: Invalid value: 33: the total number of attributes and capacities must not exceed 32`],
  },
  {
    of: sliced,
    value: withDevice({ capacity: { memory: { value: '1Gi', requestPolicy: { default: '1' } } } }),
    says: [`${policy}: Forbidden: allowMultipleAllocations must be true`],
  },
  {
    of: sliced,
    value: shared({ default: '3Gi', validValues: ['2Gi', '1Gi', '20Gi', '1Gi'] }),
    says: [
      `${policy}.validValues[1]: Invalid value: "1Gi": values must be sorted in ascending order`,
      `${policy}.validValues[3]: Invalid value: "1Gi": values must be sorted in ascending order`,
      `${policy}.validValues[2]: Invalid value: "20Gi": option is larger than capacity value: 10Gi`,
      `${policy}.validValues[3]: Duplicate value: "1073741824"`,
      `${policy}.validValues: Invalid value: "3Gi": default value is not valid according to the requestPolicy`,
    ],
  },
  {
    of: sliced,
    value: shared({ default: '2Gi', validRange: { min: '1Gi', max: '4Gi', step: '2Gi' } }),
    says: [
      `${policy}.validRange.step: Invalid value: "2Gi": value is not a multiple of a given step (2Gi) from (1Gi)`,
      `${policy}.validRange.step: Invalid value: "4Gi": value is not a multiple of a given step (2Gi) from (1Gi)`,
    ],
  },
  {
    of: sliced,
    value: shared({ validRange: { min: '1' } }),
    says: [`${policy}.default: Required value: required when validRange is defined`],
  },
  {
    of: sliced,
    value: sliceOf({ driver: 'other', nodeName: 'm' }),
    old: sliceOf({}),
    says: [
      'spec.driver: Invalid value: "other": field is immutable',
      'spec.nodeName: Invalid value: "m": field is immutable',
    ],
  },
]);

checkRows('templates of claims', [
  {
    of: `${group}/resourceclaimtemplates`,
    value: {
      metadata: { name: 't', namespace: 'n' },
      spec: { metadata: { name: 'x', uid: 'u', labels: { a: 'b' }, finalizers: ['x'] }, spec: {} },
    },
    says: [
      'spec.metadata.name: Forbidden: cannot be set',
      'spec.metadata.uID: Forbidden: cannot be set',
      'spec.metadata.finalizers: Forbidden: cannot be set',
    ],
  },
]);
