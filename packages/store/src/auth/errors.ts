/** What can be wrong with users, roles and credentials, in etcd's texts and codes. */
import { GrpcError, Status, type StatusCode } from '@timonier/grpc';

function make(code: StatusCode, text: string): () => GrpcError {
  return () => new GrpcError(code, `etcdserver: ${text}`);
}

export const authError = {
  rootUserNotExist: make(Status.FAILED_PRECONDITION, 'root user does not exist'),
  rootRoleNotExist: make(Status.FAILED_PRECONDITION, 'root user does not have root role'),
  userAlreadyExists: make(Status.FAILED_PRECONDITION, 'user name already exists'),
  userEmpty: make(Status.INVALID_ARGUMENT, 'user name is empty'),
  userNotFound: make(Status.FAILED_PRECONDITION, 'user name not found'),
  roleAlreadyExists: make(Status.FAILED_PRECONDITION, 'role name already exists'),
  roleNotFound: make(Status.FAILED_PRECONDITION, 'role name not found'),
  roleEmpty: make(Status.INVALID_ARGUMENT, 'role name is empty'),
  authFailed: make(Status.INVALID_ARGUMENT, 'authentication failed, invalid user ID or password'),
  /** Not in etcd's table of texts, so it travels as UNKNOWN. */
  noPasswordUser: () =>
    new GrpcError(Status.UNKNOWN, 'auth: authentication failed, password was given for no password user'),
  verifyOnly: () => new GrpcError(Status.UNKNOWN, 'auth: token signing attempted with verify-only key'),
  unknownHash: () =>
    new GrpcError(
      Status.INVALID_ARGUMENT,
      'timonier store: hashed_password is not a scrypt hash of this store; send the password instead',
    ),
  permissionDenied: make(Status.PERMISSION_DENIED, 'permission denied'),
  permissionNotGiven: make(Status.INVALID_ARGUMENT, 'permission not given'),
  roleNotGranted: make(Status.FAILED_PRECONDITION, 'role is not granted to the user'),
  permissionNotGranted: make(Status.FAILED_PRECONDITION, 'permission is not granted to the role'),
  notEnabled: make(Status.FAILED_PRECONDITION, 'authentication is not enabled'),
  invalidToken: make(Status.UNAUTHENTICATED, 'invalid auth token'),
  invalidManagement: make(Status.INVALID_ARGUMENT, 'invalid auth management'),
  oldRevision: make(Status.INVALID_ARGUMENT, 'revision of auth store is old'),
} as const;
