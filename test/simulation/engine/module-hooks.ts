import { registerHooks } from 'node:module';
import { plantedSource } from '../runs/mutants/plant.ts';

// Loaded with `--import` before anything else. It puts the run's config and a silent log in the place of those of a deployment,
// and plants a mutant where the environment names one.

const STAND_INS: ReadonlyMap<string, string> = new Map([
  [new URL('../../../shared/telemetry/log.ts', import.meta.url).href, new URL('./silent-log.ts', import.meta.url).href],
  [new URL('../../../functions/config.ts', import.meta.url).href, new URL('./run-config.ts', import.meta.url).href],
]);
const ROOT = new URL('../../../', import.meta.url).href;
const mutant = process.env.CONCORD_MUTANT;

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const standIn = STAND_INS.get(resolved.url);
    return standIn === undefined ? resolved : { ...resolved, url: standIn };
  },
  load(url, context, next) {
    const loaded = next(url, context);
    if (mutant === undefined || !url.startsWith(ROOT) || loaded.source === undefined || loaded.source === null) return loaded;
    const source = plantedSource(mutant, url.slice(ROOT.length), String(loaded.source));
    return source === undefined ? loaded : { ...loaded, source };
  },
});
