import type { StoredRecord } from '../../../shared/store/record-item.ts';
import type { Say } from './evidence.ts';

interface Kept {
  readonly version: number;
  readonly links: StoredRecord['links'];
}

/** I5: versions of a record rise, and what a link was last seen to hold never gives way to an older look. It remembers what it saw. */
export class RecordHistory {
  private readonly kept = new Map<string, Kept>();

  /** @param records - as they are at this moment. */
  look(records: Iterable<StoredRecord>, say: Say): void {
    const gone = new Set(this.kept.keys());
    for (const { recordId, version, links } of records) {
      gone.delete(recordId);
      const before = this.kept.get(recordId);
      this.kept.set(recordId, { version, links });
      if (before === undefined) continue;
      if (version < before.version) say('I5', `record ${recordId} went from version ${before.version} back to ${version}`);
      if (version <= before.version) continue;
      for (const [system, link] of Object.entries(links)) {
        const former = before.links[system];
        if (former === undefined || former.objectId !== link.objectId || former.objectId === undefined) continue;
        // A link that is found or tied anew begins unseen.
        const startsAnew = Object.values(link.seen).some((seen) => 'never' in seen) || former.state !== link.state;
        if (link.observedAtMs < former.observedAtMs && !startsAnew)
          say(
            'I5',
            `the look of record ${recordId} at ${system} ${link.objectId} went from ${former.observedAtMs} back to ${link.observedAtMs}`,
          );
      }
    }
    // A record stays when its objects are gone: it remembers what became of them.
    for (const recordId of gone) say('I5', `record ${recordId} is gone`);
  }
}
