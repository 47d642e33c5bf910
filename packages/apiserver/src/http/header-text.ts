/** Names of users in headers: Node gives and takes each byte of a header as one character, and who reads them means UTF-8. */

/** What a header says. */
export function textOf(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}

/** A text as the value of a header. */
export function headerOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
