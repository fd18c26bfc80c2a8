import type { ApiAnswer, ApiCall } from './api-call.ts';
import { dateHeaderMs, ok } from './api-call.ts';
import { tableAt } from './api-writes.ts';
import { type FieldSpec, type FieldType, isFilterable, isText, type ObjectSchema } from './object-schema.ts';
import type { Org } from './org.ts';

/** `/sobjects`, `/sobjects/T` and `/sobjects/T/describe`, with the members that real describes have. */

const SOAP_TYPES: Readonly<Partial<Record<FieldType, string>>> = {
  id: 'tns:ID',
  reference: 'tns:ID',
  boolean: 'xsd:boolean',
  int: 'xsd:int',
  double: 'xsd:double',
  currency: 'xsd:double',
  percent: 'xsd:double',
  date: 'xsd:date',
  datetime: 'xsd:dateTime',
  address: 'urn:address',
};

export function listObjects(org: Org, call: ApiCall): ApiAnswer {
  const sobjects = org.objects.flatMap((name) => {
    const schema = org.table(name)?.schema;
    return schema ? [summaryOf(schema, call.version)] : [];
  });
  return ok({ encoding: 'UTF-8', maxBatchSize: 200, sobjects });
}

export function objectSummary(org: Org, call: ApiCall): ApiAnswer {
  return ok({ objectDescribe: summaryOf(tableAt(org, call).schema, call.version), recentItems: [] });
}

/** @param changedAtMs - when the definitions were made; an `If-Modified-Since` from then on gets 304. */
export function describeObject(org: Org, call: ApiCall, changedAtMs: number): ApiAnswer {
  const { schema } = tableAt(org, call);
  const since = dateHeaderMs(call, 'if-modified-since');
  if (since !== undefined && since >= Math.floor(changedAtMs / 1000) * 1000) return { status: 304 };
  return {
    status: 200,
    headers: { 'last-modified': new Date(changedAtMs).toUTCString() },
    body: {
      actionOverrides: [],
      ...summaryOf(schema, call.version),
      childRelationships: [],
      compactLayoutable: true,
      fields: schema.fields.map((field) => fieldDescribe(field)),
      listviewable: null,
      lookupLayoutable: null,
      namedLayoutInfos: [],
      networkScopeFieldName: null,
      recordTypeInfos: [
        { active: true, available: true, defaultRecordTypeMapping: true, developerName: 'Master', master: true, name: 'Master' },
      ],
      searchLayoutable: true,
      supportedScopes: [{ label: 'All', name: 'everything' }],
    },
  };
}

function summaryOf(schema: ObjectSchema, version: string) {
  const url = `/services/data/v${version}/sobjects/${schema.name}`;
  return {
    activateable: false,
    associateEntityType: null,
    associateParentEntity: null,
    createable: !schema.readOnly,
    custom: schema.custom,
    customSetting: false,
    deepCloneable: false,
    deletable: !schema.readOnly,
    deprecatedAndHidden: false,
    feedEnabled: false,
    hasSubtypes: false,
    isInterface: false,
    isSubtype: false,
    keyPrefix: schema.keyPrefix,
    label: schema.label,
    labelPlural: schema.labelPlural,
    layoutable: true,
    mergeable: schema.mergeable,
    mruEnabled: true,
    name: schema.name,
    queryable: true,
    replicateable: true,
    retrieveable: true,
    searchable: true,
    triggerable: true,
    undeletable: !schema.readOnly,
    updateable: !schema.readOnly,
    urls: { sobject: url, describe: `${url}/describe`, rowTemplate: `${url}/{ID}` },
  };
}

function fieldDescribe(field: FieldSpec) {
  const writable = !field.readOnly && !field.formula;
  const length = field.length ?? (field.type === 'reference' ? 18 : 0);
  const isNumber = ['double', 'currency', 'percent'].includes(field.type);
  return {
    aggregatable: isFilterable(field),
    aiPredictionField: false,
    autoNumber: false,
    byteLength: length * (field.type === 'id' || field.type === 'reference' ? 1 : 3),
    calculated: field.custom === true && field.formula !== undefined,
    calculatedFormula: null,
    cascadeDelete: false,
    caseSensitive: field.caseSensitive ?? false,
    compoundFieldName: field.compound?.field ?? null,
    controllerName: null,
    createable: writable,
    custom: field.custom ?? false,
    defaultValue: field.defaultValue ?? (field.type === 'boolean' ? false : null),
    defaultValueFormula: null,
    defaultedOnCreate: field.system === true || field.type === 'boolean' || field.name === 'OwnerId',
    dependentPicklist: false,
    deprecatedAndHidden: false,
    digits: field.type === 'int' ? (field.precision ?? 8) : 0,
    displayLocationInDecimal: false,
    encrypted: false,
    externalId: field.externalId ?? false,
    extraTypeInfo: field.type === 'textarea' ? 'plaintextarea' : null,
    filterable: isFilterable(field),
    filteredLookupInfo: null,
    formulaTreatNullNumberAsZero: false,
    groupable: isFilterable(field) && field.type !== 'datetime' && !isNumber,
    highScaleNumber: false,
    htmlFormatted: false,
    idLookup: field.idLookup ?? false,
    inlineHelpText: null,
    label: field.label,
    length,
    mask: null,
    maskType: null,
    name: field.name,
    nameField: field.name === 'Name',
    namePointing: false,
    nillable: !field.required && !(field.system && field.name !== 'MasterRecordId') && field.type !== 'boolean',
    permissionable: !field.system && !field.required,
    picklistValues: (field.picklist ?? []).map((value) => ({
      active: true,
      defaultValue: false,
      label: value,
      validFor: null,
      value,
    })),
    polymorphicForeignKey: false,
    precision: isNumber ? (field.precision ?? 18) : 0,
    queryByDistance: field.type === 'address',
    referenceTargetField: null,
    referenceTo: field.referenceTo === undefined ? [] : [field.referenceTo],
    relationshipName: field.relationshipName ?? null,
    relationshipOrder: null,
    restrictedDelete: false,
    restrictedPicklist: field.restricted ?? false,
    scale: isNumber ? (field.scale ?? 0) : 0,
    searchPrefilterable: false,
    soapType: SOAP_TYPES[field.type] ?? 'xsd:string',
    sortable: isFilterable(field) && (isText(field) || field.type !== 'multipicklist'),
    type: field.type,
    unique: field.unique ?? false,
    updateable: writable,
    writeRequiresMasterRead: false,
  };
}
