"""Makes weights/squeezenet1_1.safetensors: the float32 checkpoint in float16, which halves the package.

usage: python make_embedded_weights.py IN.safetensors OUT.safetensors [--images DIR --expected expected.json]

With --images the network is run on each of them with both sets of weights (in float32 arithmetic), after the preprocessing
that expected.json describes, and compared with the five classes listed there.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.numpy import load_file

from write_safetensors import write_safetensors

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def halve(arrays):
    halves = {key: array.astype(np.float16) for key, array in arrays.items()}
    for key, array in halves.items():
        if not np.isfinite(array).all():
            raise SystemExit(f"{key} does not fit in float16")
    return halves


def pixels(file):
    """Short side to 256 by Pillow's bilinear filter, centre crop 224, as torchvision's ImageNet preset."""
    image = Image.open(file).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([256 if side == min(image.size) else int(side * scale) for side in image.size], Image.BILINEAR)
    left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
    x = np.asarray(image.crop((left, top, left + 224, top + 224)), dtype=np.float32) / 255
    return torch.from_numpy((x - np.float32(MEAN)) / np.float32(STD)).permute(2, 0, 1)[None]


def probabilities(arrays, x):
    net = torchvision.models.squeezenet1_1(weights=None).eval()
    net.load_state_dict({key: torch.from_numpy(array.astype(np.float32)) for key, array in arrays.items()})
    with torch.no_grad():
        return net(x).softmax(1)[0]


def compare(full, half, folder, expected):
    rows = json.loads(expected.read_text())["models"]["squeezenet1_1"]["top5"]
    tally = {"same five in the same order": 0, "same five": 0, "same first": 0}
    worst = 0.0
    for name, row in rows.items():
        x = pixels(folder / name)
        a, b = probabilities(full, x), probabilities(half, x)
        want, got = [index for index, _, _ in row], b.topk(5).indices.tolist()
        if a.topk(5).indices.tolist() != want:
            raise SystemExit(f"{name}: the float32 weights do not give the classes of {expected.name}")
        tally["same five in the same order"] += want == got
        tally["same five"] += set(want) == set(got)
        tally["same first"] += want[0] == got[0]
        worst = max(worst, float((a - b).abs().max()))
        print(f"{name}: largest change of a probability {float((a - b).abs().max()):.1e}, top 5 {want} -> {got}")
    print(f"of {len(rows)} images: {tally}, largest change of a probability {worst:.1e}")


def main():
    args = argparse.ArgumentParser(description="SqueezeNet 1.1 in float16.")
    args.add_argument("source", type=pathlib.Path)
    args.add_argument("out", type=pathlib.Path)
    args.add_argument("--images", type=pathlib.Path)
    args.add_argument("--expected", type=pathlib.Path)
    args = args.parse_args()
    full = load_file(args.source)
    # The order of the network's state_dict, as a checkpoint saved by PyTorch has it.
    keys = torchvision.models.squeezenet1_1(weights=None).state_dict().keys()
    half = halve({key: full[key] for key in keys})
    metadata = {
        "licence": "Apache-2.0",
        "source": "SqueezeNet 1.1 of the ONNX model zoo under torchvision's keys, rounded to float16",
    }
    write_safetensors(args.out, half, metadata)
    if args.images and args.expected:
        compare(full, half, args.images, args.expected)


main()
