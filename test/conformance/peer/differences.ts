/**
 * Where our API server answers differently from Kubernetes' on purpose, and why. An entry that nothing needs any more
 * fails a whole run, so that the table stays true.
 */
import type { Difference } from './compare.ts';

export interface MeantDifference {
  /** Of cases, as `SECTION: TITLE`; all of them unless told. */
  readonly title?: RegExp;
  /** Of places in the answer; all of them unless told. */
  readonly place?: RegExp;
  /** Of what stands there; anything unless told. */
  readonly values?: (difference: Difference) => boolean;
  readonly reason: string;
}

/** Wrong requests that Kubernetes answers with 500: versions, patches, applied configurations and bindings that cannot be read. */
const failsInKubernetes =
  /^verbs (?:watch: \?watch=1&resourceVersion=(?:x|-1)|patch: strategic-merge-patch\+json (?:\$patch of another word|an item without key|\$setElementOrder of others)|strategic: (?:an order (?:without what is set|that is text|of texts|without keys|of no field|of nothing)|an item (?:that (?:merges|is null|is text)|of another word|deleted without its key)|numbers taken out|labels merged)|apply: (?:doubled keys|an unknown field|a wrong type)|delete: binding to (?:nothing|a pod))$|^each .*: an unknown field in an apply$|^custom replicas: (?:apply (?:a doubled key|a doubled value|a wrong type|an unknown field(?: strictly)?)|doubled YAML)$|^conversion verbs: v\d apply an unknown field$|^clients lists of maps: .*: the same (?:port|finalizer) twice$|^clients managed fields: applied with (?:text|an object) for a list$|^clients pods: binding (?:without a target|to no name)$/;

