import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fetchInstance, firstPart } from '../../../extension/src/download.ts';
import { authorizeBy } from '../../../extension/src/inference-api.ts';

afterEach(() => vi.unstubAllGlobals());

const multipart = (content: Uint8Array) => Buffer.concat([
  Buffer.from('--a-boundary\r\nContent-Type: application/dicom\r\nContent-Length: 3\r\n\r\n'), content, Buffer.from('\r\n--a-boundary--\r\n'),
]);

describe('a stored instance', () => {
  it('is the content of the only part, byte for byte', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), content => {
      expect([...firstPart(multipart(content))]).toEqual([...content]);
    }));
  });

  it('that is gone is named so', async () => {
    vi.stubGlobal('fetch', async () => new Response('', { status: 404 }));
    await expect(fetchInstance('1.2', '1.2.3', '1.2.3.4')).rejects.toMatchObject({ code: 'RESULT_NOT_FOUND', status: 404 });
  });
});

it('a file is asked for with the token of a viewer that signs in by itself', async () => {
  const asked = vi.spyOn(globalThis, 'fetch').mockResolvedValue(new Response('--b\r\n\r\nx\r\n--b--'));
  authorizeBy(() => ({ Authorization: 'Bearer of the viewer' }));
  await fetchInstance('1.2', '1.3', '1.4');
  expect(asked.mock.calls[0]![1]!.headers).toMatchObject({ authorization: 'Bearer of the viewer' });
  authorizeBy(() => undefined);
  asked.mockRestore();
});
