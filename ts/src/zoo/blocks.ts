/** Blocks that several families share, under torchvision's names. */
import { ConvzooError } from "../errors.js";
import {
  type Activation,
  adaptiveAvgPool2d,
  affine,
  type BatchNorm2dOptions,
  batchNorm2d,
  type Conv2dOptions,
  conv2d,
  flatten,
  type Layer,
  type Module,
  module,
  mul,
  relu,
  type Size,
  type Step,
  sequential,
  sigmoid,
} from "../layers.js";

/** Options of {@link convNormAct}. */
interface ConvNormActOptions {
  readonly stride?: number;
  readonly dilation?: number;
  readonly groups?: number;
  /** ReLU unless given; null for none. */
  readonly act?: Activation | null;
  readonly norm?: BatchNorm2dOptions;
  /** The class that PyTorch prints. */
  readonly type?: string;
}

/** torchvision's Conv2dNormActivation: a convolution that keeps the size but for its stride, batch norm, activation. */
export function convNormAct(
  inChannels: number,
  outChannels: number,
  kernel: number,
  {
    stride = 1,
    dilation = 1,
    groups = 1,
    act = relu({ inplace: true }),
    norm,
    type = "Conv2dNormActivation",
  }: ConvNormActOptions = {},
): Module {
  const padding = (dilation * (kernel - 1)) / 2;
  const layers: Layer[] = [
    conv2d(inChannels, outChannels, kernel, { stride, padding, dilation, groups, bias: false }),
    batchNorm2d(outChannels, norm),
  ];
  if (act) layers.push(act);
  const { children, forward } = sequential(...layers);
  return module(type, children, forward);
}

/** Squeeze and excitation, arXiv 1709.01507: every channel times a factor that is computed from all averages. */
export function squeezeExcitation(
  channels: number,
  squeezed: number,
  activation: Activation = relu(),
  scale: Activation = sigmoid(),
): Module {
  const children = {
    avgpool: adaptiveAvgPool2d(1),
    fc1: conv2d(channels, squeezed, 1),
    fc2: conv2d(squeezed, channels, 1),
    activation,
    scale_activation: scale,
  };
  return module("SqueezeExcitation", children, [
    mul([], ["avgpool", "fc1", "activation", "fc2", "scale_activation"]),
  ]);
}

/** torchvision's BasicConv2d, also of its Inception v3: convolution, batch norm, ReLU. */
export function basicConv2d(from: number, to: number, kernel: Size, options: Conv2dOptions = {}): Module {
  const children = {
    conv: conv2d(from, to, kernel, { ...options, bias: false }),
    bn: batchNorm2d(to, { eps: 0.001 }),
  };
  return module("BasicConv2d", children, ["conv", "bn", relu({ inplace: true })]);
}

/** timm's ConvNormAct: convolution, batch norm, ReLU. */
export function timmConv(from: number, to: number, kernel: Size, options: Conv2dOptions = {}): Module {
  const { children, forward } = basicConv2d(from, to, kernel, options);
  return module("ConvNormAct", children, forward);
}

/** timm's global average pooling: [C, H, W] to [C]. */
export const globalPool: Module = module("SelectAdaptivePool2d", {}, [adaptiveAvgPool2d(1), flatten()]);

/** From ImageNet's normalisation to (x - 0.5) / 0.5, as torchvision's GoogLeNet and Inception v3 do it. */
export const transformInput: Step = affine(
  [0.229 / 0.5, 0.224 / 0.5, 0.225 / 0.5],
  [(0.485 - 0.5) / 0.5, (0.456 - 0.5) / 0.5, (0.406 - 0.5) / 0.5],
);

/** Throws `bad-option` for `transformInput` on an input that is not of three channels. */
export function checkTransform(where: string, o: { transformInput: boolean; inChannels: number }): void {
  if (o.transformInput && o.inChannels !== 3)
    throw new ConvzooError("bad-option", `${where}: transformInput is for inputs of 3 channels.`);
}

/** The multiple of `step` that is nearest to a scaled number of channels, but at most a tenth below it. */
export function roundChannels(channels: number, step = 8): number {
  const rounded = Math.max(step, Math.floor((channels + step / 2) / step) * step);
  return rounded < 0.9 * channels ? rounded + step : rounded;
}
