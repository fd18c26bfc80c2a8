import userConfig from '../concord.config.ts';

/** The user's config as written: enough for functions that map no fields, and small in their bundles. */
export const config = userConfig;
export const tenant = userConfig.tenant;
