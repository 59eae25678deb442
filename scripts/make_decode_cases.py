"""Writes ts/test/goldens/preprocess/decode_cases.json: small encoded images and what Pillow decodes them to.

usage: python scripts/make_decode_cases.py [IMAGES_DIR]            needs: pillow (with WebP), numpy

A case holds the file in base64 and the SHA-256 of the bytes of convert("RGB"), convert("RGBA") and convert("L"); where its
EXIF data say that it is to be turned, "turned" is what exif_transpose and convert("RGB") give. "refused" ones hold no hash.
Kinds of file that Pillow reads but does not write are put together here. With IMAGES_DIR, a folder of photographs, their
hashes are added by file name; without it the ones of the last run are kept.
"""
import base64
import hashlib
import io
import json
import pathlib
import struct
import sys
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).resolve().parent.parent / "ts/test/goldens/preprocess/decode_cases.json"
RNG = np.random.default_rng(7)
W, H = 13, 9  # odd, so that rows need padding, blocks are cut, and the last pass of Adam7 is uneven


def picture(w: int = W, h: int = H) -> np.ndarray:
    """Something smooth with some noise, so that lossy formats have both."""
    y, x = np.mgrid[0:h, 0:w]
    base = np.stack([x * 255 / w, y * 255 / h, (x + y) * 255 / (w + h)], axis=-1)
    return np.clip(base + RNG.integers(-30, 30, (h, w, 3)), 0, 255).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# PNG

PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def filtered(rows: list[bytes], bpp: int) -> bytes:
    """Each row behind one of the five filters, in turn."""
    out, above = b"", bytes(len(rows[0]) if rows else 0)
    for i, row in enumerate(rows):
        kind = i % 5
        line = bytearray()
        for j, value in enumerate(row):
            a, b, c = (row[j - bpp] if j >= bpp else 0), above[j], (above[j - bpp] if j >= bpp else 0)
            p = a + b - c
            nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line.append((value - [0, a, b, (a + b) >> 1, nearest][kind]) & 255)
        out += bytes([kind]) + bytes(line)
        above = row
    return out


def packed(samples: np.ndarray, depth: int) -> list[bytes]:
    """Rows of samples [h, w * channels] as bytes."""
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in samples]
    rows = []
    for row in samples:
        bits = "".join(format(int(v), f"0{depth}b") for v in row)
        bits += "0" * (-len(bits) % 8)
        rows.append(bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)))
    return rows


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(color: int, depth: int, interlaced: bool = False, extra: bytes = b"", size=(W, H), levels: int = 0) -> bytes:
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    w, h = size
    samples = RNG.integers(0, levels or 1 << depth, (h, w, channels))
    bpp = max(1, channels * depth // 8)
    data = b""
    for x, y, dx, dy in PASSES if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if part.size:
            data += filtered(packed(part.reshape(part.shape[0], -1), depth), bpp)
    z = zlib.compress(data)
    half = len(z) // 2  # two IDAT chunks
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, int(interlaced))) + extra
        + chunk(b"tEXt", b"\0 no keyword") + chunk(b"IDAT", z[:half]) + chunk(b"IDAT", z[half:]) + chunk(b"IEND", b"")
    )


def with_effects(file: bytes) -> bytes:
    """Behind the header, chunks that could change how the picture looks, and do not change Pillow's bytes."""
    chunks = [
        chunk(b"gAMA", struct.pack(">I", 220_000)),
        chunk(b"cHRM", struct.pack(">8I", *range(10_000, 90_000, 10_000))),
        chunk(b"iCCP", b"name\0\0" + zlib.compress(b"not a profile")),
        chunk(b"sBIT", bytes([5, 6, 5])),
    ]
    return file[:33] + b"".join(chunks) + file[33:]


def palette(n: int) -> bytes:
    return chunk(b"PLTE", RNG.integers(0, 256, 3 * n, dtype=np.uint8).tobytes())


# BMP


