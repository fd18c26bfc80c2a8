import type { Item } from '../../shared/store/table.ts';
import { ModelTable } from '../simulation/ports/model-table.ts';
import type { PortCall } from '../simulation/ports/port-call.ts';
import { tableClient } from '../simulation/ports/table-client.ts';
import type { Cost, EmulatedTable } from '../store/emulated-table.ts';

/** The model in the place of the emulated table, for the tests of the stores. */
export async function emulatedTable(): Promise<EmulatedTable> {
  let costs: Cost[] = [];
  const model = new ModelTable({ now: Date.now, meter: (cost) => costs.push(cost) });
  const call: PortCall = async (_, effect) => {
    await table.travel?.();
    const result = effect();
    await table.travel?.();
    return result;
  };
  const client = tableClient(model, call);
  const table: EmulatedTable = {
    context: (tenant, more = {}) => ({ client, tableName: 'Concord', tenant, now: Date.now, ...more }),
    costs() {
      const since = costs;
      costs = [];
      return since;
    },
    travel: undefined,
    everything: async (): Promise<Item[]> => [...model.everything()],
    async stop() {
      // The stores ask nothing that DynamoDB refuses, and nothing that the model does not know.
      if (model.complaints.length > 0) throw new Error(model.complaints.join('\n'));
    },
  };
  return table;
}
