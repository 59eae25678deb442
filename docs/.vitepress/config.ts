/** The documentation site: `npm run docs` builds it. Pages under zoo/ and api/ and the pictures are made by that script. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";

const here = fileURLToPath(new URL("..", import.meta.url));
const titleOf = (path: string): string => /^# (.+)$/m.exec(readFileSync(path, "utf8"))?.[1] ?? path;

/** The families of networks, as `npm run docs` found them. */
const families = readdirSync(`${here}/zoo`)
  .filter((name) => name.endsWith(".md") && name !== "README.md")
  .map((name) => ({ text: titleOf(`${here}/zoo/${name}`), link: `/zoo/${name.slice(0, -3)}` }));

const guide = [
  { text: "Getting started", link: "/guide/start" },
  { text: "Weights", link: "/guide/weights" },
  { text: "Images", link: "/guide/images" },
  { text: "Dense prediction", link: "/guide/dense" },
  { text: "Looking inside", link: "/guide/inside" },
  { text: "Networks of your own", link: "/guide/networks" },
];

const operation = [
  { text: "Performance", link: "/guide/performance" },
  { text: "On the GPU", link: "/guide/webgpu" },
  { text: "A server", link: "/guide/serve" },
  { text: "Very many images", link: "/guide/bulk" },
  { text: "Deployment", link: "/guide/deployment" },
  { text: "Errors", link: "/guide/errors" },
  { text: "Migration", link: "/guide/migration" },
];

export default defineConfig({
  title: "convzoo",
  description: "The convolutional networks for image classification, wherever JavaScript runs",
  base: process.env.DOCS_BASE ?? "/",
  outDir: "../build/docs",
  cacheDir: "../build/docs-cache",
  // The families' pages are also read in a folder, where the list is called README.
  rewrites: { "zoo/README.md": "zoo/index.md" },
  cleanUrls: true,
  markdown: {
    // The API's pages hold generics, such as Record<string, Tensor>, which are no HTML.
    attrs: { disable: true },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Guide", link: "/guide/start", activeMatch: "/guide/" },
      { text: "Networks", link: "/zoo/", activeMatch: "/zoo/" },
      { text: "API", link: "/api/", activeMatch: "/api/" },
    ],
    sidebar: {
      "/guide/": [
        { text: "Guide", items: guide },
        { text: "In operation", items: operation },
      ],
      "/zoo/": [{ text: "Families", link: "/zoo/", items: families }],
    },
  },
});
