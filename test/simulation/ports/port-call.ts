/** Calls a port, which applies `effect` to a model when the call arrives there: the kernel's `Incarnation.call`. */
export type PortCall = <Result>(port: string, effect: () => Result) => Promise<Result>;

/** A port that nothing ever goes wrong with. */
export const atOnce: PortCall = async (_port, effect) => effect();
