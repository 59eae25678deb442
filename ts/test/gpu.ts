/**
 * A GPU for tests where there is none: SwiftShader, which comes with Chromium and computes on the CPU, under Dawn, the npm
 * package `webgpu`. Vulkan's loader finds it by the environment, which this sets for the process that imports it.
 */
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ICD = "vk_swiftshader_icd.json";

/** The driver's description beside a Chromium. */
function driver(): string | undefined {
  const named = process.env.CHROME_PATH ? [dirname(realpathSync(process.env.CHROME_PATH))] : [];
  const commands = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const found = (process.env.PATH ?? "")
    .split(delimiter)
    .flatMap((folder) => commands.map((name) => join(folder, name)))
    .filter((path) => existsSync(path))
    .map((path) => dirname(realpathSync(path)));
  // Debian's command is a script that lies elsewhere.
  return [...named, ...found, "/usr/lib/chromium"]
    .map((folder) => join(folder, ICD))
    .find((path) => existsSync(path));
}

process.env.VK_ICD_FILENAMES ??= driver() ?? "";

/** The loader complains where it has no folder of its own. One for all processes, and with what builds make: nothing to remove. */
const folder = fileURLToPath(new URL("../../build/test/vulkan", import.meta.url));
mkdirSync(folder, { recursive: true });
process.env.XDG_RUNTIME_DIR ??= folder;

/**
 * SwiftShader takes seconds to compile a shader whose workgroup's memory Vulkan's driver is to set to zero; with this Dawn
 * does it.
 */
const TOGGLES =
  "disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension,timestamp_quantization";

/** Dawn's GPUs. Kept for as long as the process lives: once it is collected, its devices crash. */
export const gpus: GPU = (await import("webgpu")).create([TOGGLES]);

// Where the package looks first, as a browser has it.
Object.defineProperty(globalThis, "navigator", { value: { gpu: gpus }, configurable: true });

/** Why there is no GPU to test on, or undefined where there is one. With `CI=true` there must be. */
export const noGpu: string | undefined = (await gpus.requestAdapter())
  ? undefined
  : "no GPU, and no Vulkan driver of Chromium's: install chromium and libvulkan1";
if (noGpu && process.env.CI === "true") throw new Error(noGpu);
