/** Pictures that are on the GPU, or that the browser can put there without a copy: an input is made of them there. */
import { ConvzooError } from "../../errors.js";
import { type View, viewBox } from "../../image/crop.js";
import { type PreprocessOptions, resizedSize } from "../../image/preprocess.js";
import type { Gpu } from "./device.js";
import { watch } from "./faults.js";
import { text } from "./frame.wgsl";
import type { GpuInput } from "./resident.js";

/** A video's frame or the video itself, or a texture of the model's own device. */
export type Frame = VideoFrame | HTMLVideoElement | GPUTexture;

/** The words and bytes of the shader's Params. */
const PARAMS = 80;

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice("[object ".length, -1);

/** Whether this is prepared on the GPU. Dawn's textures in Node have no tag of their own. */
export function isFrame(image: unknown): image is Frame {
  return ["VideoFrame", "HTMLVideoElement"].includes(tagOf(image)) || isTexture(image);
}

function isTexture(image: unknown): image is GPUTexture {
  return typeof (image as GPUTexture | undefined)?.createView === "function";
}

/**
 * An input [N, C, H, W] in a buffer of its own, for which the frame must stay open; undefined where the browser has none of its
 * frames on the GPU. Rejects with `bad-image` for a frame that is closed or a texture that cannot be read, `bad-option` where
 * the picture cannot be prepared so.
 */
export async function frameTensor(
  gpu: Gpu,
  image: Frame,
  options: PreprocessOptions,
  views: readonly View[] = [{ at: "center", reflect: false }],
): Promise<GpuInput | undefined> {
  const { crop, interpolation, mean, std } = options;
  if (interpolation !== "bilinear" && interpolation !== "bicubic") {
    const message = `On the GPU pictures are resized by bilinear or bicubic, not ${interpolation}: pass its pixels.`;
    throw new ConvzooError("bad-option", message);
  }
  if (mean === "image" || std === "image") {
    const message = "On the GPU a picture's own mean and deviation are not known: pass its pixels.";
    throw new ConvzooError("bad-option", message);
  }
  const size = sizeOf(image);
  const resized = resizedSize(size, options.resize);
  const whole = { left: 0, top: 0, ...resized };
  const boxes = views.map((view) => (crop === null ? whole : viewBox(resized, crop, view)));
  const { width, height } = boxes[0]!;
  const planes = options.grayscale ? 1 : 3;
  const shape = [views.length, planes, height, width];
  const floats = planes * height * width;
  const params = new ArrayBuffer(Math.ceil(PARAMS / 256) * 256 * views.length);
  for (const [i, { left, top }] of boxes.entries()) {
    const [words, numbers] = [new Int32Array(params, 256 * i, 12), new Float32Array(params, 256 * i + 48, 8)];
    const { reflect } = views[i]!;
    words.set([left, top, width, height, resized.width, resized.height, Number(reflect)]);
    words.set([Number(options.channels === "BGR"), planes, i * floats], 7);
    words[10] = Number(interpolation === "bicubic");
    const { scale = 1, shift = 0 } = options;
    for (let c = 0; c < planes; c++) {
      numbers[c] = scale / std[c]!;
      numbers[4 + c] = shift - (mean[c]! * scale) / std[c]!;
    }
  }
  // Made beforehand, as an external texture does not outlive the task in which it was made.
  const pipeline = isTexture(image)
    ? await gpu.pipeline("frame", text)
    : await gpu.pipeline("frame-external", externalText());
  const { device } = gpu;
  const { value: buffer, fault } = watch(device, () => {
    const picture = isTexture(image) ? viewOf(image) : imported(device, image);
    if (!picture) return undefined;
    const uniform = device.createBuffer({ size: params.byteLength, usage: 0x40 | 8 });
    const buffer = device.createBuffer({ size: 4 * floats * views.length, usage: 0x80 | 4 });
    device.queue.writeBuffer(uniform, 0, params);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    for (const i of views.keys()) {
      const entries = [
        { binding: 0, resource: { buffer: uniform, offset: 256 * i, size: PARAMS } },
        { binding: 1, resource: picture },
        { binding: 2, resource: { buffer } },
      ];
      pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(Math.ceil(width / 8), Math.ceil(height / 8));
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
    uniform.destroy();
    return buffer;
  });
  const error = await fault;
  if (!buffer) return undefined;
  if (error) {
    buffer.destroy();
    const advice =
      "a texture is two-dimensional, of the model's device, of a format of floats, and has TEXTURE_BINDING";
    throw new ConvzooError("bad-image", `The GPU cannot read the picture (${advice}): ${error.message}`);
  }
  return { shape, buffer, offset: 0 };
}

const viewOf = (texture: GPUTexture): GPUTextureView =>
  texture.createView({ dimension: "2d", baseArrayLayer: 0, arrayLayerCount: 1 });

/** The frame as it is, or undefined where the browser has none of its frames on the GPU. */
function imported(device: GPUDevice, source: VideoFrame | HTMLVideoElement): GPUExternalTexture | undefined {
  try {
    return device.importExternalTexture({ source });
  } catch {
    return undefined;
  }
}

/** Throws `bad-image` for a frame without pixels. */
function sizeOf(image: Frame): { width: number; height: number } {
  const size = image as Partial<Record<"videoWidth" | "displayWidth" | "width", number>> &
    Partial<Record<"videoHeight" | "displayHeight" | "height", number>>;
  const width = size.videoWidth ?? size.displayWidth ?? size.width ?? 0;
  const height = size.videoHeight ?? size.displayHeight ?? size.height ?? 0;
  if (width > 0 && height > 0) return { width, height };
  throw new ConvzooError("bad-image", "The frame has no pixels: it is closed, or the video has not begun.");
}

/** The shader for external textures, which have no levels. */
export function externalText(): string {
  return text.replace("texture_2d<f32>", "texture_external").replace(", 0).rgb", ").rgb");
}
