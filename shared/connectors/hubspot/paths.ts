import { RequestRefusedError } from '../../errors.ts';

/** A name (contacts), a type id (0-1, 2-3456) or the full name of a custom object (p123_car). */
const OBJECT_TYPE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,100}$/;

export interface HubSpotPaths {
  /** Collection of an object type; `/batch/read`, `/search` and `/{id}` hang below it. */
  objects(object: string): string;
  properties(object: string): string;
  associations(from: string, to: string, act: 'read' | 'create' | 'archive'): string;
  readonly token: string;
}

/**
 * Paths of an API version: `v3`, or a dated one. HubSpot:
 * developers.hubspot.com/docs/developer-tooling/platform/versioning
 */
export function hubspotPaths(system: string, apiVersion: string): HubSpotPaths {
  const checked = (object: string) => {
    if (OBJECT_TYPE.test(object)) return object;
    throw new RequestRefusedError(system, 'BAD_NAME', `"${object.slice(0, 60)}" is no object type; check the mapping`);
  };
  if (apiVersion === 'v3') {
    return {
      objects: (object) => `/crm/v3/objects/${checked(object)}`,
      properties: (object) => `/crm/v3/properties/${checked(object)}`,
      associations: (from, to, act) => `/crm/v4/associations/${checked(from)}/${checked(to)}/batch/${act}`,
      token: '/oauth/v1/token',
    };
  }
  return {
    objects: (object) => `/crm/objects/${apiVersion}/${checked(object)}`,
    properties: (object) => `/crm/properties/${apiVersion}/${checked(object)}`,
    associations: (from, to, act) => `/crm/associations/${apiVersion}/${checked(from)}/${checked(to)}/batch/${act}`,
    // The token endpoint has its own date.
    token: '/oauth/2026-03/token',
  };
}
