/** Who made a write, as HubSpot tells it in webhooks and in property histories. */
export interface Author {
  readonly kind: 'person' | 'api';
  /** The person's name, or the id of the app. */
  readonly name: string;
  readonly changeSource: string;
  readonly sourceId: string;
  readonly userId?: number;
}

/** A person at the CRM's own page: `CRM_UI`, `userId:42`. */
export function personAuthor(name: string, userId: number): Author {
  return { kind: 'person', name, changeSource: 'CRM_UI', sourceId: `userId:${userId}`, userId };
}

/** An app that writes through the API: `INTEGRATION` with the app's id (seen in captured deliveries, not documented). */
export function appAuthor(appId: number): Author {
  return { kind: 'api', name: String(appId), changeSource: 'INTEGRATION', sourceId: String(appId) };
}

/** What was there before anybody watched. */
export const importAuthor: Author = { kind: 'person', name: 'import', changeSource: 'IMPORT', sourceId: '1' };
