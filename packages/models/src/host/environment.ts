/** What loading a data set may use of the process. */
export interface DatasetEnvironment {
  /** Where the user keeps data (`--data`, `SHOAL_DATA`). */
  readonly dataFolder?: string | undefined;
  /** Where downloads and the samples of large data sets are kept; made when missing. */
  readonly cacheFolder: string;
  /** Bytes of decoded values up to which a data set is kept in memory; default 256 MiB. Larger ones go to files. */
  readonly memoryLimitBytes?: number | undefined;
  /** Start of relative paths in a specification; default the working folder. */
  readonly baseFolder?: string | undefined;
  /** Default the platform's fetch. */
  readonly fetch?: typeof fetch | undefined;
  /** Base addresses of the MNIST files; default two public mirrors. Empty: never download. */
  readonly mirrors?: readonly string[] | undefined;
  /** Takes lines for people, such as a download's start. */
  readonly log?: ((line: string) => void) | undefined;
}
