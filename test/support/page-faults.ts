/**
 * Stock OHIF lets an image arrive at a stack viewport that a layout change has removed meanwhile, and throws then.
 * With a frame of our plugins in its stack, the same error would be ours: we would have kept a viewport for too long.
 */
export const isLateImageOfOhif = (error: Error): boolean => error.message.startsWith('The stack viewport has been destroyed') && error.stack !== undefined && isOfOhif(error);

/** Stock OHIF's worker asks for the rest of its script when it is first used, and throws where the server is down just then. */
export const isScriptOfOhifCutOff = (error: Error): boolean => `${error.name}: ${error.message}`.includes('Failed to execute \'importScripts\'') && isOfOhif(error);

const isOfOhif = ({ message, stack }: Error): boolean => !`${message}${stack ?? ''}`.includes('/plugins/');
