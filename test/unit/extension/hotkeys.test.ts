import { expect, it, vi } from 'vitest';
import { getCommandsModule } from '../../../extension/src/getCommandsModule.ts';
import { getCustomizationModule } from '../../../extension/src/getCustomizationModule.ts';
import type { TumourSession } from '../../../extension/src/tumour-session.ts';

/** Of OHIF 3.13.2. */
const OHIFS = ['z', '+', '-', '=', 'r', 'l', 'h', 'v', 'c', 'i', 'right', 'left', 'pageup', 'pagedown', '.', ',', 'down', 'up', 'home', 'end', 'space', 'esc', '1', '2', '3', '4', 'backspace', 'enter', 'ctrl+z', 'ctrl+y', 'n', '[', ']', 'e', 'b', 'a'];

it('every key has one command, which is there, and takes none of OHIF\'s', () => {
  vi.stubGlobal('localStorage', { getItem: () => 'en-GB' });
  const bindings = getCustomizationModule().flatMap(({ value }) => (value as { 'ohif.hotkeyBindings'?: { $push: { commandName: string; keys: string[] }[] } })['ohif.hotkeyBindings']?.$push ?? []);
  vi.unstubAllGlobals();
  const keys = [...OHIFS, ...bindings.flatMap(binding => binding.keys)];
  expect(keys).toEqual([...new Set(keys)]);
  const { definitions } = getCommandsModule({} as TumourSession);
  expect(Object.keys(definitions)).toEqual(expect.arrayContaining(bindings.map(({ commandName }) => commandName)));
});
