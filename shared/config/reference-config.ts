// Fields that stand for another record: a contact's company. Their canonical value is the id of that record; each system has
// an id of its own for it.

/**
 * A tie between two objects of HubSpot, where a field of another system holds the other object's id.
 *
 * @param to - the other object's type in HubSpot: `companies`.
 * @param label - a kind of tie of which an object has one at most: to its primary company, to the parent of a company.
 */
export const association = (to: string, label: 'primary' | 'parent'): string => `association:${to}:${label}`;
