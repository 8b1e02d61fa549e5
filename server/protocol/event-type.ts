/** What a watch event announces. Source: client-protocol, section 8. A server sends 1 to 4 only. */
export const EventType = {
  NONE: -1,
  NODE_CREATED: 1,
  NODE_DELETED: 2,
  NODE_DATA_CHANGED: 3,
  NODE_CHILDREN_CHANGED: 4,
  DATA_WATCH_REMOVED: 5,
  CHILD_WATCH_REMOVED: 6,
  PERSISTENT_WATCH_REMOVED: 7,
} as const;
export type EventType = (typeof EventType)[keyof typeof EventType];

/** The `state` field of a watch event. */
export const KeeperState = {
  DISCONNECTED: 0,
  SYNC_CONNECTED: 3,
  AUTH_FAILED: 4,
  CONNECTED_READ_ONLY: 5,
  SASL_AUTHENTICATED: 6,
  CLOSED: 7,
  EXPIRED: -112,
} as const;
export type KeeperState = (typeof KeeperState)[keyof typeof KeeperState];
