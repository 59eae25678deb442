/** The Chromium that pages are tested in. */
import type { Browser } from "playwright-core";
import { findCommand } from "./pages.js";

/** Its path, or undefined. */
export const chromium =
  process.env.CHROME_PATH ||
  findCommand(["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);

export async function launch(): Promise<Browser> {
  const { chromium: playwright } = await import("playwright-core");
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
  ];
  return playwright.launch({ executablePath: chromium, args });
}
