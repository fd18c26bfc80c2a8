import process from 'node:process';
import { synthesize } from './synthesize.ts';

// Run by the CDK command line (`npx cdk deploy`), which sets CDK_OUTDIR and prints the messages itself, and by `npm run synth`.
const { assemblyDir, stackName, bundles, messages } = synthesize({ outdir: 'cdk.out', validate: true });
if (process.env.CDK_OUTDIR === undefined) {
  for (const { level, entry } of messages) console.error(`${level}: ${entry.data}`);
  for (const [name, bytes] of bundles.sizesInBytes) console.log(`${name.padEnd(28)}${(bytes / 1024).toFixed(0).padStart(6)} KiB`);
  console.log(`${stackName} is synthesised in ${assemblyDir}`);
}
