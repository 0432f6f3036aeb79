export const ROLES = ['reader', 'radiologist', 'service', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What a request needs: to see, to start and cancel runs, to judge results, to change models, tokens and MLflow. */
export const PERMISSIONS = ['view', 'run', 'review', 'store', 'administer'] as const;
export type Permission = (typeof PERMISSIONS)[number];

const GRANTED: Record<Role, readonly Permission[]> = {
  reader: ['view'],
  radiologist: ['view', 'run', 'review', 'store'],
  service: ['view', 'run', 'store'],
  admin: ['view', 'run', 'review', 'store', 'administer'],
};

export const may = (role: Role, permission: Permission): boolean => GRANTED[role].includes(permission);

/** Who asks: the name and role of the token behind the request. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}
