/** Plain label maps, as Services select by; LabelSelector objects are matched by `selectorMatches` of the API package. */

/** True when every wanted label is there with its value. */
export function matchesLabels(
  wanted: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted).every(([key, value]) => labels?.[key] === value);
}
