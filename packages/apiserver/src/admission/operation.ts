/** What a write does to its object, in the words of webhooks and policies. */
export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
