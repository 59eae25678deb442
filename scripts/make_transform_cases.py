"""Writes ts/test/goldens/preprocess/transform_cases.json: what torchvision's transforms make of small images of noise.

usage: python scripts/make_transform_cases.py            needs: torch, torchvision, pillow, numpy

Byte i of every image is the top byte of fmix32(i + 1), MurmurHash3's finaliser. "sizes" are what resizing the shorter
side leads to, "crops" the SHA-256 of the RGB bytes of a centre crop, "tensors" that of the float32 bytes (little-endian)
of ToTensor and Normalize.
"""
import hashlib
import json
import pathlib

import numpy as np
from PIL import Image
from torchvision.transforms import functional as F

OUT = pathlib.Path(__file__).resolve().parent.parent / "ts/test/goldens/preprocess/transform_cases.json"
M32 = np.uint64(0xFFFFFFFF)
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def noise(width: int, height: int) -> Image.Image:
    x = np.arange(1, width * height * 3 + 1, dtype=np.uint64)
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x85EBCA6B)) & M32
    x ^= x >> np.uint64(13)
    x = (x * np.uint64(0xC2B2AE35)) & M32
    x ^= x >> np.uint64(16)
    return Image.fromarray((x >> np.uint64(24)).astype(np.uint8).reshape(height, width, 3))


def sizes() -> list[str]:
    shapes = [(500, 333), (333, 500), (1, 1), (7, 7), (640, 480), (517, 606), (1001, 3), (3, 1001), (1024, 768), (90, 89)]
    rows = []
    for width, height in shapes:
        for side in (1, 64, 224, 232, 256, 342):
            to = F.resize(Image.new("L", (width, height)), side, F.InterpolationMode.NEAREST).size
            rows.append(json.dumps({"size": [width, height], "side": side, "to": list(to)}))
    return rows


def crops() -> list[str]:
    shapes = [(8, 8), (9, 8), (10, 13), (11, 15), (5, 9), (9, 5), (3, 4), (1, 1)]
    rows = []
    for width, height in shapes:
        for crop in (1, 4, 5, 8, [5, 9], [8, 3]):
            image = F.center_crop(noise(width, height), crop)
            hash = hashlib.sha256(image.tobytes()).hexdigest()
            rows.append(json.dumps({"size": [width, height], "crop": crop, "sha256": hash}))
    return rows


def tensors() -> list[str]:
    rows = []
    cifar = ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.201])
    for mean, std in (IMAGENET, cifar, ([0.5] * 3, [0.5] * 3), ([0.0] * 3, [1.0] * 3), ([0.1307], [0.3081])):
        image = noise(40, 30)
        gray = len(mean) == 1
        tensor = F.normalize(F.to_tensor(image.convert("L") if gray else image), mean, std)
        hash = hashlib.sha256(tensor.numpy().astype("<f4").tobytes()).hexdigest()
        rows.append(json.dumps({"size": [40, 30], "mean": mean, "std": std, "grayscale": gray, "sha256": hash}))
    return rows


def main() -> None:
    lists = {"sizes": sizes(), "crops": crops(), "tensors": tensors()}
    body = ",\n".join(f'"{name}": [\n' + ",\n".join(rows) + "\n]" for name, rows in lists.items())
    OUT.write_text("{\n" + body + "\n}\n")
    print({name: len(rows) for name, rows in lists.items()})


if __name__ == "__main__":
    main()
