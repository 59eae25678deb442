/** Work that runs ahead of whoever uses its results. */

/**
 * What `work` makes of each item, in order. One is worked on after another, and up to `ahead` of them before they are
 * asked for. What `work` throws is thrown where its result would be, and ends all.
 */
export async function* ahead<T, R>(
  items: readonly T[],
  count: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  for (let next = 0; next < items.length || waiting.length > 0; ) {
    while (next < items.length && waiting.length < count) {
      const item = items[next++]!;
      const made = last.then(() => work(item));
      // Whoever waits for it hears of it; until somebody does, Node must not take it for forgotten.
      last = made.catch(() => {});
      waiting.push(made);
    }
    yield await waiting.shift()!;
  }
}
