/** A text in quotes, with what cannot be printed as Go's `%q` writes it: texts of errors show values so. */
const names: Readonly<Record<string, string>> = { '\u0007': '\\a', '\u000b': '\\v' };

export function goQuoted(text: string): string {
  return JSON.stringify(text)
    .replaceAll(/\\u00([0-1][0-9a-f])/g, (_all, code: string) => {
      return names[String.fromCodePoint(Number.parseInt(code, 16))] ?? `\\x${code}`;
    })
    .replaceAll('\u007f', '\\x7f');
}

/** What Go counts as printable. */
export function isPrintable(letter: string): boolean {
  return letter === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(letter);
}

/** The first letter that cannot be printed: `U+0007 (at position 1)`, in bytes; undefined where all can. */
export function firstUnprintable(text: string): string | undefined {
  // Most is plain.
  if (/^[ -~]*$/.test(text)) return undefined;
  let at = 0;
  for (const letter of text) {
    if (!isPrintable(letter)) {
      const code = (letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      return `U+${code} (at position ${at})`;
    }
    at += Buffer.byteLength(letter);
  }
  return undefined;
}
