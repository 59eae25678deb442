/** What somebody would write instead: fastify, sharp and onnxruntime-node on the same weights. `peer.mjs MODEL.onnx THREADS`. */
import Fastify from "fastify";
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";

const [path, threads] = process.argv.slice(2);
const session = await InferenceSession.create(path, {
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
});
const [input] = session.inputNames;
const [output] = session.outputNames;
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
const SIDE = 224;

async function prepared(image) {
  const { width, height } = await sharp(image).metadata();
  const factor = 256 / Math.min(width, height);
  const [columns, rows] = [Math.floor(width * factor), Math.floor(height * factor)];
  const pixels = await sharp(image)
    .removeAlpha()
    .resize(columns, rows, { kernel: "linear", fit: "fill" })
    .extract({ left: (columns - SIDE) >> 1, top: (rows - SIDE) >> 1, width: SIDE, height: SIDE })
    .raw()
    .toBuffer();
  const floats = new Float32Array(3 * SIDE * SIDE);
  for (let i = 0; i < SIDE * SIDE; i++)
    for (let c = 0; c < 3; c++) floats[c * SIDE * SIDE + i] = (pixels[3 * i + c] / 255 - MEAN[c]) / STD[c];
  return floats;
}

const run = async (floats) => {
  const { [output]: scores } = await session.run({
    [input]: new Tensor("float32", floats, [1, 3, SIDE, SIDE]),
  });
  return scores.data;
};

const app = Fastify({ bodyLimit: 2 ** 24 });
app.addContentTypeParser("*", { parseAs: "buffer" }, (_, body, done) => done(null, body));
app.post("/classify", async (request) => {
  const scores = await run(await prepared(request.body));
  const top = [...scores.entries()].sort(([, a], [, b]) => b - a).slice(0, 5);
  return { top: top.map(([index, score]) => ({ index, score })) };
});
app.post("/infer", async (request, reply) => {
  const { buffer, byteOffset, byteLength } = request.body;
  const scores = await run(new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)));
  return reply
    .type("application/octet-stream")
    .send(Buffer.from(scores.buffer, scores.byteOffset, scores.byteLength));
});
console.log(JSON.stringify({ message: "listening", url: await app.listen({ port: 0, host: "127.0.0.1" }) }));
