/** How a master is started again. */
export interface MasterCommand {
  /** Absolute path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a keeper is told by its master: a JSON line, the first on its standard input. */
export interface KeeperOrder {
  readonly command: MasterCommand;
  /** Variable that gets the number of masters in a row that died soon after their start. */
  readonly deathsVariable: string;
  /** That number so far. */
  readonly deaths: number;
  /** Exit codes after which nobody is started again: of a master that was stopped, or has found another one. */
  readonly finalExitCodes: readonly number[];
  readonly masterPid: number;
  /** Age of the master, in milliseconds. */
  readonly masterLivedMs: number;
  /** Name of the start file, for the log. */
  readonly name: string;
  readonly logFile: string;
  /** Said at the terminal when the master was killed; null where there is none. */
  readonly notice: string | null;
  /** Where the keeper listens for the process that is in charge from then on. */
  readonly socketPath: string;
}

/** Lines that follow: from now on a master that dies is started again; and the master ends in an orderly way. */
export type KeeperWord = 'armed' | 'farewell';
