/** What webgpu.test.ts has a page do. */
import { capabilities, load, zoo } from "./node_modules/convzoo/dist/browser.js";

/** The largest difference, in the largest of the numbers that are right. */
function difference(found, right) {
  let [most, largest] = [0, 0];
  for (let i = 0; i < right.length; i++) {
    largest = Math.max(largest, Math.abs(right[i]));
    if (!(Math.abs(found[i] - right[i]) <= most)) most = Math.abs(found[i] - right[i]);
  }
  return found.length === right.length ? most / largest : Number.NaN;
}

const photo = async () => (await fetch("examples/images/bird.png")).blob();

export async function classifies() {
  const seven = await load("lenet5", { device: "webgpu" });
  const [digit] = await seven.classify("examples/digits/7-0.png");
  seven.dispose();

  const events = [];
  const own = await (await navigator.gpu.requestAdapter()).requestDevice();
  const model = await load("squeezenet1_1", { device: "webgpu", gpu: own });
  const blob = await photo();
  const top = await model.classify(blob);
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  // SwiftShader has no frames on the GPU, so its pixels are taken.
  const video = new VideoFrame(bitmap, { timestamp: 0 });
  const frame = await model.classify(video);
  video.close();
  const { width, height } = bitmap;
  // As copyExternalImageToTexture wants it.
  const usage =
    GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
  const picture = own.createTexture({ size: [width, height], format: "rgba8unorm", usage });
  own.queue.copyExternalImageToTexture({ source: bitmap }, { texture: picture }, [width, height]);
  const texture = await model.classify(picture);
  const input = await model.prepare(blob);
  const { data } = await model.run(input);
  model.dispose();

  // Devices as the page's models get them: the last is the shared one.
  const devices = [];
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    devices.push(await request.apply(this, args));
    return devices.at(-1);
  };
  const onDeviceLost = ({ reason, device }) => events.push(`${reason} ${device}`);
  const shared = await load("squeezenet1_1", { device: "webgpu", onDeviceLost });
  devices.at(-1).destroy();
  const again = await shared.run(input);
  shared.dispose();
  const cpu = await load("squeezenet1_1", { device: "wasm" });
  const right = (await cpu.run(input)).data;
  cpu.dispose();
  return {
    capabilities: await capabilities(),
    digit: digit.label,
    device: model.device,
    top,
    frame,
    texture,
    difference: difference(data, right),
    recovered: difference(again.data, right),
    events,
  };
}

/** LeNet-5 with what a tuning found on the page's device, with clocks and without, and with the first one given again. */
export async function tunes() {
  const plain = await (await navigator.gpu.requestAdapter()).requestDevice();
  const found = [];
  let given;
  for (const options of [{ tune: true }, { tune: true, gpu: plain }, {}]) {
    const model = await load("lenet5", { device: "webgpu", tune: given, ...options });
    const [digit] = await model.classify("examples/digits/7-0.png");
    given ??= JSON.parse(JSON.stringify(model.tuning));
    found.push({ digit: digit.label, tuning: model.tuning });
    model.dispose();
  }
  plain.destroy();
  return found;
}

/** The output of a network on the input that lies beside its weights. */
export async function runs(name, shape) {
  const model = await load(zoo[name].build(), { weights: `${name}.safetensors`, device: "webgpu" });
  const data = new Float32Array(await (await fetch(`${name}.input`)).arrayBuffer());
  const output = await model.run({ shape, data });
  model.dispose();
  return [...output.data];
}

/** A score map of two classes on both devices. */
export async function scans() {
  const maps = [];
  for (const device of ["webgpu", "wasm"]) {
    const model = await load("squeezenet1_1", { device });
    const bitmap = await createImageBitmap(await photo(), { resizeWidth: 288, resizeHeight: 272 });
    const map = await model.dense(bitmap, { classes: [19, 20] });
    maps.push(map.scores);
    model.dispose();
  }
  return { shape: maps[0].shape, difference: difference(maps[0].data, maps[1].data) };
}
