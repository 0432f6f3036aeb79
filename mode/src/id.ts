export const MODE_ID = 'cerebloom';
/** The mode's path: `/cerebloom?StudyInstanceUIDs=…`. */
export const ROUTE_NAME = 'cerebloom';
