export function step<T>(title: string, task: () => Promise<T>): Promise<T>;
