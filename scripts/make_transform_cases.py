"""Writes ts/test/goldens/preprocess/transform_cases.json: what torchvision's transforms make of small images of noise.

usage: python scripts/make_transform_cases.py            needs: torch, torchvision, timm, pillow, numpy

Byte i of every image is the top byte of fmix32(i + 1), MurmurHash3's finaliser. "sizes" are what resizing the shorter
side leads to, "crops" the SHA-256 of the RGB bytes of a centre crop, "several" that of the bytes of FiveCrop and TenCrop one behind the
other, "tensors" that of the float32 bytes (little-endian) of ToTensor and Normalize, "pipelines" that of the whole of
torchvision's and timm's evaluation transforms. "samples" are numbers of the lecture's normalisation and of Caffe's, whose
arithmetic is in another order than ours.
"""
import hashlib
import json
import pathlib

import numpy as np
from PIL import Image
from timm.data import create_transform
from torchvision.transforms import FiveCrop, InterpolationMode, TenCrop
from torchvision.transforms._presets import ImageClassification
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


def sha256(tensor) -> str:
    return hashlib.sha256(tensor.numpy().astype("<f4").tobytes()).hexdigest()


def several() -> list[str]:
    rows = []
    for width, height, crop in [(8, 8, 8), (9, 8, 5), (10, 13, 4), (11, 15, [5, 9]), (12, 12, 5)]:
        for name, transform in [("five", FiveCrop(crop)), ("ten", TenCrop(crop))]:
            images = b"".join(image.tobytes() for image in transform(noise(width, height)))
            hash = hashlib.sha256(images).hexdigest()
            rows.append(json.dumps({"size": [width, height], "crop": crop, "crops": name, "sha256": hash}))
    return rows


def pipelines() -> list[str]:
    modes = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
    rows = []
    # Wide ones, of which every version of Pillow resizes the rows first: from 13 on it begins with what leaves fewer pixels.
    for width, height in [(70, 50), (64, 31)]:
        image = noise(width, height)
        for options in ({"resize": 40, "crop": 32}, {"resize": 33, "crop": 33, "interpolation": "bicubic"}):
            mode = modes[options.get("interpolation", "bilinear")]
            made = ImageClassification(resize_size=options["resize"], crop_size=options["crop"], interpolation=mode)
            rows.append({"maker": "torchvision", "options": options, "tensor": made(image)})
        for options in (
            {"crop": 28},
            {"crop": 29, "cropPct": 0.95, "interpolation": "bilinear"},
            {"crop": 30, "cropPct": 1, "cropMode": "squash"},
            {"crop": 32, "cropPct": 0.9, "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "lanczos"},
        ):
            made = create_transform(
                (3, options["crop"], options["crop"]),
                interpolation=options.get("interpolation", "bicubic"),
                crop_pct=options.get("cropPct", 0.875),
                crop_mode=options.get("cropMode", "center"),
                mean=options.get("mean", IMAGENET[0]),
                std=options.get("std", IMAGENET[1]),
            )
            rows.append({"maker": "timm", "options": options, "tensor": made(image)})
        for row in rows:
            row.setdefault("size", [width, height])
    return [json.dumps({key: value for key, value in row.items() if key != "tensor"} | {"sha256": sha256(row["tensor"])}) for row in rows]


def samples() -> list[str]:
    """Every 97th number of the tensor."""
    rows = []
    for width, height in [(40, 30), (17, 23)]:
        image = noise(width, height)
        img = F.to_tensor(image).unsqueeze(0)
        lecture = 0.5 + 0.5 * (img - img.mean()) / img.std()
        bgr = np.asarray(image)[:, :, ::-1].astype(np.float32) - np.float32([104, 117, 123])
        for name, tensor in [("lecture", lecture.numpy()), ("caffe", bgr.transpose(2, 0, 1))]:
            values = [float(value) for value in tensor.ravel()[::97]]
            rows.append(json.dumps({"name": name, "size": [width, height], "values": values}))
    return rows


def tensors() -> list[str]:
    rows = []
    cifar = ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.201])
    for mean, std in (IMAGENET, cifar, ([0.5] * 3, [0.5] * 3), ([0.0] * 3, [1.0] * 3), ([0.1307], [0.3081])):
        image = noise(40, 30)
        gray = len(mean) == 1
        tensor = F.normalize(F.to_tensor(image.convert("L") if gray else image), mean, std)
        rows.append(json.dumps({"size": [40, 30], "mean": mean, "std": std, "grayscale": gray, "sha256": sha256(tensor)}))
    return rows


def main() -> None:
    lists = {
        **{"sizes": sizes(), "crops": crops(), "several": several()},
        **{"tensors": tensors(), "pipelines": pipelines(), "samples": samples()},
    }
    body = ",\n".join(f'"{name}": [\n' + ",\n".join(rows) + "\n]" for name, rows in lists.items())
    OUT.write_text("{\n" + body + "\n}\n")
    print({name: len(rows) for name, rows in lists.items()})


if __name__ == "__main__":
    main()
