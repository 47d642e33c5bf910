interface Operation {
  readonly op?: string | null;
  readonly path?: string | null;
  readonly from?: string | null;
}

/** One operation of a JSON patch could not be carried out: there is none of that name, its test failed, or its place is not there. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly operation: Operation;
  readonly why: 'unknown' | 'test' | 'place';

  constructor(operation: Operation, why: OperationError['why'], options?: ErrorOptions) {
    super(`${operation.op ?? 'nothing'} ${operation.path ?? ''}`, options);
    this.operation = operation;
    this.why = why;
  }
}

/** A patch that cannot be applied. `code` is the HTTP status the API server answers with. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
  /** 400: not a patch; 413: too many operations; 422: a well-formed patch that does not fit the object. */
  readonly code: 400 | 413 | 422;

  /** True when a patch did not apply because one of its tests said so. */
  get isFailedTest(): boolean {
    return this.cause instanceof OperationError && this.cause.why === 'test';
  }

  /** Why a well-formed patch did not fit, in the words that upstream keeps for those who made it. */
  get detail(): string {
    if (!(this.cause instanceof OperationError)) return this.message;
    const { operation, why } = this.cause;
    const { op } = operation;
    const [path, from] = [operation.path ?? '', operation.from ?? ''];
    if (why === 'unknown') return `Unexpected kind: ${op}`;
    if (why === 'test') return `testing value ${path} failed: test failed`;
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
