/** Tells weight formats apart by their first bytes; names and extensions are not looked at. */
import { ConvzooError } from "../errors.js";

const RESAVE_ADVICE = `Save it again with a later PyTorch:
  import torch
  torch.save(torch.load("FILE", map_location="cpu", weights_only=False), "FILE.pth")`;
const CONVERT_ADVICE = "Convert the weights to .safetensors under PyTorch's keys.";
const WRONG_FILE_ADVICE = "Check the path or URL: this is not a weight file.";

/**
 * The formats that are read: one .safetensors file, or the index (JSON) of several; pytorch and numpy stand for an archive's as
 * well as for a single file's.
 */
export type WeightFormat = "safetensors" | "sharded" | "pytorch" | "numpy" | "onnx";

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
  if (typeof other === "string") return other;
  if (!other && (hasBrace || hasLength)) return "safetensors";
  const start = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const [what, advice] = other ?? [
    `begins with the bytes ${start}, no format that is known here`,
    WRONG_FILE_ADVICE,
  ];
  throw new ConvzooError(
    "unknown-format",
    `${source} is not a weight file that is read: it ${what}. ${advice}`,
    {
      source,
    },
  );
}

function lookalike(text: string): WeightFormat | [what: string, advice: string] | undefined {
  if (text === "") return ["is empty", "Check that the file was downloaded or written completely."];
  if (text.startsWith("PK\x03\x04")) return zip(text);
  // PyTorch's stream of pickles.
  if (/^\x80[\x02-\x05]/.test(text)) return "pytorch";
  if (text.startsWith("ustar", 257))
    return ["looks like a tar archive, or PyTorch's oldest .pth format", RESAVE_ADVICE];
  if (text.startsWith("\x89HDF\r\n\x1a\n")) return ["looks like HDF5 (Keras .h5)", CONVERT_ADVICE];
  if (text.startsWith("\x93NUMPY")) return "numpy";
  if (text.startsWith("TFL3", 4)) return ["looks like a TensorFlow Lite model", CONVERT_ADVICE];
  // Protobuf: field 1 (the version of ONNX's format), then any of the fields 2 to 8 that a model has.
  if (/^\x08[\x01-\x20][\x12\x1a\x22\x28\x32\x3a\x42]/.test(text)) return "onnx";
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
function zip(text: string): WeightFormat | [what: string, advice: string] {
  const name = text.slice(30, 30 + text.charCodeAt(26) + 256 * text.charCodeAt(27));
  if (name.endsWith(".npy")) return "numpy";
  if (name.includes("/") || name === "data.pkl") return "pytorch";
  return [
    "looks like a zip archive",
    "Unpack it first, unless it is a PyTorch checkpoint or a NumPy .npz file.",
  ];
}
