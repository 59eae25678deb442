/** Tells weight formats apart by their first bytes; names and extensions are not looked at. */
import { ConvzooError } from "../errors.js";

const PYTORCH_ADVICE = `PyTorch files are not supported yet. Convert it in Python:
  import torch, safetensors.torch
  safetensors.torch.save_file(torch.load("FILE", map_location="cpu"), "FILE.safetensors")`;
const CONVERT_ADVICE = "Convert the weights to .safetensors under PyTorch's keys.";
const WRONG_FILE_ADVICE = "Check the path or URL: this is not a weight file.";

/** The formats that are read: one .safetensors file, or the index (JSON) of several. */
export type WeightFormat = "safetensors" | "sharded";

/** So many bytes of a file's beginning tell its format. */
export const HEAD_BYTES = 1024;

/**
 * The format of a file that begins with these bytes (and may still turn out to be damaged).
 *
 * @param source what to call the bytes at the head of a message
 * @throws {ConvzooError} `unknown-format`: names what the bytes look like, and what to do
 */
export function formatOf(bytes: Uint8Array, source: string): WeightFormat {
  // The length of a sound file's header can begin like another format's signature, so this is asked first.
  const hasBrace = bytes[8] === 0x7b;
  const hasLength =
    bytes.length >= 8 &&
    bytes.subarray(4, 8).every((byte) => byte === 0) &&
    bytes.subarray(0, 4).some((byte) => byte !== 0);
  if (hasBrace && hasLength) return "safetensors";
  const text = String.fromCharCode(...bytes.subarray(0, HEAD_BYTES));
  if (/^\s*\{\s*"(metadata|weight_map)"\s*:\s*\{/.test(text)) return "sharded";
  const other = lookalike(text);
  if (!other && (hasBrace || hasLength)) return "safetensors";
  const start = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const [what, advice] = other ?? [
    `begins with the bytes ${start}, no format that is known here`,
    WRONG_FILE_ADVICE,
  ];
  throw new ConvzooError("unknown-format", `${source} is not a .safetensors file: it ${what}. ${advice}`, {
    source,
  });
}

function lookalike(text: string): [what: string, advice: string] | undefined {
  if (text === "") return ["is empty", "Check that the file was downloaded or written completely."];
  if (text.startsWith("PK\x03\x04")) return zip(text);
  if (/^\x80[\x02-\x05]/.test(text))
    return ["looks like a pickle, PyTorch's legacy .pth format", PYTORCH_ADVICE];
  if (text.startsWith("ustar", 257))
    return ["looks like a tar archive, or PyTorch's oldest .pth format", PYTORCH_ADVICE];
  if (text.startsWith("\x89HDF\r\n\x1a\n")) return ["looks like HDF5 (Keras .h5)", CONVERT_ADVICE];
  if (text.startsWith("\x93NUMPY")) return ["looks like a NumPy .npy array", CONVERT_ADVICE];
  if (text.startsWith("TFL3", 4)) return ["looks like a TensorFlow Lite model", CONVERT_ADVICE];
  // Protobuf: field 1 (the version of ONNX's format), then any of the fields 2 to 8 that a model has.
  if (/^\x08[\x01-\x20][\x12\x1a\x22\x28\x32\x3a\x42]/.test(text))
    return ["looks like an ONNX model", CONVERT_ADVICE];
  if (text.startsWith("\x1f\x8b")) return ["looks like gzip", "Unpack it first (gunzip)."];
  if (text.startsWith("version https://git-lfs")) {
    return [
      "is a Git LFS pointer, not the file itself",
      "Fetch the file with git lfs pull, or by its download URL.",
    ];
  }
  if (/^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml|!--)/i.test(text)) {
    return [
      "is a web page (HTML)",
      "The URL answered with a page instead of the file: use its direct download URL.",
    ];
  }
  return /^\s*[{[]/.test(text) ? ["looks like JSON", WRONG_FILE_ADVICE] : undefined;
}

/** By the name of the archive's first file. PyTorch's is ARCHIVE/data.pkl or, in later versions, ARCHIVE/.format_version. */
function zip(text: string): [what: string, advice: string] {
  const name = text.slice(30, 30 + text.charCodeAt(26) + 256 * text.charCodeAt(27));
  if (name.endsWith(".npy")) return ["looks like a NumPy .npz archive", CONVERT_ADVICE];
  if (name.includes("/")) return ["looks like a PyTorch checkpoint (a zip archive)", PYTORCH_ADVICE];
  return [
    "looks like a zip archive",
    `Unpack it first, unless it is a PyTorch checkpoint. ${PYTORCH_ADVICE}`,
  ];
}
