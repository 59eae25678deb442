"""Writes ts/test/goldens/preprocess/interpolate_cases.json: what torchvision's resize makes of tensors of floats.

usage: python scripts/make_interpolate_cases.py            needs: torch, torchvision, numpy

Number i of every input is that of resize_cases.json's noise (make_resize_cases.py), a byte, / 128 - 1. The results are
float32, little-endian, in base64; one case a line.
"""
import base64
import json
import pathlib

import torch
import torchvision
from torchvision.transforms.v2.functional import InterpolationMode, resize

from make_resize_cases import noise

SHAPES = [  # rows, columns, and what they become
    (1, 1, 3, 2), (5, 4, 5, 4), (5, 4, 9, 7), (9, 7, 5, 4), (8, 8, 16, 16), (16, 16, 8, 8), (13, 17, 3, 5), (3, 5, 13, 17),
    (31, 9, 7, 20), (2, 40, 6, 3), (24, 33, 23, 32), (6, 6, 1, 1), (50, 3, 7, 3), (3, 29, 3, 58),
]
OUT = pathlib.Path(__file__).resolve().parent.parent / "ts/test/goldens/preprocess/interpolate_cases.json"


def main() -> None:
    lines = []
    for rows, columns, to_rows, to_columns in SHAPES:
        planes = 2
        x = torch.from_numpy(noise(planes * rows * columns).astype("float32") / 128 - 1).reshape(planes, rows, columns)
        for name in ("nearest", "bilinear", "bicubic"):
            for antialias in (False, True):
                y = resize(x, [to_rows, to_columns], interpolation=InterpolationMode(name), antialias=antialias)
                case = {
                    "shape": [planes, rows, columns], "to": [to_rows, to_columns], "filter": name, "antialias": antialias,
                    "base64": base64.b64encode(y.contiguous().numpy().astype("<f4").tobytes()).decode(),
                }
                lines.append(json.dumps(case))
    body = ",\n".join(lines)
    OUT.write_text(f'{{\n"torchvision": "{torchvision.__version__.split("+")[0]}",\n"cases": [\n{body}\n]\n}}\n')
    print(f"{len(lines)} cases to {OUT.name}")


if __name__ == "__main__":
    main()
