/** The public names that are the same in every runtime; the entry files add those that need one. */
export type { Capabilities } from "./backend/flavour.js";
export type { StepTiming, Tuning } from "./backend/protocol.js";
export type {
  DecodeOptions,
  ImageFunctions,
  ImageOptions,
  ImageWorker,
  InitOptions,
  PreprocessImageOptions,
  ResizeOptions,
} from "./connect.js";
export { type ConvolutionizeOptions, convolutionize } from "./convolutionize.js";
export type { Colormap, RgbaImage } from "./dense/colour.js";
export type { Box } from "./dense/grid.js";
export type { DenseOptions, DenseProgress, OcclusionOptions } from "./dense/index.js";
export type { Peak } from "./dense/peaks.js";
export type { HeatOptions, OverlayOptions, PeakOptions, ScoreMap } from "./dense/score-map.js";
export { type DescribeOptions, describe } from "./describe.js";
export { type Classifier, type Ensemble, type EnsembleOptions, ensemble } from "./ensemble.js";
export { ConvzooError, ERROR_CODES, type ErrorCode, type ErrorDetails } from "./errors.js";
export type { ImageSource } from "./image/input.js";
export type { Mode, RawPixels } from "./image/pixels.js";
export type { Filter, PreprocessOptions } from "./image/preprocess.js";
export type { Crops } from "./image/views.js";
export * from "./layers.js";
export type { LoadOptions, Precision, Progress } from "./load.js";
export type { Classification, ClassifyOptions, Model, RankOptions, RunOptions } from "./model.js";
export type { OnnxModel, OnnxOptions } from "./onnx/index.js";
export type { CodecName, Decoders, Flavour, WasmSource } from "./platform.js";
export { saveWeights } from "./save.js";
export { stateShapes } from "./state.js";
export { formatSummary, type Summary, summarize } from "./summarize.js";
export type { Pixels, Tensor } from "./tensor.js";
export type { TimmOptions, TransformOptions } from "./transforms.js";
export * as transforms from "./transforms.js";
export type {
  Dtype,
  GivenWeights,
  LoadProgress,
  MatchOptions,
  SaveOptions,
  WeightSource,
  Weights,
  WeightTensor,
} from "./weights/index.js";
export * from "./zoo/builders.js";
export { type ZooName, zoo } from "./zoo/index.js";
export type { Checkpoint, ModelOptions, ZooEntry } from "./zoo/row.js";
