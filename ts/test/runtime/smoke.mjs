/**
 * What the package must do in every runtime: one function, which runs in each of them as it is and tells what it saw as
 * plain data. `report.ts` says what that must be.
 */

/** The same numbers from -1 to 1 wherever it is called. */
function noise(shape) {
  let state = 0x9e3779b9;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next) };
}

/** Image `i` of a batch. */
function part({ shape: [, ...shape], data }, i) {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape: [1, ...shape], data: data.slice(i * size, (i + 1) * size) };
}

/** The largest difference, NaN if there is one. */
function difference(a, b) {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((most, value, i) => (Math.abs(value - b[i]) <= most ? most : Math.abs(value - b[i])), 0);
}

/** How a promise was rejected, in words. */
async function rejection(promise) {
  try {
    await promise;
    return "not rejected";
  } catch (error) {
    return error?.code && error.name === "ConvzooError" ? error.code : String(error?.message ?? error);
  }
}

/**
 * @param convzoo the package
 * @param given.lenet5, given.squeezenet1_1 options of `load`, where the runtime cannot find the files by itself
 * @param given.digit, given.photo images that the runtime can read, of a seven and of a chickadee
 * @param given.threads as in `load`
 * @param given.keep leave the models as they are at the end, instead of disposing of them
 */
export async function smoke(
  convzoo,
  { lenet5 = {}, squeezenet1_1 = {}, digit, photo, threads, keep = false },
) {
  const { capabilities, ConvzooError, load, summarize, zoo } = convzoo;
  const seven = await load("lenet5", { ...lenet5, threads });
  const model = await load(zoo.squeezenet1_1.build(), { ...squeezenet1_1, threads });
  const report = {
    capabilities: await capabilities(),
    core: model.core,
    threads: model.threads,
    print: String(seven.net).split("\n").slice(0, 4),
    summary: summarize(model.net, [3, 224, 224]),
  };
  report.summary = {
    rows: report.summary.rows.length,
    params: report.summary.params,
    macs: report.summary.macs,
  };

  report.digit = (await seven.classify(digit)).map(({ label }) => label);
  const top = await model.classify(photo);
  report.photo = top.map(({ label }) => label);
  report.probability = top[0].probability;

  const input = noise([3, 3, 128, 96]);
  const batch = await model.run(input);
  const one = await Promise.all([0, 1, 2].map((i) => model.run(part(input, i))));
  report.batch = {
    shape: batch.shape,
    largest: batch.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    difference: Math.max(...one.map(({ data }, i) => difference(data, part(batch, i).data))),
  };
  const paths = ["features.3", "features.12.squeeze", "classifier"];
  const taps = await model.run(input, { outputs: paths });
  report.taps = Object.entries(taps).map(([path, { shape, data }]) => ({
    path,
    shape,
    finite: data.every(Number.isFinite),
  }));

  const wrong = { shape: [1, 4, 128, 96], data: new Float32Array(4 * 128 * 96) };
  const error = await model.run(wrong).catch((error) => error);
  report.refused = { ours: error instanceof ConvzooError, code: error.code, message: error.message };
  report.unknown = await rejection(load("squeezenet11"));
  report.broken = await rejection(model.classify(Uint8Array.of(1, 2, 3)));

  const aborting = new AbortController();
  const onProgress = ({ phase }) => phase === "pack" && aborting.abort(new Error("enough of loading"));
  const loading = load("squeezenet1_1", { ...squeezenet1_1, threads, signal: aborting.signal, onProgress });
  report.abortedLoad = await rejection(loading);
  const stopping = new AbortController();
  const running = model.run(noise([32, 3, 128, 96]), { signal: stopping.signal });
  stopping.abort(new Error("enough of running"));
  report.abortedRun = await rejection(running);

  report.after = difference((await model.run(input)).data, batch.data);
  if (keep) return report;
  const last = seven.run(noise([64, 1, 28, 28]));
  for (const each of [seven, model]) each.dispose();
  report.disposedWhileRunning = await rejection(last);
  report.disposed = await rejection(model.run(input));
  return report;
}
