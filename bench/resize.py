"""Pillow's resize, timed for bench/resize.ts: a line of JSON for each on its input.

{ "pixels": path, "mode", "size" } reads pixels and gives { "version" }; { "resize": [width, height, filter] } gives the time of
that call alone, { "ms", "sha256" }.
"""

import hashlib
import json
import sys
import time

import PIL
from PIL import Image

image = None
for line in sys.stdin:
    asked = json.loads(line)
    if "pixels" in asked:
        with open(asked["pixels"], "rb") as file:
            image = Image.frombytes(asked["mode"], tuple(asked["size"]), file.read())
        said = {"version": f"Pillow {PIL.__version__}"}
    else:
        width, height, filter = asked["resize"]
        began = time.perf_counter()
        made = image.resize((width, height), getattr(Image.Resampling, filter.upper()))
        ms = 1e3 * (time.perf_counter() - began)
        said = {"ms": ms, "sha256": hashlib.sha256(made.tobytes()).hexdigest()}
    print(json.dumps(said), flush=True)
