import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fetchInstance, firstPart } from '../../../extension/src/download.ts';

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
