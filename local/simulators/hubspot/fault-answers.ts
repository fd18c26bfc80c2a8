import type { ApiFault, SimulatorSettings } from '../simulator.ts';

/** Takes the next fault that strikes a call; each strikes as often as it says. @param line - `METHOD /path?query` */
export function takeFault(settings: SimulatorSettings, line: string): ApiFault | undefined {
  const fault = settings.faults.find(({ match, times }) => times > 0 && line.startsWith(match));
  if (fault === undefined) return undefined;
  fault.times -= 1;
  if (fault.times === 0) settings.faults.splice(settings.faults.indexOf(fault), 1);
  return fault;
}

const HTML = '<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>';

/** The answer of a `status` fault; what it does not say is filled in as HubSpot answers with that status. */
export function faultAnswer(fault: ApiFault): { status: number; body: string; headers: Record<string, string> } {
  const status = fault.status ?? 500;
  const usual = usualAnswer(status);
  const html = status >= 501 && fault.body === undefined;
  return {
    status,
    body:
      fault.body ??
      (html ? HTML.replaceAll('502 Bad Gateway', String(status)) : JSON.stringify({ status: 'error', ...usual.body })),
    headers: { 'content-type': html ? 'text/html' : 'application/json;charset=utf-8', ...usual.headers, ...fault.headers },
  };
}

/** Shapes: developers.hubspot.com/docs/api-reference/error-handling */
function usualAnswer(status: number): { body: Record<string, unknown>; headers?: Record<string, string> } {
  switch (status) {
    case 401:
      return {
        body: { message: 'The OAuth token used to make this call expired 7 second(s) ago.', category: 'EXPIRED_AUTHENTICATION' },
      };
    case 423:
      return { body: { message: 'The record is locked; try again in 2 seconds.', category: 'LOCKED' } };
    case 429:
      return {
        body: {
          message: 'You have reached your ten_secondly_rolling limit.',
          errorType: 'RATE_LIMIT',
          policyName: 'TEN_SECONDLY_ROLLING',
        },
      };
    case 477:
      return { body: { message: 'The account is being moved to another data centre.' }, headers: { 'retry-after': '3600' } };
    default:
      return { body: { message: status >= 500 ? 'internal error' : 'refused' } };
  }
}