def bmp(bits: int, header: int = 40, top_down: bool = False, masks=None, colors: int = 0, used: int = 0) -> bytes:
    stride = (W * bits + 31) // 32 * 4
    pixels = RNG.integers(0, 256, stride * H, dtype=np.uint8).tobytes()
    if header == 12:
        info = struct.pack("<IHHHH", 12, W, H, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, W, -H if top_down else H, 1, bits, 3 if masks else 0, 0, 1, 1, used, 0)
        if masks:
            info += struct.pack(f"<{len(masks)}I", *masks)
        info = info.ljust(max(header, len(info)), b"\0")
    entries = RNG.integers(0, 256, (colors, 3 if header == 12 else 4), dtype=np.uint8).tobytes()
    start = 14 + len(info) + len(entries)
    return struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start) + info + entries + pixels


# JPEG of four components


def ycck(file: bytes) -> bytes:
    """The file, said to be YCCK."""
    at = file.index(b"Adobe")
    return file[: at + 11] + b"\2" + file[at + 12 :]


def four_fold() -> bytes:
    """
    A YCCK file whose first and last components have four blocks a unit, as Photoshop writes it. Pillow does not, so the blocks
    of a file of 10 units of 4 stand for 4 units of 10 here; they show nothing, but decode.
    """
    file = ycck(saved(Image.fromarray(picture(80, 8)).convert("CMYK"), "JPEG", quality=30))
    frame = file.index(b"\xff\xc0")
    factors = bytearray(file[frame + 10 : frame + 22])
    for i, factor in enumerate((0x22, 0x11, 0x11, 0x22)):
        factors[3 * i + 1] = factor
    return file[: frame + 5] + struct.pack(">HHB", 29, 31, 4) + bytes(factors) + file[frame + 22 :]


def without_adobe(file: bytes) -> bytes:
    """The file without its Adobe segment."""
    at = file.index(b"Adobe") - 4
    return file[:at] + file[at + 2 + struct.unpack(">H", file[at + 2 : at + 4])[0] :]


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


# WebP


