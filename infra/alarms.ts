import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type SystemMetricName, serviceMetric, systemMetric } from './metrics.ts';
import { alarmDescription, type RunbookSection } from './runbook.ts';
import { idPrefix, type SystemName } from './systems.ts';

interface AlarmRule {
  readonly meaning: string;
  readonly section: RunbookSection;
  readonly metric: IMetric;
  /** The alarm rings above this value. */
  readonly above: number;
  /** Periods in a row that must be above it; 1 unless said otherwise. */
  readonly periods?: number;
  /** What silence means: nothing to count (the default), or that the source itself is dead. */
  readonly silence?: 'fine' | 'alarming';
}

/** The guards tell how they stand every 15 minutes: an alarm must not pause between two tellings. */
const GUARD_PERIOD = Duration.minutes(30);

/** All alarms, and the one topic they ring on. Each capability asks for the alarms that guard it. */
export class Alarms extends Construct {
  readonly topic: Topic;

  readonly #service: string;

  constructor(scope: Construct, id: string, props: { readonly service: string; readonly email?: string | undefined }) {
    super(scope, id);
    this.#service = props.service;
    // Alarms carry names and numbers only. CloudWatch could not publish to a topic under the AWS managed key.
    this.topic = new Topic(this, 'Topic', { displayName: 'Concord alarms', enforceSSL: true });
    if (props.email !== undefined) this.topic.addSubscription(new EmailSubscription(props.email));
  }

