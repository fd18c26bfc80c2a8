import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { SystemName } from './systems.ts';

export const metricsNamespace = 'Concord';

/**
 * The service name in logs and metrics. All functions share it, so that a metric which several of them emit is one
 * metric; the tenant keeps two deployments in one account apart.
 */
export function serviceName(tenant: string): string {
  return `concord-${tenant}`;
}

/** Metrics that the functions emit per system; Powertools adds the service as a dimension of its own. */
export type SystemMetricName =
  | 'PollLagSeconds'
  | 'ApiBudgetUsedPercent'
  | 'ChangeEventsMissing'
  | 'AuthRejected'
  | 'WritesStopped'
  | 'CanaryAgeSeconds'
  | 'Quarantined'
  | 'FieldsPaused';

export function systemMetric(
  name: SystemMetricName,
  of: { readonly service: string; readonly system: SystemName },
  statistic: 'Maximum' | 'Sum',
  period: Duration = Duration.minutes(5),
): Metric {
  return new Metric({
    namespace: metricsNamespace,
    metricName: name,
    dimensionsMap: { service: of.service, system: of.system },
    statistic,
    period,
  });
}

/** Metrics of the whole deployment. */
export function serviceMetric(name: 'RecordsFrozen', service: string, statistic: 'Maximum', period: Duration): Metric {
  return new Metric({ namespace: metricsNamespace, metricName: name, dimensionsMap: { service }, statistic, period });
}
