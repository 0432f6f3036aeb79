/**
 * The name that a physician has in statistics and exports. The word before it keeps it apart from the pseudonym of a
 * patient whose id reads the same.
 */
export const physicianPseudonym = (pseudonym: (personal: string) => string, name: string): string => pseudonym(`physician ${name.trim()}`);