  /** Something was given up and waits for a person. */
  deadLetters(id: string, queue: IQueue, section: RunbookSection, what: string): void {
    this.#raise(`${id}GivenUp`, {
      meaning: `${what} wait in the dead-letter queue.`,
      section,
      metric: queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: Duration.minutes(1) }),
      above: 0,
    });
  }

  /** Users see the other system lag behind. */
  delayed(id: string, queue: IQueue, section: RunbookSection, what: string, olderThan: Duration): void {
    this.#raise(`${id}Delayed`, {
      meaning: `The oldest of ${what} has waited longer than ${olderThan.toMinutes()} minutes.`,
      section,
      metric: queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period: Duration.minutes(1) }),
      above: olderThan.toSeconds(),
      periods: 5,
    });
  }

  /** Expected failures are handled inside; whatever a function lets through is a bug or a missing right. */
  functionErrors(id: string, fn: IFunction, name: string): void {
    this.#raise(`${id}Errors`, {
      meaning: `${name} ended with an error or ran out of time.`,
      section: 'function-errors',
      metric: fn.metricErrors({ statistic: 'Sum', period: Duration.minutes(5) }),
      above: 0,
    });
  }

  /** Commits wait for their ledger lines and deliveries. */
  streamDelayed(id: string, fn: IFunction, olderThan: Duration): void {
    this.#raise(`${id}StreamDelayed`, {
      meaning: `Committed records have waited longer than ${olderThan.toMinutes()} minutes in the table's stream.`,
      section: 'stream-delayed',
      metric: fn.metric('IteratorAge', { statistic: 'Maximum', period: Duration.minutes(1) }),
      above: olderThan.toMilliseconds(),
      periods: 5,
    });
  }

  /** No poll at all is as bad as a late one, so silence rings too. */
  pollingStale(system: SystemName, everyMinutes: number): void {
    const lateAfterMinutes = Math.max(3 * everyMinutes, 15);
    this.#raise(`${idPrefix(system)}PollingStale`, {
      meaning: `What was polled from ${system} is older than ${lateAfterMinutes} minutes, or nothing polls it.`,
      section: 'polling-stale',
      metric: this.#metric('PollLagSeconds', system, 'Maximum', Duration.minutes(lateAfterMinutes)),
      above: lateAfterMinutes * 60,
      silence: 'alarming',
    });
  }

  /** At 70 % there is still time to act before the CRM refuses every caller of the account. */
  apiBudget(system: SystemName): void {
    this.#raise(`${idPrefix(system)}ApiBudget`, {
      meaning: `More than 70 % of the API calls that ${system} allows are spent.`,
      section: 'api-budget-nearly-spent',
      metric: this.#metric('ApiBudgetUsedPercent', system, 'Maximum'),
      above: 70,
    });
  }

  /** Polls find changes that no event announced: the allocation is spent, or the relay stands still. */
  changeEventsMissing(system: SystemName): void {
    this.#raise(`${idPrefix(system)}ChangeEventsMissing`, {
      meaning: `Polls of ${system} find changes that no change event announced.`,
      section: 'change-events-missing',
      metric: this.#metric('ChangeEventsMissing', system, 'Sum', Duration.minutes(15)),
      above: 0,
      periods: 2, // an event may come just after the poll that saw its change
    });
  }

  credentialsRejected(system: SystemName): void {
    this.#raise(`${idPrefix(system)}CredentialsRejected`, {
      meaning: `${system} refuses our credentials; nothing is read or written there.`,
      section: 'credentials-rejected',
      metric: this.#metric('AuthRejected', system, 'Sum'),
      above: 0,
    });
  }

  /** A guard stopped all writes to a system, and nobody has looked at it yet. */
  writesStopped(system: SystemName): void {
    this.#raise(`${idPrefix(system)}WritesStopped`, {
      meaning: `A guard has stopped what is written to ${system}; it waits for an approval.`,
      section: 'writes-stopped',
      metric: this.#metric('WritesStopped', system, 'Maximum', GUARD_PERIOD),
      above: 0,
    });
  }

  /** The proof that a sync works was due an hour ago. Without a canary there is nothing to hear. */
  canaryLate(system: SystemName): void {
    this.#raise(`${idPrefix(system)}CanaryLate`, {
      meaning: `No canary has been written for three hours, as ${system} sees it.`,
      section: 'canary-late',
      metric: this.#metric('CanaryAgeSeconds', system, 'Maximum', GUARD_PERIOD),
      above: Duration.hours(3).toSeconds(),
    });
  }

  /** At most one ring an hour, however many there are: each waits for a person, and none of them gets worse. */
  quarantined(system: SystemName): void {
    this.#raise(`${idPrefix(system)}Quarantined`, {
      meaning: `Objects of ${system} failed the quality rules and wait in quarantine.`,
      section: 'objects-quarantined',
      metric: this.#metric('Quarantined', system, 'Sum', Duration.hours(1)),
      above: 0,
    });
  }

  /** A schema changed under its mapping. Told at every poll while it lasts. */
  fieldsPaused(system: SystemName, everyMinutes: number): void {
    this.#raise(`${idPrefix(system)}FieldsPaused`, {
      meaning: `Fields of ${system} rest, because its schema changed under their mapping.`,
      section: 'fields-paused',
      metric: this.#metric('FieldsPaused', system, 'Maximum', Duration.minutes(Math.max(15, 2 * everyMinutes))),
      above: 0,
    });
  }

  /** Records whose writes went round in circles. */
  recordsFrozen(): void {
    this.#raise('RecordsFrozen', {
      meaning: 'Records whose writes went round in circles are frozen; nothing is written to their objects.',
      section: 'records-frozen',
      metric: serviceMetric('RecordsFrozen', this.#service, 'Maximum', GUARD_PERIOD),
      above: 0,
    });
  }

  #metric(name: SystemMetricName, system: SystemName, statistic: 'Maximum' | 'Sum', period?: Duration): IMetric {
    return systemMetric(name, { service: this.#service, system }, statistic, period);
  }

  #raise(id: string, rule: AlarmRule): void {
    const alarm = new Alarm(this, id, {
      alarmDescription: alarmDescription(rule.meaning, rule.section),
      metric: rule.metric,
      threshold: rule.above,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: rule.periods ?? 1,
      treatMissingData: rule.silence === 'alarming' ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    alarm.addOkAction(new SnsAction(this.topic));
  }
}
