/** The plugins that are off by default, for the text of a flag: who only reads flags needs none of them. */
export const optionalPlugins: readonly string[] = [
  'AlwaysPullImages',
  'DenyServiceExternalIPs',
  'AlwaysAdmit',
  'AlwaysDeny',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'ImagePolicyWebhook',
  'LimitPodHardAntiAffinityTopology',
  'NamespaceAutoProvision',
  'NamespaceExists',
  'OwnerReferencesPermissionEnforcement',
  'PodNodeSelector',
  'PodTolerationRestriction',
];
