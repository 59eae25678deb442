"""Random images, resized and decoded by the Pillow that is here: a JSON line each, for pillow.test.ts.

usage: python pillow.py SEED RESIZES DECODES
"""
import base64
import io
import json
import random
import sys

import PIL
from PIL import Image, ImageOps

seed, resizes, decodes = map(int, sys.argv[1:])
RANDOM = random.Random(seed)
CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    image = Image.frombytes(mode, size, RANDOM.randbytes(size[0] * size[1] * CHANNELS[mode]))
    # Half of them smooth, and noise at the edges of the range.
    return image.resize((1, 2)).resize(size, Image.Resampling.BICUBIC) if RANDOM.random() < 0.5 else image


def other_order(image: Image.Image, to: tuple[int, int], filter: Image.Resampling, made: Image.Image) -> bool:
    """Whether this Pillow does columns first, as from version 13 on for many images for which convzoo keeps to rows first."""
    if int(PIL.__version__.split(".")[0]) < 13:
        return False
    if image.mode == "RGBA" and filter != Image.Resampling.NEAREST:
        image = image.convert("RGBa")
    return image.resize((to[0], image.height), filter).resize(to, filter).convert(made.mode) != made


def resize() -> dict:
    mode = RANDOM.choice(["L", "RGB", "RGBA"])
    side = RANDOM.choice([8, 40, 300])
    size = (RANDOM.randint(1, side), RANDOM.randint(1, side))
    to = (RANDOM.randint(1, 100), RANDOM.randint(1, 100))
    filter = RANDOM.choice(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
    image = noise(mode, size)
    made = image.resize(to, getattr(Image.Resampling, filter.upper()))
    if other_order(image, to, getattr(Image.Resampling, filter.upper()), made):
        return resize()
    case = {"mode": mode, "size": size, "to": to, "filter": filter}
    return case | {"from": encoded(image.tobytes()), "made": encoded(made.tobytes())}


def decode() -> dict:
    format = RANDOM.choice(["JPEG", "JPEG", "PNG", "WEBP", "BMP"])
    mode = RANDOM.choice({"JPEG": ["L", "RGB", "CMYK"], "PNG": ["1", "L", "LA", "P", "I;16", "RGB", "RGBA"],
                          "WEBP": ["RGB", "RGBA"], "BMP": ["1", "L", "P", "RGB"]}[format])
    size = (RANDOM.randint(1, 70), RANDOM.randint(1, 70))
    image = noise("CMYK" if mode == "CMYK" else "RGBA", size)
    if mode == "I;16":
        image = Image.frombytes(mode, size, RANDOM.randbytes(size[0] * size[1] * 2))
    elif mode != image.mode:
        image = image.convert("RGB").convert(mode) if mode in "1P" else image.convert(mode)
    options: dict = {}
    if format == "JPEG":
        options = {"quality": RANDOM.randint(1, 100), "progressive": RANDOM.random() < 0.5,
                   "subsampling": RANDOM.randint(0, 2), "restart_marker_blocks": RANDOM.choice([0, 0, 1, 5])}
    if format == "WEBP":
        options = {"quality": RANDOM.randint(0, 100), "lossless": RANDOM.random() < 0.5,
                   "exact": RANDOM.random() < 0.5, "method": 1}
        if RANDOM.random() < 0.3:
            options |= {"save_all": True, "append_images": [image.transpose(Image.Transpose.ROTATE_180)]}
    if format == "PNG" and mode == "P" and RANDOM.random() < 0.5:
        options["transparency"] = RANDOM.randbytes(RANDOM.randint(1, 256))
    if format != "BMP":
        exif = Image.Exif()
        exif[0x0112] = RANDOM.randint(1, 8)
        options["exif"] = exif
    out = io.BytesIO()
    image.save(out, format, **options)
    read = Image.open(out)
    made = {mode: encoded(read.convert(mode).tobytes()) for mode in ("L", "RGB", "RGBA")}
    upright = ImageOps.exif_transpose(read).convert("RGB")
    shown = {key: value for key, value in options.items() if isinstance(value, (bool, int))}
    about = f"{format} {mode} {size} {shown}"
    return {"about": about, "file": encoded(out.getvalue()), "size": size, "made": made,
            "turned": {"size": upright.size, "made": encoded(upright.tobytes())}}


print(json.dumps({"pillow": PIL.__version__, "resizes": [resize() for _ in range(resizes)],
                  "decodes": [decode() for _ in range(decodes)]}))
