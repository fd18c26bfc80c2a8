import type { SeededRandom } from '../random.ts';
import type { SimulatorSettings } from '../simulator.ts';

/**
 * Stands between what a CRM would send and what goes out: loses, doubles, holds and shuffles
 * notifications as the settings ask.
 */
export interface NotificationGate<T> {
  /** @returns false when it is lost for good. */
  push(notification: T): boolean;
  /** Held or waiting to be shuffled. */
  readonly waiting: number;
  release(mode: 'send' | 'drop' | 'reverse'): void;
  /** Forgets what waits. */
  clear(): void;
}

export function notificationGate<T>(
  settings: SimulatorSettings,
  random: SeededRandom,
  send: (notifications: readonly T[]) => void,
): NotificationGate<T> {
  let held: T[] = [];
  let shuffling: T[] = [];
  let timer: NodeJS.Timeout | undefined;

  function flushShuffled(): void {
    timer = undefined;
    const collected = shuffling;
    shuffling = [];
    send(random.shuffled(collected));
  }

  return {
    push(notification) {
      if (settings.dropNotifications > 0 && random.next() < settings.dropNotifications) return false;
      const copies = Array.from({ length: settings.notificationCopies }, () => notification);
      if (settings.holdNotifications) held.push(...copies);
      else if (settings.shuffleNotificationsMs > 0) {
        shuffling.push(...copies);
        timer ??= setTimeout(flushShuffled, settings.shuffleNotificationsMs).unref();
      } else send(copies);
      return true;
    },
    get waiting() {
      return held.length + shuffling.length;
    },
    release(mode) {
      const released = held;
      held = [];
      if (mode !== 'drop') send(mode === 'reverse' ? released.reverse() : released);
    },
    clear() {
      clearTimeout(timer);
      timer = undefined;
      held = [];
      shuffling = [];
    },
  };
}
