import * as z from 'zod';
import { named, notA, oneOf, settings, wholeNumber } from './schema-words.ts';

// The shape of `guards` and `canary`. How a canary's names refer to the sync is `guard-faults.ts`.

const percent = (max: number) => {
  const error = notA(`a percentage above 0 and up to ${max}`, 'change it; to let one run pass, approve it');
  return z.number({ error }).gt(0, { error }).max(max, { error });
};

export const guardsSchema = settings(
  {
    deletesPercent: percent(50).optional(),
    altersPercent: percent(100).optional(),
    firstSyncApproval: oneOf(['auto', 'ask'], 'a way to begin').optional(),
    loop: settings(
      { sameValuePerHour: wholeNumber(1, 100, 'writes').optional(), reactionsPerDay: wholeNumber(1, 1_000, 'edits').optional() },
      'loop',
    ).optional(),
  },
  'guards',
);

export const canarySchema = settings(
  {
    field: z.string({ error: notA('a field', 'name a text field of this sync') }),
    objects: named(
      z
        .string({ error: notA('the id of an object', 'copy it from the CRM') })
        .min(1, { error: 'is empty; copy the id from the CRM' }),
      'a list of object ids by system',
    ),
  },
  'canary',
);
