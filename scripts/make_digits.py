"""Makes examples/digits: the first MNIST test digit of each class, from the PNG of the test digits.

usage: python make_digits.py MNIST_DIR OUT_DIR        (MNIST_DIR as for train_lenet5.py)
"""

import pathlib
import re
import sys

from PIL import Image


def main():
    source, out = map(pathlib.Path, sys.argv[1:])
    labels = re.findall(r"\d+", (source / "mnist_labels.js").read_text())[60_000:63_000]
    rows = Image.open(source / "mnist_batch_20.png").convert("L")
    for label in "0123456789":
        row = labels.index(label)
        digit = Image.frombytes("L", (28, 28), rows.crop((0, row, 784, row + 1)).tobytes())
        digit.save(out / f"{label}-{row}.png", optimize=True)


main()
