"""Writes ts/test/goldens/preprocess/resize_cases.json: what Pillow's Image.resize makes of images of noise.

usage: python scripts/make_resize_cases.py            needs: pillow 12.3, numpy

Byte i of every input is the top byte of the golden recipe's hash for the key "resize" and seed 1:
fmix32(fnv1a32("resize") + 0x9E3779B9 + i * 0x85EBCA77) >>> 24. So no image files are needed. A case stands on one
line; it holds two hashes of the result, SHA-256 and the 64-bit FNV-1a, which takes three lines in any language.

Pillow 13.0 changed the order of the two passes for images whose height shrinks the most, and with it the last bit of
some bytes; the package keeps the order of the versions before it.
"""
import hashlib
import json
import pathlib

import numpy as np
import PIL
from PIL import Image

SIZES = [  # width, height, and what they become
    (1, 1, 1, 1), (1, 1, 7, 5), (1, 9, 4, 3), (9, 1, 3, 4), (2, 2, 5, 5), (3, 5, 1, 1), (7, 3, 1, 6), (7, 3, 6, 1),
    (5, 4, 5, 4), (5, 4, 5, 9), (5, 4, 9, 4), (16, 16, 8, 8), (8, 8, 16, 16), (12, 4, 4, 12), (17, 31, 13, 11),
    (31, 17, 33, 40), (33, 40, 32, 39), (32, 39, 33, 40), (100, 75, 64, 48), (64, 48, 100, 75), (256, 1, 224, 1),
    (1, 300, 1, 7), (2, 301, 2, 100), (3, 400, 5, 20), (400, 3, 20, 5), (1000, 2, 1, 2), (640, 5, 97, 6),
    (199, 257, 224, 224), (500, 333, 64, 43), (61, 97, 150, 149), (3, 7, 200, 3), (40, 30, 227, 171),
]
FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
OUT = pathlib.Path(__file__).resolve().parent.parent / "ts/test/goldens/preprocess/resize_cases.json"
M32 = 0xFFFFFFFF


def fnv1a(data: bytes, offset: int, prime: int, mask: int) -> int:
    h = offset
    for byte in data:
        h = ((h ^ byte) * prime) & mask
    return h


def noise(n: int) -> np.ndarray:
    base = (fnv1a(b"resize", 0x811C9DC5, 0x01000193, M32) + 0x9E3779B9) & M32
    x = (np.uint64(base) + np.arange(n, dtype=np.uint64) * np.uint64(0x85EBCA77)) & np.uint64(M32)
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x85EBCA6B)) & np.uint64(M32)
    x ^= x >> np.uint64(13)
    x = (x * np.uint64(0xC2B2AE35)) & np.uint64(M32)
    x ^= x >> np.uint64(16)
    return (x >> np.uint64(24)).astype(np.uint8)


def main() -> None:
    if not PIL.__version__.startswith("12.3."):
        raise SystemExit(f"Pillow 12.3 defines these cases; this is {PIL.__version__}")
    lines = []
    for w, h, to_w, to_h in SIZES:
        for channels in (1, 3, 4):
            pixels = noise(w * h * channels).reshape((h, w) if channels == 1 else (h, w, channels))
            for name in FILTERS:
                image = Image.fromarray(pixels).resize((to_w, to_h), getattr(Image.Resampling, name.upper()))
                data = np.asarray(image, dtype=np.uint8).tobytes()
                case = {
                    "size": [w, h], "channels": channels, "to": [to_w, to_h], "filter": name,
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "fnv1a64": f"{fnv1a(data, 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF):016x}",
                }
                lines.append(json.dumps(case))
    body = ",\n".join(lines)
    OUT.write_text(f'{{\n"pillow": "{PIL.__version__}",\n"cases": [\n{body}\n]\n}}\n')
    print(f"{len(lines)} cases to {OUT.name}")


if __name__ == "__main__":
    main()
