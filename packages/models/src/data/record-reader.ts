/** How a batch filler gets at stored columns: given by the host, since only that knows files. */
export interface RecordReader {
  /**
   * Fills `into` with the bytes from `position` on.
   * @throws ShoalError data_corrupt when the file ends before; data_not_found when it cannot be read
   */
  read(position: number, into: Uint8Array): void;
  close(): void;
}

export type OpenRecords = (file: string) => RecordReader;

/** For places that have no files: whoever puts a stored column there has made a mistake. */
export const noRecords: OpenRecords = (file) => {
  throw new TypeError(`the samples are stored in ${file}; give the batch filler a reader for such files`);
};
