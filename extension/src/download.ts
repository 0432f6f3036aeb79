import { ApiError, signed } from './inference-api.ts';

/** A stored instance as a DICOM file, by WADO-RS (PS3.18 §10.4). @throws ApiError */
export async function fetchInstance(studyUid: string, seriesUid: string, instanceUid: string): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(`/dicom-web/studies/${studyUid}/series/${seriesUid}/instances/${instanceUid}`, {
      headers: signed({ accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' }),
    });
  } catch (cause) {
    throw new ApiError(0, 'SERVER_UNREACHABLE', 'The server does not answer', cause);
  }
  if (!response.ok) throw new ApiError(response.status, response.status === 404 ? 'RESULT_NOT_FOUND' : `HTTP_${response.status}`, response.statusText);
  return firstPart(new Uint8Array(await response.arrayBuffer()));
}

/** The content of the first part of a multipart body (RFC 2046 §5.1.1), whose first line is the boundary. */
export function firstPart(body: Uint8Array): Uint8Array {
  const text = new TextDecoder('latin1').decode(body);
  const boundary = text.slice(0, text.indexOf('\r\n'));
  const begin = text.indexOf('\r\n\r\n') + 4;
  const end = text.lastIndexOf(`\r\n${boundary}`);
  return body.subarray(begin, end < begin ? body.length : end);
}

/** Gives the reader a file. */
export function saveFile(name: string, content: BlobPart, type: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
