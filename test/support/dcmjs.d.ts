/** The part of dcmjs that tests read results with; the package has no types. */
declare module 'dcmjs' {
  const dcmjs: {
    data: {
      DicomMessage: { readFile(bytes: ArrayBuffer): { dict: object } };
      DicomMetaDictionary: { naturalizeDataset(dataset: object): object };
    };
  };
  export default dcmjs;
}
