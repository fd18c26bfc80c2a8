import * as z from 'zod';
import { isoStamp } from './timestamps.ts';

const optionSchema = z.object({
  label: z.string(),
  value: z.string(),
  description: z.string().optional(),
  displayOrder: z.int().optional(),
  hidden: z.boolean().optional(),
});

/** A property as a client creates it. HubSpot: developers.hubspot.com/docs/api-reference/crm-properties-v3/guide */
export const propertyInputSchema = z.object({
  name: z.string().regex(/^[a-z][a-z0-9_]*$/, 'property names are lower case letters, digits and underscores'),
  label: z.string(),
  type: z.enum(['string', 'number', 'date', 'datetime', 'enumeration', 'bool']),
  fieldType: z.enum([
    'textarea',
    'text',
    'date',
    'file',
    'number',
    'select',
    'radio',
    'checkbox',
    'booleancheckbox',
    'phonenumber',
    'calculation_equation',
  ]),
  groupName: z.string(),
  description: z.string().optional(),
  displayOrder: z.int().optional(),
  hasUniqueValue: z.boolean().optional(),
  hidden: z.boolean().optional(),
  formField: z.boolean().optional(),
  options: z.array(optionSchema).max(5000).optional(),
});
export type PropertyInput = z.infer<typeof propertyInputSchema>;

export const propertyPatchSchema = propertyInputSchema.omit({ name: true, hasUniqueValue: true }).partial();

export const propertyDefinitionSchema = propertyInputSchema.extend({
  name: z.string(),
  hubspotDefined: z.boolean(),
  calculated: z.boolean(),
  readOnlyValue: z.boolean(),
  archived: z.boolean(),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
});
export type PropertyDefinition = z.infer<typeof propertyDefinitionSchema>;

/** A property as the API shows it. */
export function shownProperty(definition: PropertyDefinition): Record<string, unknown> {
  const { hubspotDefined, readOnlyValue, createdAtMs, updatedAtMs } = definition;
  const stamps = hubspotDefined ? {} : { createdAt: isoStamp(createdAtMs) };
  return {
    name: definition.name,
    label: definition.label,
    type: definition.type,
    fieldType: definition.fieldType,
    description: definition.description ?? '',
    groupName: definition.groupName,
    options: (definition.options ?? []).map((option, index) => ({ displayOrder: index, hidden: false, ...option })),
    displayOrder: definition.displayOrder ?? -1,
    calculated: definition.calculated,
    externalOptions: false,
    archived: definition.archived,
    hasUniqueValue: definition.hasUniqueValue ?? false,
    hidden: definition.hidden ?? false,
    hubspotDefined,
    modificationMetadata: { archivable: !hubspotDefined, readOnlyDefinition: hubspotDefined, readOnlyValue },
    formField: definition.formField ?? false,
    updatedAt: isoStamp(updatedAtMs),
    ...stamps,
  };
}
