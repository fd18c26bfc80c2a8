import * as z from 'zod';

// zod compiles its checks with `new Function` where it may; the page's content security policy says it may not, and
// trying is reported as an error. Imported before any schema is made.
z.config({ jitless: true });