def on_canvas(file: bytes, width: int, height: int, left: int, top: int) -> bytes:
    """An animation with a larger canvas, its first frame moved to a place there (even numbers)."""
    def uint24(n: int) -> bytes:
        return struct.pack("<I", n)[:3]

    frame = file.index(b"ANMF") + 8
    file = file[:24] + uint24(width - 1) + uint24(height - 1) + file[30:]
    return file[:frame] + uint24(left // 2) + uint24(top // 2) + file[frame + 6 :]


def cases() -> dict[str, bytes]:
    rgb = Image.fromarray(picture())
    large = Image.fromarray(picture(50, 37))
    alpha = np.dstack([picture(), RNG.integers(0, 256, (H, W), dtype=np.uint8)])
    alpha[:3, :5, 3] = 0  # hidden colours must show
    rgba = Image.fromarray(alpha)
    frames = [large.transpose(Image.Transpose.ROTATE_180), large.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me", which nobody does here
    out = {
        "jpeg 4:4:4": saved(large, "JPEG", quality=92, subsampling=0),
        "jpeg 4:2:2": saved(large, "JPEG", quality=80, subsampling=1),
        "jpeg 4:2:0": saved(large, "JPEG", quality=75, subsampling=2),
        "jpeg quality 5": saved(large, "JPEG", quality=5),
        "jpeg quality 100": saved(large, "JPEG", quality=100),
        "jpeg progressive": saved(large, "JPEG", progressive=True),
        "jpeg restart markers": saved(large, "JPEG", restart_marker_blocks=1),
        "jpeg gray": saved(large.convert("L"), "JPEG"),
        "jpeg rgb": saved(large, "JPEG", keep_rgb=True),
        "jpeg exif turn": saved(large, "JPEG", exif=exif),
        "jpeg 1 x 1": saved(rgb.crop((0, 0, 1, 1)), "JPEG"),
        "jpeg with bytes after it": saved(rgb, "JPEG") + b"tail",
        "webp lossy": saved(large, "WEBP", quality=80),
        "webp lossless": saved(large, "WEBP", lossless=True),
        "webp lossy alpha": saved(rgba, "WEBP", quality=80),
        "webp lossless alpha": saved(rgba, "WEBP", lossless=True, exact=True),
        "webp exif": saved(large, "WEBP", exif=exif),
        "webp animation": saved(large, "WEBP", save_all=True, append_images=frames),
        "webp animation lossless alpha": saved(
            rgba, "WEBP", save_all=True, append_images=[rgba.rotate(180)], lossless=True, exact=True
        ),
        "webp 1 x 1": saved(rgb.crop((0, 0, 1, 1)), "WEBP"),
    }
    for depth in (1, 2, 4, 8):
        out[f"png gray {depth}"] = png(0, depth)
        out[f"png gray {depth} interlaced"] = png(0, depth, True)
        out[f"png palette {depth}"] = png(3, depth, extra=palette(1 << depth))
        out[f"png palette {depth} interlaced"] = png(3, depth, True, extra=palette(1 << depth))
    for name, color in (("rgb", 2), ("gray alpha", 4), ("rgba", 6)):
        for depth in (8, 16):
            out[f"png {name} {depth}"] = png(color, depth)
            out[f"png {name} {depth} interlaced"] = png(color, depth, True)
    out |= {
        "png palette with transparency": png(3, 8, extra=palette(256) + chunk(b"tRNS", bytes(range(256)))),
        "png gray with transparency": png(0, 8, extra=chunk(b"tRNS", b"\0\7")),
        "png rgb with transparency": png(2, 8, extra=chunk(b"tRNS", b"\0\7\0\7\0\7")),
        "png palette shorter than its indices": png(3, 4, extra=palette(5)),
        "png 1 x 1": png(2, 8, size=(1, 1)),
        "png 1 x 1 interlaced": png(6, 8, True, size=(1, 1)),
        "png 3 x 2 interlaced": png(0, 1, True, size=(3, 2)),
        "png of Pillow's": saved(large, "PNG"),
        "png gamma and profile": with_effects(saved(large, "PNG")),
        "png animation": saved(large, "PNG", save_all=True, append_images=frames),
        "png animation beside its still": saved(large, "PNG", save_all=True, append_images=frames, default_image=True),
        "bmp 24": bmp(24),
        "bmp 24 top-down": bmp(24, top_down=True),
        "bmp 24 OS/2": bmp(24, header=12),
        "bmp 24 V5": bmp(24, header=124),
        "bmp 32": bmp(32),
        "bmp 32 masks": bmp(32, masks=(0xFF0000, 0xFF00, 0xFF)),
        "bmp 32 V3 masks": bmp(32, header=56, masks=(0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        "bmp 16": bmp(16),
        "bmp 16 565": bmp(16, masks=(0xF800, 0x7E0, 0x1F)),
        "bmp 8": bmp(8, colors=256),
        "bmp 8 few colours": bmp(8, colors=17, used=17),
        "bmp 4": bmp(4, colors=16),
        "bmp 1": bmp(1, colors=2),
        "bmp 8 OS/2": bmp(8, header=12, colors=256),
        "bmp of Pillow's": saved(rgb, "BMP"),
        "bmp of Pillow's, gray": saved(rgb.convert("L"), "BMP"),
        "bmp of Pillow's, 1 bit": saved(rgb.convert("1"), "BMP"),
    }
    cmyk = large.convert("CMYK")
    inks = np.array(cmyk)
    inks[..., 3] = inks[..., 0] // 3 + inks[..., 2] // 2  # Pillow's own conversion leaves black empty
    cmyk = Image.merge("CMYK", [Image.fromarray(ink) for ink in np.moveaxis(inks, -1, 0)])
    out |= {
        "jpeg CMYK": saved(cmyk, "JPEG"),
        "jpeg CMYK 4:2:0": saved(cmyk, "JPEG", subsampling=2),
        "jpeg CMYK progressive": saved(cmyk, "JPEG", progressive=True),
        "jpeg CMYK 4:2:2 progressive": saved(cmyk, "JPEG", progressive=True, subsampling=1),
        "jpeg CMYK restart markers": saved(cmyk, "JPEG", restart_marker_blocks=3),
        "jpeg CMYK quality 100": saved(cmyk, "JPEG", quality=100),
        "jpeg CMYK of no Adobe": without_adobe(saved(cmyk, "JPEG")),
        "jpeg YCCK": ycck(saved(cmyk, "JPEG")),
        "jpeg YCCK 4:2:0": ycck(saved(cmyk, "JPEG", subsampling=2)),
        "jpeg YCCK progressive": ycck(saved(cmyk, "JPEG", progressive=True)),
        "jpeg YCCK 2x2 1x1 1x1 2x2": four_fold(),
        "webp animation on a canvas": on_canvas(out["webp animation"], 60, 50, 4, 6),
        "webp animation with alpha on a canvas": on_canvas(out["webp animation lossless alpha"], 16, 12, 2, 0),
    }
    for turn in range(1, 10):
        exif[0x0112] = turn
        out[f"jpeg exif orientation {turn}"] = saved(rgb, "JPEG", exif=exif)
    out |= {
        "png exif turn": saved(rgb, "PNG", exif=turned(8)),
        "webp exif turn": saved(rgb, "WEBP", exif=turned(5)),
        "png gray 16": png(0, 16),
        "png gray 16 interlaced": png(0, 16, True),
        "png gray 16 of few levels": png(0, 16, levels=300),
        "png gray 2 with transparency": png(0, 2, extra=chunk(b"tRNS", b"\0\1")),
        "png gray 1 with transparency": png(0, 1, extra=chunk(b"tRNS", b"\0\1")),
        "png gray 8 of few levels with transparency": png(0, 8, extra=chunk(b"tRNS", b"\0\3"), levels=5),
        "png gray 16 with transparency": png(0, 16, extra=chunk(b"tRNS", b"\0\7"), levels=20),
        "png rgb 8 of few levels with transparency": png(2, 8, extra=chunk(b"tRNS", b"\0\1\0\2\0\1"), levels=3),
        "png rgb 16 with transparency": png(2, 16, extra=chunk(b"tRNS", b"\0\0\0\0\0\0"), levels=300),
        "png palette 2 with transparency": png(3, 2, extra=palette(4) + chunk(b"tRNS", b"\0\x80")),
    }
    return out


def refused() -> dict[str, bytes]:
    rgb = Image.fromarray(picture())
    return {
        "tiff": saved(rgb, "TIFF"),
    }


# GIF


def lzw(indices: bytes, bits: int) -> bytes:
    """The codes of an encoder that, its table full, goes on without clearing it."""
    clear, width, codes = 1 << bits, bits + 1, [(1 << bits, bits + 1)]
    table = {bytes([i]): i for i in range(clear)}
    next_, word = clear + 2, b""
    for index in indices:
        longer = word + bytes([index])
        if longer in table:
            word = longer
            continue
        codes.append((table[word], width))
        if next_ < 4096:
            table[longer] = next_
            # The decoder's table is one behind.
            if next_ == 1 << width and width < 12:
                width += 1
            next_ += 1
        word = bytes([index])
    codes += [(table[word], width), (clear + 1, width)]
    held, count = 0, 0
    for code, size in codes:
        held |= code << count
        count += size
    data = held.to_bytes((count + 7) // 8, "little")
    return b"".join(bytes([len(part)]) + part for part in (data[i : i + 255] for i in range(0, len(data), 255))) + b"\0"


def gif(
    indices: np.ndarray, bits: int = 8, screen=None, at=(0, 0), common: bytes = b"", own: bytes = b"", transparent=None
) -> bytes:
    """A frame `at` a place of a screen, with a palette for the file and one of its own."""
    (h, w), (sw, sh) = indices.shape, screen or indices.shape[::-1]
    flags = lambda colours: 0x80 | (len(colours) // 3).bit_length() - 2 if colours else 0
    out = b"GIF89a" + struct.pack("<HHBBB", sw, sh, flags(common), 1, 0) + common
    out += b"!\xfe\x03any\x02ok\x00"
    if transparent is not None:
        out += b"!\xf9\x04" + bytes([1, 0, 0, transparent, 0])
    out += b"," + struct.pack("<HHHHB", *at, w, h, flags(own)) + own
    return out + bytes([bits]) + lzw(indices.tobytes(), bits) + b";"


def gifs() -> dict[str, bytes]:
    rgb, large = Image.fromarray(picture()), Image.fromarray(picture(40, 31))
    colours = lambda n: RNG.integers(0, 256, 3 * n, dtype=np.uint8).tobytes()
    noise = lambda n, w=W, h=H: RNG.integers(0, n, (h, w), dtype=np.uint8)
    cut = Image.fromarray(noise(16))
    cut.putpalette(colours(16))
    return {
        "gif of Pillow's": saved(large, "GIF"),
        "gif of Pillow's, not interlaced": saved(large, "GIF", interlace=0),
        "gif of Pillow's, gray": saved(large.convert("L"), "GIF"),
        "gif of Pillow's, 1 bit": saved(large.convert("1"), "GIF"),
        "gif of Pillow's, 1 x 1": saved(rgb.crop((0, 0, 1, 1)), "GIF"),
        "gif of Pillow's, 2 rows interlaced": saved(large.crop((0, 0, 9, 2)), "GIF"),
        "gif of Pillow's with transparency": saved(cut, "GIF", transparency=5),
        "gif animation": saved(large, "GIF", save_all=True, append_images=[large.rotate(90 * i) for i in (1, 2)]),
        "gif of all colours": gif(noise(256, 90, 70), common=colours(256)),
        "gif of long runs": gif(np.sort(noise(4, 300, 300), axis=1), 2, common=colours(4)),
        "gif of one colour": gif(np.zeros((200, 300), np.uint8), 2, common=colours(4)),
        "gif with a palette of its own": gif(noise(8), 3, common=colours(8), own=colours(8)),
        "gif whose palette is shorter than its indices": gif(noise(16), 4, common=colours(4)),
        "gif whose palette is gray": gif(noise(8), 3, common=bytes(i for i in range(8) for _ in range(3))),
        "gif without a palette": gif(noise(256)),
        "gif without a palette, with transparency": gif(noise(4), 2, transparent=2),
        "gif on a canvas": gif(noise(4), 2, screen=(20, 15), at=(3, 4), common=colours(4)),
        "gif on a canvas with transparency": gif(
            noise(4), 2, screen=(20, 15), at=(3, 4), common=colours(4), transparent=2
        ),
        "gif larger than its canvas": gif(noise(4), 2, screen=(5, 4), at=(1, 2), common=colours(4)),
        "gif with transparency beyond its palette": gif(noise(4), 2, common=colours(4), transparent=200),
        "gif of bytes after it": gif(noise(4), 2, common=colours(4)) + b"tail",
    }


def main() -> None:
    lines = []
    for name, data in (cases() | gifs()).items():
        image = Image.open(io.BytesIO(data))
        hashes = {mode: hashlib.sha256(image.convert(mode).tobytes()).hexdigest() for mode in ("RGB", "RGBA", "L")}
        case = {"name": name, "size": list(image.size), "sha256": hashes}
        upright = ImageOps.exif_transpose(image).convert("RGB")
        if image.getexif().get(0x0112, 1) != 1:
            case["turned"] = {"size": list(upright.size), "sha256": hashlib.sha256(upright.tobytes()).hexdigest()}
        case["base64"] = base64.b64encode(data).decode()
        lines.append(json.dumps(case))
    no = [json.dumps({"name": name, "base64": base64.b64encode(data).decode()}) for name, data in refused().items()]
    photos = json.loads(OUT.read_text())["photographs"] if OUT.exists() else {}
    if len(sys.argv) > 1:
        files = sorted(f for f in pathlib.Path(sys.argv[1]).iterdir() if f.suffix in (".jpg", ".bmp"))
        photos = {f.name: hashlib.sha256(Image.open(f).convert("RGB").tobytes()).hexdigest() for f in files}
    shown = ",\n".join(f'"{name}": "{hash}"' for name, hash in photos.items())
    sections = [f'"pillow": "{PIL.__version__}"', '"cases": [\n' + ",\n".join(lines) + "\n]"]
    sections += ['"refused": [\n' + ",\n".join(no) + "\n]", '"photographs": {\n' + shown + "\n}"]
    OUT.write_text("{\n" + ",\n".join(sections) + "\n}\n")
    print(f"{len(lines)} cases, {len(no)} refused, {len(photos)} photographs to {OUT.name}")


if __name__ == "__main__":
    main()
