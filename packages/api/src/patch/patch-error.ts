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

  constructor(code: 400 | 413 | 422, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
