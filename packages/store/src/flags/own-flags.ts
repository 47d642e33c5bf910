/** Flags that only this store has. They have no variable among etcd's. */
import { booleanFlag, numberFlag, stringFlag } from '@timonier/component';

export const ownFlags = {
  'max-election-timeout': numberFlag(1500, 'to how many milliseconds measured delays may stretch it', {
    min: 1,
  }),
  'auto-disarm': booleanFlag(false, 'take puts again without `alarm disarm` once there is room'),
  witness: booleanFlag(false, 'vote and keep the log, without a state and without clients'),
  'private-socket': stringFlag('', 'unix socket without TLS for processes of this host, root only'),
};
