/** torchvision's networks, exported on the spot since they are too large to be kept: onnxruntime's numbers. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { convzoo, root } from "./package.js";

const { fromOnnx, load } = convzoo;

/** Ours stay within this part of the largest magnitude. */
const LIMIT = 1e-5;

/** What each of PyTorch's exporters exports. The second writes weights into a file beside the model. */
const NETWORKS: Readonly<Record<string, readonly string[]>> = {
  torchscript: [
    "alexnet",
    "resnet18",
    "googlenet",
    "densenet121",
    "efficientnet_b0",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "squeezenet1_1",
    "shufflenet_v2_x1_0",
  ],
  dynamo: ["resnet18", "densenet121", "efficientnet_b0", "mobilenet_v3_small", "shufflenet_v2_x1_0"],
};

const python = process.env.CONVZOO_PYTHON ?? "python3";

/** Why nothing is exported here, if so. */
function lacking(exporter: string): string | undefined {
  if (process.env.CONVZOO_QUICK) return "quick mode exports nothing";
  const modules = ["torch", "torchvision", "onnxruntime", ...(exporter === "dynamo" ? ["onnxscript"] : [])];
  const code = `from importlib.util import find_spec as f; exit(not all(map(f, ${JSON.stringify(modules)})))`;
  const { status } = spawnSync(python, ["-c", code]);
  return status === 0
    ? undefined
    : `${python} (CONVZOO_PYTHON names another) lacks one of ${modules.join(", ")}`;
}

const floats = (path: string): Float32Array => new Float32Array(new Uint8Array(readFileSync(path)).buffer);

describe.each(Object.keys(NETWORKS))("exported by %s", (exporter) => {
  const why = lacking(exporter);
  beforeEach(({ skip }) => skip(why !== undefined, why));

  test.each(NETWORKS[exporter]!)("%s", async (name) => {
    const folder = mkdtempSync(join(tmpdir(), "convzoo-onnx-"));
    try {
      const args = [join(root, "scripts/export_onnx_nets.py"), folder, exporter, name];
      const { status, stderr } = spawnSync(python, args, { encoding: "utf8" });
      expect(status, stderr).toBe(0);
      const path = join(folder, `${name}.${exporter}`);
      const { net, weights } = await fromOnnx(`${path}.onnx`);
      using model = await load(net, { weights });
      const { shape, data } = await model.run({ shape: [1, 3, 224, 224], data: floats(`${path}.input`) });
      const wanted = floats(`${path}.output`);
      expect(shape).toEqual([1, wanted.length]);
      const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const error = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - data[i]!)), 0);
      expect(error / scale).toBeLessThan(LIMIT);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
