/** The part of dcmjs that tests read results and write marks with; the package has no types. */
declare module 'dcmjs' {
  interface Element { vr: string; Value: unknown[] }
  const dcmjs: {
    data: {
      DicomMessage: { readFile(bytes: ArrayBuffer): { dict: Record<string, Element>; meta: Record<string, Element>; write(options?: { allowInvalidVRLength?: boolean }): ArrayBuffer } };
      DicomMetaDictionary: {
        naturalizeDataset(dataset: object): object;
        dictionary: Record<string, { tag: string; vr: string; name: string }>;
      };
    };
  };
  export default dcmjs;
}
