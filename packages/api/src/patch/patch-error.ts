/** What the library says of the operation that failed. */
interface Operation {
  readonly op: string;
  readonly path?: string;
  readonly from?: string;
}

/** A patch that cannot be applied. `code` is the HTTP status the API server answers with. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
  /** 400: not a patch; 413: too many operations; 422: a well-formed patch that does not fit the object. */
  readonly code: 400 | 413 | 422;

  /** True when a patch did not apply because one of its tests said so. */
  get isFailedTest(): boolean {
    const { cause } = this;
    return cause instanceof Error && cause.name === 'TEST_OPERATION_FAILED';
  }

  /** Why a well-formed patch did not fit, in the words that upstream keeps for those who made it. */
  get detail(): string {
    const { name, operation } = Object(this.cause) as { name?: string; operation?: Operation };
    if (operation === undefined) return this.message;
    const { op, path = '', from = '' } = operation;
    if (name === 'OPERATION_OP_INVALID') return `Unexpected kind: ${op}`;
    if (name === 'TEST_OPERATION_FAILED') return `testing value ${path} failed: test failed`;
    const key = path.slice(path.lastIndexOf('/') + 1);
    switch (op) {
      case 'add':
        return `add operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`;
      case 'remove':
        return `error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`;
      case 'replace':
        return `replace operation does not apply: doc is missing path: ${path}: missing value`;
      case 'test':
        return `test operation does not apply: is missing path: ${path}: missing value`;
      case 'move':
      case 'copy':
        return `${op} operation does not apply: doc is missing from path: ${from}: missing value`;
      default:
        return this.message;
    }
  }

  constructor(code: 400 | 413 | 422, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
