"""Writes ts/test/goldens/preprocess/augment_cases.json: what numpy and torchvision make of images of noise, for ts/src/augment.

usage: python scripts/make_augment_cases.py            needs: torch, torchvision, pillow, numpy

The images are those of make_transform_cases.py, each of whose channels is here mixed with its neighbours, so that there is
a main direction. "colors" are the eigenvalues and -vectors of the covariance of all pixels, values from 0 to 1; "samples"
the SHA-256 of the RGB bytes of crops and reflections.
"""
import hashlib
import json
import pathlib

import numpy as np
from make_transform_cases import noise
from PIL import Image
from torchvision.transforms import functional as F

OUT = pathlib.Path(__file__).resolve().parent.parent / "ts/test/goldens/preprocess/augment_cases.json"


def mixed(width: int, height: int) -> Image.Image:
    rgb = np.asarray(noise(width, height)).astype(np.int64)
    return Image.fromarray(((3 * rgb + 2 * np.roll(rgb, 1, 2) + np.roll(rgb, 2, 2) * [1, 2, 3]) // 8).astype(np.uint8))


def colors() -> list[str]:
    rows = []
    for sizes in ([[40, 30]], [[40, 30], [17, 23], [5, 64]], [[3, 2]]):
        pixels = np.concatenate([np.asarray(mixed(*size)).reshape(-1, 3) for size in sizes]) / 255
        values, vectors = np.linalg.eigh(np.cov(pixels.T, bias=True))
        order = np.argsort(-values)
        upright = [v * np.sign(v[np.argmax(np.abs(v))]) for v in vectors.T[order]]
        row = {"sizes": sizes, "values": list(values[order]), "vectors": [list(v) for v in upright]}
        rows.append(json.dumps(row))
    return rows


def samples() -> list[str]:
    rows = []
    for width, height, crop, index in [(12, 12, 8, 0), (12, 12, 8, 31), (12, 12, 8, 18), (15, 9, 7, 27), (256, 256, 224, 2047)]:
        place, reflected = divmod(index, 2)
        top, left = divmod(place, width - crop)
        image = F.crop(noise(width, height), top, left, crop, crop)
        bytes = (F.hflip(image) if reflected else image).tobytes()
        sha256 = hashlib.sha256(bytes).hexdigest()
        rows.append(json.dumps({"size": [width, height], "crop": crop, "index": index, "sha256": sha256}))
    return rows


def main() -> None:
    lists = {"colors": colors(), "samples": samples()}
    body = ",\n".join(f'"{name}": [\n' + ",\n".join(rows) + "\n]" for name, rows in lists.items())
    OUT.write_text("{\n" + body + "\n}\n")
    print({name: len(rows) for name, rows in lists.items()})


if __name__ == "__main__":
    main()
