/** Class names by index, loaded only when asked for. */

/**
 * The names of a checkpoint's classes: 1000 short English ones for ImageNet (ILSVRC 2012, in the order of torchvision's
 * and timm's checkpoints), "0" to "9" for MNIST.
 */
export async function labelsOf(set: "imagenet1k" | "digits"): Promise<readonly string[]> {
  switch (set) {
    case "imagenet1k":
      return (await import("./imagenet1k.json")).default;
    case "digits":
      return ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
  }
}