export const meant: readonly MeantDifference[] = [
  {
    title: /^(?:discovery: \/api|clients accepts: (?:version|discovery) as )/,
    place: /^headers\.vary$/,
    values: ({ theirs, ours }) => theirs === undefined && ours === 'Accept',
    reason: 'a document that may be asked for again by its ETag says what its form depends on',
  },
  {
    place: /\.tolerations\[\d+\]\.tolerationSeconds$/,
    values: ({ theirs, ours }) => theirs === 300 && ours === 2,
    reason: 'pods leave a lost node after seconds, because its loss is found within seconds',
  },
  {
    values: ({ theirs, ours }) => theirs === null && Array.isArray(ours) && ours.length === 0,
    reason: 'a list that is always shown is empty, and not null, when there is nothing in it',
  },
  {
    place: /(?:Time|Timestamp)$/,
    values: ({ theirs, ours }) => theirs === null && ours === undefined,
    reason: 'a time that is not set is left out, and not null',
  },
  {
    title: /ServiceCIDR/,
    place: /^body(?:\[\d+\])?\.(?:.*\.)?status\.conditions$/,
    reason: 'the API server itself says that a range of services is ready; elsewhere a controller does',
  },
  {
    title: /ValidatingAdmissionPolicy/,
    place:
      /^body(?:\[\d+\])?\.(?:.*\.)?status(?:\.(?:observedGeneration|typeChecking))?$|managedFields\.Update validatingadmissionpolicy/,
    reason: 'the API server itself checks the types of policies; elsewhere a controller does',
  },
  {
    title: /VolumeAttributesClass/,
    place: /finalizers|\.deletion(?:GracePeriodSeconds|Timestamp)$/,
    reason: 'classes of volume attributes are not protected: no controller would let them go',
  },
  {
    place:
      /\.managedFields\.\w+ (?:kubernetes-service-cidr-controller|kube-apiserver|timonier-apiserver|api-priority-and-fairness-\S+) /,
    reason: 'what the server itself writes is owned under its own name',
  },
  {
    title: /^reviews:|^clients requests: a token /,
    place: /^body\.metadata\.managedFields/,
    reason: 'the answer to a review or a request for a token says nothing of owners: it is not stored',
  },
  {
    title: /^verbs web sockets: no origin$/,
    reason: 'a WebSocket without an origin is one that no browser asks for, and is served like others',
  },
  {
    title: /^verbs logs: web socket: bytes$/,
    place: /^(?:body|headers\.messages)$/,
    reason: 'the end of a log is not lost over a WebSocket when it comes together with the last of it',
  },
  {
    title: /^verbs logs: web socket: no subprotocol$/,
    reason: 'who asks for no subprotocol is told of none, which no client would accept',
  },
  {
    title: /^verbs logs: web socket: unknown ones$/,
    place: /^body$/,
    reason: 'subprotocols are refused with a Status, and not with a head alone',
  },
  {
    title: /^verbs logs: (?:astray\?|web socket: a pod on no node)$/,
    place: /^body\.(?:details\.kind|message)$/,
    reason: 'a node that is not there is told of as a node, and not as a pod',
  },
  {
    title: failsInKubernetes,
    place: /^(?:status|body\.code)$/,
    values: ({ theirs, ours }) => theirs === 500 && ours === 400,
    reason: 'what a client asks for wrongly is never a failure of the server',
  },
  {
    title: failsInKubernetes,
    place: /^body\.reason$/,
    values: ({ theirs, ours }) => theirs === undefined && ours === 'BadRequest',
    reason: 'what a client asks for wrongly is never a failure of the server',
  },
  {
    title: /^(?:verbs (?:patch|update)|custom values): .*a bad version$/,
    reason: 'a version that cannot be one is a fault of the request, told with its field',
  },
  {
    title: /^verbs apply: another name/,
    reason: 'a configuration of another object is refused before anybody asks who owns what it changes',
  },
  {
    title: /ServiceAccount: secrets = \[\{|(?:FlowSchema|PriorityLevelConfiguration): status = /,
    place: /^body\.metadata\.managedFields$/,
    reason: 'owners are kept where an item lacks the keys that its list has; elsewhere all are forgotten',
  },
  {
    title:
      /^conversion failures: (?:more-fields|wrong-type): |^custom versions: |^custom values: address = \[/,
    place: /managedFields/,
    reason:
      'owners are kept where one of the versions has not the fields of another; elsewhere all are forgotten',
  },
  {
    title: /^conversion failures: wrong-type: (?:apply|the stored)/,
    reason: 'what is stored in the wrong shape can be mended by an apply, and is no failure of the server',
  },
  {
    title: /resourceVersion = |create: a version$|: a version given, /,
    place: /^body\.metadata\.resourceVersion$/,
    values: ({ theirs, ours }) => theirs === '<version>' && ours === undefined,
    reason: 'what is only rehearsed has no version, whatever was sent',
  },
  {
    title: /^verbs create: an exponent$/,
    reason: 'a whole number is one however it is written',
  },
  {
    title: /^verbs delete: ignoring reading errors$/,
    reason: 'what cannot be read can be deleted, and who asks for it where it can be read is told so',
  },
  {
    title: /^bootstrap objects: \/api\/v1\/configmaps$/,
    place: /requestheader-uid-headers$/,
    reason: 'the uid of a user is passed on to other API servers, which are told by which header',
  },
  {
    title: /stopSignal/,
    reason: 'the signal that stops a container can be chosen: kubelet and runtime know it',
  },
  {
    title: /^kind resource\.k8s\.io\/v1 ResourceClaim: get status as Table$/,
    reason: 'what has a table has it for its status as well',
  },
  {
    title: /^each apps\/v1 ControllerRevision: (?:rehearsed patch by strategy|applied|taken|given up)/,
    reason: 'data that stays the same may be sent again, in whatever order its fields come',
  },
  {
    title: /^admission webhooks: \w+: a-redirect/,
    reason: 'a webhook that points elsewhere is not followed there',
  },
  {
    title: /^verbs create: accept application\/\*$/,
    reason: 'who takes every kind of application data takes JSON',
  },
  {
    title: /DaemonSet: /,
    place: /metadata\.annotations(?:\.deprecated.*)?$/,
    reason: 'the metadata of an object alone are those that the whole object shows',
  },
  {
    title: /IPAddress: (?:as Table|table |watch of tables)/,
    place: /\.rows\[0\]\.cells\[2\]$/,
    reason: 'a row has as many cells as there are columns',
  },
  {
    title: /^forbidden: a binding (?:in a namespace )?to view$/,
    reason: 'view has its rules from the start, so that only who has them gives them away',
  },
  {
    title: /^bootstrap objects: .*\/clusterroles$/,
    place: /^body\.items\[(?:admin|edit|view)\]\.(?:rules|metadata\.managedFields)/,
    reason:
      'roles that are made of others have their rules from the start; elsewhere a controller fills them',
  },
  {
    place: /^body\.items\[timonier:/,
    reason: 'the parts of the cluster itself have roles of their own',
  },
  {
    title: /^reviews: rules of scheduler in \{"/,
    place: /^body\.status\.resourceRules/,
    reason: 'the parts of the cluster itself have roles of their own',
  },
  {
    title: /^bootstrap objects: .*\/role(?:s|bindings)$/,
    place: /^body\.items\[kube-public\/kubeadm:/,
    reason: 'who wants to join reads where the cluster is before anybody knows them',
  },
  {
    title: /^bootstrap objects: .*\/ipaddresses$/,
    place: /managedFields$/,
    reason: 'an address is reserved in the transaction of its Service, and nobody owns what it says',
  },
  {
    title: /^verbs paths: (?:POST \/apis|GET \/api\/v1\/namespaces\/\/configmaps)$/,
    reason: 'a path means one thing: what is no reading reads nothing, and nothing is no namespace',
  },
  {
    title: /\/endpoints$|\/endpointslices$/,
    place: /^body\.items\[kubernetes\]$/,
    reason: 'the endpoints of the API itself are there from the start',
  },
  {
    title: /^bootstrap objects: \/api\/v1\/services$/,
    place: /targetPort$/,
    reason: 'each server has a port of its own',
  },
  {
    title: / GET \/version$|^discovery: \/version/,
    reason: 'the version of the program is its own',
  },
  {
    title: /GET \/openapi\/v2$|[Tt]able/,
    place: /description$/,
    reason: 'texts of documentation come from the published description, where some letters are escaped',
  },
  {
    title:
      /^verbs paths: GET \/(?:nothing|logs|debug|metrics\/nothing|apis\/example|openapi\/v3\/apis\/example)|^discovery: \/readyz\/nothing|^custom versions: (?:discovery of )?v2|^custom values: loose in a namespace|^conversion storage: not served: get/,
    reason: 'a path that nothing is at is answered with a Status, and not with plain text',
  },
  {
    title: /^clients scales: \w[\w ]*: put with a bad version$/,
    reason: 'a version that cannot be one is a fault of the request, told with its field',
  },
  {
    title: /^clients managed fields: applied with a bad time$/,
    reason: 'that nobody gives owners along is told before what they are, and is no failure of the server',
  },
  {
    title:
      /^clients managed fields: updated with a version (?:that is unknown|of another group) and a change$/,
    place: /^body\.metadata\.managedFields$/,
    reason: 'who owns fields in a version that there never was owns nothing, whatever else changes',
  },
  {
    title: /^clients (?:watches|pods): /,
    place: /managedFields\..*\.f:(?:lastProbeTime|lastTransitionTime)$/,
    values: ({ ours }) => ours === undefined,
    reason: 'a time that is not set is left out, and nobody owns that it is null',
  },
  {
    title: /^clients removals: what was rehearsed in the query alone$/,
    reason: 'a deletion that is rehearsed in the query is, whatever its body says',
  },
  {
    title: /^clients watches: pods initial=/,
    place: /^body\[\d+\]\.object\.(?:spec|status)$/,
    values: ({ ours }) => ours === undefined,
    reason: 'a bookmark says its version, and not that there are no containers',
  },
  {
    title: /^clients watches: changes of pods of a node as /,
    place:
      /^body\[4\]\.(?:type|object\.(?:metadata|rows\[0\]\.object\.metadata)\.(?:deletion\w+|generation)|object\.rows\[0\]\.cells\[2\])$|^body\[5\]$/,
    reason: 'a pod that goes at once goes in one write: it is not changed before it is deleted',
  },
  {
    title: /^clients accepts: (?:custom )?watch as .*PartialObjectMetadataList/,
    place: /^body(?:\[\d+\])?$/,
    reason: 'who asks for a watch of lists of metadata gets those of each object, and not nothing',
  },
  {
    title:
      /^clients accepts: (?:wrong|custom|custom creation|custom scale)\b.* as .*PartialObjectMetadataList/,
    reason: 'what cannot be answered in the form that is asked for is refused before it is done, with 406',
  },
  {
    title: /^clients accepts: discovery as |^custom versions: discovery of |^verbs paths: GET \/$/,
    place: /^headers\.vary$/,
    values: ({ theirs, ours }) => theirs === undefined && ours === 'Accept',
    reason: 'what has another form for who asks for it says so to caches',
  },
  {
    title: /^(?:clients scales: widget|custom replicas): .*put/,
    place: /^body\.message$/,
    values: ({ theirs }) =>
      String(theirs).startsWith('no kind is registered for the type v1.Scale in scheme'),
    reason:
      'a Scale that cannot be read is refused with what is wrong with it, and not with where it was read',
  },
  {
    title: /^clients scales: widget: applied by force$/,
    reason: 'the Scale of a custom resource can be applied; elsewhere that fails in the server',
  },
  {
    title: /^clients scales: widget: status given up$/,
    reason: 'a status of which nothing is left goes, and is not a null that no schema allows',
  },
  {
    title: /^clients definitions: /,
    place: /^headers\.warning$/,
    values: ({ ours }) => ours === undefined,
    reason: 'rules about what an update leaves as it was are not evaluated, so that nothing is said of them',
  },
  {
    title: /^clients definitions: (?:row 11|all rows)$/,
    place: /\.cells\[(?:2|7)\]$/,
    reason: 'a number beyond 64 bits is shown as it is, and not as the least that there is',
  },
  {
    title:
      /^clients versions networking\.k8s\.io\/v1 ServiceCIDR: deleted (?:with what it is|with orphans|in the background)$/,
    reason: 'a range with addresses in use is not deleted; elsewhere it waits for a controller',
  },
  {
    title: /^custom values: (?:POST \/apis\/.*\/one|PUT \/apis\/.*\/values)$/,
    reason: 'a path means one thing: nothing is created at a name, and no collection is replaced',
  },
  {
    title: /^custom versions: v\w+ create of another version$|^custom values: merge \{"apiVersion"/,
    place: /^headers\.warning$/,
    reason: 'what is refused for its version is not looked into',
  },
];

export function meantFor(title: string, difference: Difference): MeantDifference | undefined {
  return meant.find(
    (one) =>
      (one.title?.test(title) ?? true) &&
      (one.place?.test(difference.place) ?? true) &&
      (one.values?.(difference) ?? true),
  );
}
