/** The config cannot be used. The message lists every fault: where it is, what stands there, what would be right. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One sentence each, beginning with the path in the config. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`concord.config.ts cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}
