/** A process that asks a cache for registered files, of the sizes and from the server that it is told, and says what it got. */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { isConvzooError } from "../src/errors.js";
import { FolderCache } from "../src/node/cache.js";
import { fetchRegistered } from "../src/weights/registered.js";

const [folder = "", base = "", ...sizes] = process.argv.slice(2);

/** A registered file as the server makes it: so many zeros. */
const sha256 = (size: number) => createHash("sha256").update(Buffer.alloc(size)).digest("hex");

for (const size of sizes.map(Number)) {
  const cache = async () => new FolderCache(folder);
  const wanted = { url: `${base}/${size}.pth`, sha256: sha256(size) };
  const said = await fetchRegistered(wanted, { cache }, { pause: 1 }).then(
    async ({ bytes, close }) => {
      const { length } = await bytes.read(0, bytes.size);
      await close();
      return { length };
    },
    (error: unknown) => ({
      ...(isConvzooError(error) ? { code: error.code } : {}),
      message: String((error as Error).message),
    }),
  );
  console.log(JSON.stringify({ ...said, files: readdirSync(folder) }));
}
