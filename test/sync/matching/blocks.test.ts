import { describe, expect, it } from 'vitest';
import { BLOCK_SIZE_MAX, Blocks } from '../../../shared/sync/matching/blocks.ts';
import type { ScoredField } from '../../../shared/sync/matching/comparable.ts';
import { Population } from '../../../shared/sync/matching/population.ts';
import { soundex } from '../../../shared/sync/matching/soundex.ts';

const FIELDS: readonly ScoredField[] = [
  { field: 'firstName', kind: 'name' },
  { field: 'lastName', kind: 'name' },
  { field: 'postalCode', kind: 'place' },
  { field: 'dateOfBirth', kind: 'date' },
  { field: 'personNumber', kind: 'identifier' },
];

function populationOf(facts: readonly Readonly<Record<string, string>>[]): Population {
  const population = new Population(FIELDS);
  for (const [index, each] of facts.entries()) population.add({ system: 'a', objectId: `${index}` }, each);
  return population;
}

describe('blocks', () => {
  it('bring together who shares a number, half a number, a sound and a year, or a name and a place', () => {
    const ada = { firstName: 'ada', lastName: 'lovelace', postalCode: '4011', dateOfBirth: '18151210', personNumber: '69880481' };
    const blocks = new Blocks(
      populationOf([
        ada,
        { personNumber: '69880481' },
        { personNumber: '69880999' },
        { lastName: 'lovelase', dateOfBirth: '18150101' },
        { firstName: 'lovelace', postalCode: '4011' },
        { firstName: 'ada', dateOfBirth: '19000101' },
      ]),
    );
    expect(blocks.neighbours(0)).toEqual([1, 2, 3, 4]);
  });

  it('go on narrower where a block is too large, so that cost does not grow with its square', () => {
    const many = Array.from({ length: 5_000 }, (_, n) => ({
      firstName: 'john',
      lastName: 'smith',
      postalCode: '4011',
      dateOfBirth: `${1920 + (n % 80)}0101`,
      personNumber: `${1_000_000 + n * 997}`,
    }));
    const blocks = new Blocks(populationOf(many));
    for (const place of [0, 1, 2_500, 4_999]) {
      const neighbours = blocks.neighbours(place);
      expect(neighbours.length).toBeGreaterThan(50); // those of one year are still compared
      expect(neighbours.length).toBeLessThan(12 * BLOCK_SIZE_MAX);
    }
  });

  it('leave out what even the narrowest block holds too often: such objects tell nobody apart', () => {
    const blocks = new Blocks(populationOf(Array.from({ length: 1_000 }, () => ({ firstName: 'test', lastName: 'test' }))));
    expect(blocks.neighbours(0)).toEqual([]);
  });
});

describe('the sound of a name', () => {
  it.each([
    ['robert', 'r163'],
    ['rupert', 'r163'],
    ['ashcraft', 'a261'],
    ['tymczak', 't522'],
    ['pfister', 'p236'],
    ['lee', 'l000'],
  ])('%s is %s, as the National Archives write it', (name, code) => expect(soundex(name)).toBe(code));

  it('is the beginning, where the letters are others', () => expect(soundex('иванова')).toBe('иван'));
});
