/** The Chromium that pages are tested in. */
import type { Browser } from "playwright-core";
import { findCommand } from "./pages.js";

/** Its path, or undefined. */
export const chromium =
  process.env.CHROME_PATH ||
  findCommand(["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);

const ALWAYS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"];

async function launchWith(own: readonly string[]): Promise<Browser> {
  const { chromium: playwright } = await import("playwright-core");
  return playwright.launch({ executablePath: chromium, args: [...ALWAYS, ...own] });
}

export const launch = (): Promise<Browser> => launchWith(["--disable-gpu"]);

/** With SwiftShader for a GPU. */
export const launchOnGpu = (): Promise<Browser> =>
  launchWith([
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    // See ts/test/gpu.ts.
    "--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension",
  ]);
