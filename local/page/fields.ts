import config from '../../concord.config.ts';
import type { NativeValue } from '../../shared/sync/change-hint.ts';

export const SYSTEMS = ['salesforce', 'hubspot'] as const;
export type System = (typeof SYSTEMS)[number];

export const SYSTEM_NAMES: Readonly<Record<System, string>> = { salesforce: 'Salesforce', hubspot: 'HubSpot' };
/** Whose edits those made on this page are. */
export const PERSONS: Readonly<Record<System, string>> = { salesforce: 'Ada', hubspot: 'Grace' };

export function isSystem(name: string): name is System {
  return name === 'salesforce' || name === 'hubspot';
}

export function otherSystem(system: System): System {
  return system === 'salesforce' ? 'hubspot' : 'salesforce';
}

/** Where the config names a system of its own, its name is shown as it stands. */
export function nameOf(system: string): string {
  return isSystem(system) ? SYSTEM_NAMES[system] : system;
}

/** One column: a canonical field of the config with its native names. */
export interface Column {
  readonly field: string;
  readonly label: string;
  readonly kind: string;
  /** Absent where the system does not have the field. */
  readonly native: Readonly<Partial<Record<System, string>>>;
}

/** What a reader looks for first stands first; all else follows in the order of the config. */
const FIRST_COLUMNS = ['firstName', 'lastName', 'email', 'phone', 'jobTitle', 'city'];
const LABELS: Readonly<Record<string, string>> = {
  email: 'E-mail',
  dateOfBirth: 'Born',
  personNumber: 'Person no.',
  postalCode: 'Postcode',
};

/** The page shows people; companies and deals travel beside them unseen. */
const SHOWN_SYNC = config.syncs.find((sync) => sync.name === 'contacts') ?? config.syncs[0];

/** The columns of the mapping in force: whoever edits the config sees the edit here. */
export const COLUMNS: readonly Column[] = columnsOf();
export const MATCH_KEYS: readonly (readonly string[])[] = SHOWN_SYNC?.matchKeys ?? [];
const OBJECTS = SHOWN_SYNC?.objects ?? {};

/** The native field that carries Concord's record id. */
export function externalIdField(system: System): string | undefined {
  return OBJECTS[system]?.externalId;
}

/** False for an object type that the page does not show; true where nothing is said of it. */
export function isShownObject(system: string, object: string | undefined): boolean {
  return object === undefined || OBJECTS[system]?.type === object;
}

export function isShownSync(sync: string | undefined): boolean {
  return sync === undefined || sync === SHOWN_SYNC?.name;
}

const byNative = new Map<string, Column>(
  SYSTEMS.flatMap((system) => COLUMNS.map((column) => [`${system}:${column.native[system] ?? ''}`, column] as const)),
);

export function columnOf(system: string, native: string): Column | undefined {
  return byNative.get(`${system}:${native}`);
}

/** `jobTitle` as people write it: "job title". */
export function wordsOf(field: string): string {
  return COLUMNS.find((column) => column.field === field)?.label.toLowerCase() ?? spaced(field);
}

/** What a cell shows; an empty text for what is not set. */
export function textOf(value: NativeValue | undefined): string {
  return value === null || value === undefined ? '' : String(value);
}

/** Close enough to the engine's own comparison to say that two cells hold the same thing. */
export function looseCanon(kind: string, value: NativeValue | undefined): string {
  const text = textOf(value).trim().normalize('NFC');
  if (kind === 'phone') return text.replace(/\D/g, '').slice(-8);
  if (kind === 'date') return text.slice(0, 10);
  return kind === 'email' ? text.toLowerCase() : text;
}

function columnsOf(): Column[] {
  // What a reference shows is an id that means something in one system only.
  const fields = Object.entries(SHOWN_SYNC?.fields ?? {}).filter(([, { kind }]) => kind !== 'reference');
  const rank = (field: string) => {
    const found = FIRST_COLUMNS.indexOf(field);
    return found === -1 ? FIRST_COLUMNS.length : found;
  };
  return fields
    .map(([field, { kind, in: sides }]) => {
      const native: Partial<Record<System, string>> = {};
      for (const system of SYSTEMS) {
        const side = sides[system];
        if (side !== undefined) native[system] = typeof side === 'string' ? side : side.field;
      }
      const words = spaced(field);
      return { field, label: LABELS[field] ?? words.charAt(0).toUpperCase() + words.slice(1), kind: kind ?? 'text', native };
    })
    .sort((a, b) => rank(a.field) - rank(b.field));
}

function spaced(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
