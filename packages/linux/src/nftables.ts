/**
 * Applies nftables rulesets. A ruleset is text in nft's own language; the kernel takes it whole or not at all.
 *
 * The work is done in this process through libnftables, because programs that refresh an element several times a
 * second cannot afford a fork each time. Where the library is missing, `nft -f -` does the same. The network
 * namespace is the one of the calling thread.
 */
import { spawnSync } from 'node:child_process';
import { koffi } from './native.ts';

class NftError extends Error {
  override readonly name = 'NftError';
}

interface Library {
  readonly context: unknown;
  readonly run: (context: unknown, text: string) => number;
  readonly output: (context: unknown) => string | null;
  readonly error: (context: unknown) => string | null;
}

let library: Library | null | undefined;

/**
 * Runs nft commands in one transaction and returns what they print. Blocks for the time the kernel needs.
 * Throws NftError with nft's own words; the kernel's rules are then unchanged.
 */
export function applyNft(ruleset: string): string {
  library ??= open();
  return library === null ? applyByCommand(ruleset) : applyByLibrary(library, ruleset);
}

function open(): Library | null {
  let handle;
  try {
    handle = koffi.load('libnftables.so.1');
  } catch {
    return null;
  }
  const context: unknown = handle.func('void *nft_ctx_new(uint32_t flags)')(0);
  if (context === null) return null;
  // From here on, what nft would print is kept in buffers of the context, emptied by each run.
  handle.func('int nft_ctx_buffer_output(void *context)')(context);
  handle.func('int nft_ctx_buffer_error(void *context)')(context);
  return {
    context,
    run: handle.func('int nft_run_cmd_from_buffer(void *context, const char *text)'),
    output: handle.func('const char *nft_ctx_get_output_buffer(void *context)'),
    error: handle.func('const char *nft_ctx_get_error_buffer(void *context)'),
  };
}

function applyByLibrary({ context, run, output, error }: Library, ruleset: string): string {
  const result = run(context, ruleset);
  const printed = output(context) ?? '';
  const complaint = error(context) ?? '';
  if (result !== 0) throw new NftError(`nftables refused the rules: ${firstLines(complaint)}`);
  return printed;
}

function applyByCommand(ruleset: string): string {
  const result = spawnSync('nft', ['-f', '-'], { input: ruleset, encoding: 'utf8', timeout: 30_000 });
  if (result.error !== undefined) {
    throw new NftError(
      `cannot run nft: ${result.error.message}; install the Debian package nftables or libnftables1`,
      { cause: result.error },
    );
  }
  if (result.status !== 0) throw new NftError(`nftables refused the rules: ${firstLines(result.stderr)}`);
  return result.stdout;
}

function firstLines(text: string): string {
  return text.trim().split('\n').slice(0, 4).join('\n');
}
