/** The systems this stack connects, each with its own queues, functions, budget and alarms: one that hangs stalls only itself. */
export const systemNames = ['salesforce', 'hubspot'] as const;
export type SystemName = (typeof systemNames)[number];
export type BySystem<T> = Readonly<Record<SystemName, T>>;

/** One value per system, in a fixed order. */
export function bySystem<T>(make: (system: SystemName) => T): BySystem<T> {
  return { salesforce: make('salesforce'), hubspot: make('hubspot') };
}

/** The system's name as it begins a construct's id: `Salesforce`. */
export function idPrefix(system: SystemName): string {
  return { salesforce: 'Salesforce', hubspot: 'Hubspot' }[system];
}
