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

/** The largest magnitude. */
function largest(data) {
  return data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** The largest difference, NaN if there is one. */
function difference(a, b) {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((most, value, i) => (Math.abs(value - b[i]) <= most ? most : Math.abs(value - b[i])), 0);
}

/** What is loaded when it is first used: reading files of other frameworks, writing our own, dense prediction. */
async function onDemand(convzoo, seven, { lenet5, digit, threads, fixtures }) {
  const { convolutionize, fromOnnx, load, loadWeights, resize, saveWeights } = convzoo;
  const checkpoint = await loadWeights(Uint8Array.from(fixtures.checkpoint));
  const again = await loadWeights(await saveWeights(checkpoint));
  const plain = (weights) =>
    [...weights].map(([key, { dtype, shape, data }]) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      return [key, { dtype, shape, bytes: [...bytes] }];
    });

  const { net, weights } = await fromOnnx(Uint8Array.from(fixtures.onnx));
  const imported = await load(net, { wasm: lenet5.wasm, weights, threads });
  const { shape, data } = fixtures.input;
  const output = await imported.run({ shape, data: Float32Array.from(data) });

  // Two rows of four windows, four pixels apart. What the classifier says of the last by itself is the map's last cell.
  const scan = noise([1, 1, 32, 40]);
  const map = await seven.dense(scan);
  const scanner = await load(convolutionize(seven.net, [1, 28, 28]), { ...lenet5, threads });
  const wide = await scanner.run(scan);
  const last = { shape: [1, 1, 28, 28], data: new Float32Array(28 * 28) };
  for (let row = 0; row < 28; row++) {
    const begin = (4 + row) * 40 + 12;
    last.data.set(scan.data.subarray(begin, begin + 28), row * 28);
  }
  const alone = await seven.run(last);
  for (const model of [imported, scanner]) model.dispose();
  const row = { shape: [1, 1, 4], data: Float32Array.of(1, 3, 5, 7) };

  return {
    checkpoint: plain(checkpoint),
    saved: plain(again),
    onnx: [...output.data],
    dense: {
      shape: map.scores.shape,
      box: map.box(1, 3),
      largest: largest(alone.data),
      difference: difference(
        alone.data,
        map.scores.data.filter((_, i) => i % 8 === 7),
      ),
    },
    convolutionized: { shape: wide.shape, difference: difference(wide.data, map.scores.data) },
    embedding: (await seven.embed(digit)).shape,
    resized: [...(await resize(row, { width: 2, height: 1 })).data],
  };
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
 * @param given.fixtures what packed.ts wrote: the bytes of a .pth and of an ONNX model, and an input of that
 * @param given.threads as in `load`
 * @param given.keep leave the models as they are at the end, instead of disposing of them
 */
export async function smoke(
  convzoo,
  { lenet5 = {}, squeezenet1_1 = {}, digit, photo, fixtures, threads, keep = false },
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
    largest: largest(batch.data),
    difference: Math.max(...one.map(({ data }, i) => difference(data, part(batch, i).data))),
  };
  const paths = ["features.3", "features.12.squeeze", "classifier"];
  const taps = await model.run(input, { outputs: paths });
  report.taps = Object.entries(taps).map(([path, { shape, data }]) => ({
    path,
    shape,
    finite: data.every(Number.isFinite),
  }));

  report.onDemand = await onDemand(convzoo, seven, { lenet5, digit, threads, fixtures });

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
