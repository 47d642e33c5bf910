/**
 * `--token-auth-file`: a CSV file with a line for each token: token, user, uid and, in quotes where there are several,
 * groups. Source: "Static token file" of the Kubernetes documentation. Read once, at the start.
 */
import type { User } from '../pipeline/authenticate.ts';
import type { TokenAnswer, TokenKind } from './token-chain.ts';

export class TokenFile implements TokenKind {
  readonly #users = new Map<string, User>();
  readonly #audience: string;

  /** `audience` is that of this API server. Throws for a line with fewer than three columns. */
  constructor(text: string, audience: string) {
    this.#audience = audience;
    for (const [i, line] of text.split(/\r?\n/).entries()) {
      if (line.trim() === '' || line.startsWith('#')) continue;
      const [token = '', name = '', uid, groups = ''] = columnsOf(line);
      if (uid === undefined || name === '')
        throw new Error(`line ${i + 1} must have at least token, user and uid, separated by commas`);
      if (token === '') continue;
      const own = groups.split(',').filter((group) => group !== '');
      this.#users.set(token, { name, uid, groups: [...own, 'system:authenticated'] });
    }
  }

  authenticate(token: string, audiences: readonly string[] = [this.#audience]): TokenAnswer {
    const user = this.#users.get(token);
    const shared = audiences.filter((audience) => audience === this.#audience);
    return user === undefined || shared.length === 0 ? undefined : { user, audiences: shared };
  }
}

/** The columns of a line; a quote within quotes is doubled. */
function columnsOf(line: string): string[] {
  const out: string[] = [];
  for (const [, quoted, plain = ''] of line.matchAll(/(?:^|,)[ \t]*(?:"((?:[^"]|"")*)"|([^,]*))/g))
    out.push(quoted?.replaceAll('""', '"') ?? plain.trim());
  return out;
}
