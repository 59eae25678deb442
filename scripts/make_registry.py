"""Makes ts/src/zoo/torchvision.json: the checkpoints for ImageNet that torchvision registers, of the networks in our zoo.

usage: python make_registry.py NAME... > torchvision.json   (the names of our zoo: `convzoo models --json`)

Networks by name, their weights by name, torchvision's default first: [file, MiB, top-1, top-5, index in `presets`] and, where
torchvision states one, the licence. A preset is how images are prepared. The first hexadecimal digits of a file's SHA-256 stand at the end of its name. Needs torchvision.
"""

import json
import re
import sys

from torchvision import models

BASE = "https://download.pytorch.org/models/"
LICENCES = {"https://github.com/facebookresearch/SWAG/blob/main/LICENSE": "CC-BY-NC-4.0"}


def preset(transforms):
    one = lambda sizes: sizes[0] if isinstance(sizes, (list, tuple)) else sizes
    return {
        "resize": one(transforms.resize_size),
        "crop": one(transforms.crop_size),
        "interpolation": transforms.interpolation.value,
        "mean": list(transforms.mean),
        "std": list(transforms.std),
    }


def row(weights, presets):
    file = weights.url.removeprefix(BASE)
    if not re.fullmatch(r"[\w.-]+-[0-9a-f]{8,}\.pth", file) or len(weights.meta["categories"]) != 1000:
        raise SystemExit(f"{weights}: {weights.url} is not of the usual kind")
    transforms = preset(weights.transforms())
    if transforms not in presets:
        presets.append(transforms)
    metrics = weights.meta["_metrics"]["ImageNet-1K"]
    cells = [file, weights.meta["_file_size"], metrics["acc@1"], metrics["acc@5"], presets.index(transforms)]
    return cells + ([LICENCES[weights.meta["license"]]] if "license" in weights.meta else [])


def main():
    presets, networks = [], {}
    for name in models.list_models(module=models):
        if name not in sys.argv[1:]:
            continue
        # Without categories it is no classifier: one of VGG's has its features alone.
        weights = models.get_model_weights(name)
        rest = [one for one in weights if one != weights.DEFAULT and one.meta["categories"]]
        networks[name] = {one.name.lower(): row(one, presets) for one in [weights.DEFAULT, *rest]}
    lines = [f"    {json.dumps(name)}: {json.dumps(rows)}" for name, rows in networks.items()]
    print(f'{{\n  "base": {json.dumps(BASE)},\n  "presets": [')
    print(",\n".join(f"    {json.dumps(one)}" for one in presets) + '\n  ],\n  "weights": {')
    print(",\n".join(lines) + "\n  }\n}")


main()
