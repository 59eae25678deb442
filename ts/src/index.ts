/** The public names that are the same in every runtime; the entry files add those that need one. */
export type { Capabilities } from "./backend/flavour.js";
export type { StepTiming, Tuning } from "./backend/protocol.js";
export type { ImageOptions, ResizeOptions } from "./connect.js";
export { type ConvolutionizeOptions, convolutionize } from "./convolutionize.js";
export { type DescribeOptions, describe } from "./describe.js";
export { ConvzooError, ERROR_CODES, type ErrorCode, type ErrorDetails } from "./errors.js";
export type { ImageSource } from "./image/input.js";
export type { RawPixels } from "./image/pixels.js";
export type { Filter, PreprocessOptions } from "./image/preprocess.js";
export * from "./layers.js";
export type { LoadOptions, Progress } from "./load.js";
export type { Classification, ClassifyOptions, Model, RunOptions } from "./model.js";
export type { OnnxModel, OnnxOptions } from "./onnx/index.js";
export type { Flavour, WasmSource } from "./platform.js";
export { stateShapes } from "./state.js";
export { formatSummary, type Summary, summarize } from "./summarize.js";
export type { Pixels, Tensor } from "./tensor.js";
export type {
  Dtype,
  GivenWeights,
  LoadProgress,
  WeightSource,
  Weights,
  WeightTensor,
} from "./weights/index.js";
export * from "./zoo/builders.js";
export { type ZooName, zoo } from "./zoo/index.js";
export type { Checkpoint, ModelOptions, ZooEntry } from "./zoo/row.js";
