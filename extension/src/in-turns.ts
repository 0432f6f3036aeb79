/** Images worked on in one go, so that the page stays responsive. */
const AT_ONCE = 16;

/** Lets the page paint, and do what else waits, before what comes next. */
export const nextTask = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 0));

/** Works on images one after the other, with a pause after every few. @param work answers false to stop there */
export async function inTurns<T>(images: readonly T[], work: (image: T, n: number) => boolean | void): Promise<void> {
  for (const [n, image] of images.entries()) {
    if (n % AT_ONCE === AT_ONCE - 1) await nextTask();
    if (work(image, n) === false) return;
  }
}
