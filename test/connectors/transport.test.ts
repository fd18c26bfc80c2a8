import { afterEach, describe, expect, it } from 'vitest';
import { ANSWER_BYTES_MAX, NotSentError, retryAfterMs, send } from '../../shared/connectors/transport.ts';
import { SystemUnavailableError } from '../../shared/errors.ts';
import { json, type ScriptedApi, startScriptedApi } from './scripted-api.ts';

let api: ScriptedApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

async function sendTo(answer: Parameters<typeof startScriptedApi>[0], timeoutMs = 2_000) {
  api = await startScriptedApi(answer);
  return send('crm', { method: 'GET', url: `${api.url}/x`, headers: {}, timeoutMs }, fetch);
}

describe('one call', () => {
  it('reads a JSON answer', async () => {
    await expect(sendTo((_call, response) => json(response, 200, { a: 'é' }))).resolves.toMatchObject({
      status: 200,
      json: { a: 'é' },
    });
  });

  it('takes a page of HTML with status 200 for an outage, not for an answer', async () => {
    const answer = sendTo((_call, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Maintenance</html>'),
    );
    await expect(answer).rejects.toThrow(/crm is unavailable: answer is not JSON \(text\/html\)/);
  });

  it('leaves an HTML error page to its status', async () => {
    const answer = await sendTo((_call, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>'));
    expect(answer).toMatchObject({ status: 502, json: undefined });
  });

  it('gives up on a system that accepts and never answers', async () => {
    await expect(sendTo(() => undefined, 100)).rejects.toThrow('no answer within 100 ms');
  });

  it('gives up on a body that never ends', async () => {
    const answer = sendTo((_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('[');
    }, 100);
    await expect(answer).rejects.toThrow('no answer within 100 ms');
  });

  it('notices a truncated body', async () => {
    const answer = sendTo((_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"a":1}');
      setTimeout(() => response.destroy(), 20);
    });
    const error = await answer.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SystemUnavailableError);
    expect(error).not.toBeInstanceOf(NotSentError);
  });

  it('stops reading an answer that is too large', async () => {
    const chunk = 'x'.repeat(1024 * 1024);
    let sent = 0;
    const answer = sendTo((_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = () => {
        if (response.destroyed || ++sent > 60) return;
        response.write(chunk, more);
      };
      more();
    }, 20_000);
    await expect(answer).rejects.toThrow(`answer exceeds ${ANSWER_BYTES_MAX} bytes`);
    expect(sent).toBeLessThan(60);
  });

  it('follows no redirect, not even within the same host', async () => {
    const answer = sendTo((_call, response) => response.writeHead(302, { location: '/elsewhere' }).end());
    await expect(answer).rejects.toThrow('redirect 302 refused');
    expect(api?.seen).toHaveLength(1);
  });

  it('knows that nothing happened where no connection was made', async () => {
    api = await startScriptedApi(() => undefined);
    const { url } = api;
    await api.close();
    api = undefined;
    await expect(send('crm', { method: 'POST', url, headers: {}, timeoutMs: 2_000 }, fetch)).rejects.toBeInstanceOf(NotSentError);
  });

  it.each([
    ['3', 3_000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2025 00:00:00 GMT', 0],
    ['999999999', 86_400_000],
    ['soon', undefined],
  ])('reads Retry-After %s', (text, expected) => {
    expect(retryAfterMs(new Headers({ 'retry-after': text }), Date.UTC(2026, 0, 1))).toBe(expected);
  });
});
