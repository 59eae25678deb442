"""Makes ts/test/fixtures/safetensors: files of the safetensors library, and what it says of broken ones.

usage: python make_safetensors_cases.py [FOLDER]

dtypes.safetensors: a tensor of each type, a scalar, an empty one, one with odd alignment; dtypes.json: their values.
rounding.safetensors: float32 and float64 numbers near those that float16 and bfloat16 can hold, and what torch rounds them to.
sharded/: an index and its files. verdicts.json: small files in base64, and whether the library reads them.
"""

import base64
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import load, save_file

HERE = pathlib.Path(__file__).parent
FOLDER = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "ts/test/fixtures/safetensors"

DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "uint64", "int32", "uint32", "int16", "uint16", "int8", "uint8", "bool"]


def dtypes():
    tensors = {name: torch.tensor([[0, 1, 1], [100, 7, 1]]).to(getattr(torch, name)) for name in DTYPES}
    tensors["scalar"] = torch.tensor(-2.5)
    tensors["empty"] = torch.zeros(0, 3)
    tensors["ends"] = torch.tensor([-(2**63), 2**63 - 1])
    save_file(tensors, FOLDER / "dtypes.safetensors", metadata={"format": "pt", "größe": "ä\"\\\n{"})
    values = {
        key: {"dtype": str(one.dtype)[6:], "shape": list(one.shape), "values": [str(x) for x in one.flatten().tolist()]}
        for key, one in tensors.items()
    }
    (FOLDER / "dtypes.json").write_text(json.dumps(values, indent=1) + "\n")


def neighbours(numbers):
    """The numbers, those half-way to the next, and what lies a digit beside either."""
    halfway = (numbers[:-1] + numbers[1:]) / 2
    all_numbers = np.concatenate([numbers, halfway])
    return np.concatenate([all_numbers, np.nextafter(all_numbers, -np.inf), np.nextafter(all_numbers, np.inf)])


def rounding():
    random = np.random.default_rng(1)
    tensors = {}
    for name, dtype, limit in [("f16", torch.float16, 65519.99), ("bf16", torch.bfloat16, 3.39e38)]:
        bits = np.sort(random.choice(0x7C00 if name == "f16" else 0x7F80, 30, replace=False)).astype(np.int32)
        bits = np.unique(np.concatenate([bits, bits[:-1] + 1, np.arange(6), 0x400 + np.arange(-3, 3)]))
        exact = torch.from_numpy(bits.astype(np.uint16).view(np.int16)).view(dtype).to(torch.float64).numpy()
        # What float32 holds, and numbers that would be rounded twice on the way through it.
        for source in (np.float32, np.float64):
            numbers = neighbours(exact.astype(source)).astype(source)
            numbers = torch.from_numpy(np.concatenate([numbers, -numbers])[np.abs(np.concatenate([numbers, numbers])) < limit])
            key = f"{np.dtype(source).name}_{name}"
            tensors[key] = numbers
            tensors[f"{key}_rounded"] = numbers.to(dtype) if source is np.float32 else once(numbers, exact, dtype)
    save_file(tensors, FOLDER / "rounding.safetensors")


def once(numbers, exact, dtype):
    """Rounded by definition, since torch goes through float32: the nearest, of two the one with an even last bit."""
    bits = np.arange(0x7C00 if dtype == torch.float16 else 0x7F80, dtype=np.uint16)
    grid = torch.from_numpy(bits.view(np.int16)).view(dtype).to(torch.float64).numpy()
    sizes = np.abs(numbers.numpy())
    above = np.clip(np.searchsorted(grid, sizes), 1, len(grid) - 1)
    low, high = sizes - grid[above - 1], grid[above] - sizes
    found = np.where((high < low) | ((high == low) & (above % 2 == 0)), above, above - 1).astype(np.uint16)
    found |= np.signbit(numbers.numpy()).astype(np.uint16) << 15
    return torch.from_numpy(found.view(np.int16)).view(dtype)


def sharded():
    folder = FOLDER / "sharded"
    folder.mkdir(exist_ok=True)
    shards = [{"a.weight": torch.arange(4.0), "a.bias": torch.ones(1)}, {"b.weight": torch.arange(3).half()}]
    names = [f"model-{i + 1:05}-of-00002.safetensors" for i in range(2)]
    for name, tensors in zip(names, shards):
        save_file(tensors, folder / name)
    weight_map = {key: name for name, tensors in zip(names, shards) for key in tensors}
    index = {"metadata": {"total_size": 26}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def file(header, data=8, length=None):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(data)


def verdicts():
    def entry(dtype="F32", shape=[2], offsets=[0, 8], **more):
        return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}

    text = json.dumps(entry())
    cases = {
        "sound": file({"a": entry()}),
        "no tensors": file({}, 0),
        "spaces behind the header": file(json.dumps({"a": entry()}) + "   "),
        "spaces within": file('{ "a" : ' + text + " }"),
        "a space before": file(" {}", 0),
        "unknown field": file({"a": entry(more=1)}),
        "metadata": file({"__metadata__": {"x": "y"}, "a": entry()}),
        "metadata that is null": file({"__metadata__": None, "a": entry()}),
        "metadata with a number": file({"__metadata__": {"x": 1}, "a": entry()}),
        "metadata that is text": file({"__metadata__": "x", "a": entry()}),
        "escaped key": file('{"\\u0061":' + text + "}"),
        "half a surrogate": file('{"\\ud800":' + text + "}"),
        "not UTF-8": file(b'{"\xff":' + text.encode() + b"}"),
        "a key twice": file('{"a":' + text + ',"a":' + text + "}"),
        "a field twice": file('{"a":' + text[:-1] + ',"dtype":"F32"}}'),
        "a side of 2.0": file({"a": entry(shape=[2.0])}),
        "a side of 2e0": file('{"a":' + text.replace("[2]", "[2e0]") + "}"),
        "a side of -2": file({"a": entry(shape=[-2])}),
        "a side of -0": file('{"a":' + text.replace("[2]", "[-0]") + "}"),
        "a side of text": file({"a": entry(shape=["2"])}),
        "a side of 2^64": file({"a": entry(shape=[0, 2**64], offsets=[0, 0])}, 0),
        "a product of 2^80": file({"a": entry(shape=[2**40, 2**40])}),
        "dtype in lower case": file({"a": entry("f32")}),
        "dtype unknown": file({"a": entry("F31")}),
        "no dtype": file({"a": {"shape": [2], "data_offsets": [0, 8]}}),
        "three offsets": file({"a": entry(offsets=[0, 8, 8])}),
        "offsets backwards": file({"a": entry(offsets=[8, 0])}),
        "offsets of another size": file({"a": entry(offsets=[0, 4])}, 4),
        "a gap at the start": file({"a": entry(offsets=[8, 16])}, 16),
        "a gap": file({"a": entry(), "b": entry(offsets=[16, 24])}, 24),
        "an overlap": file({"a": entry(), "b": entry(offsets=[4, 12])}, 12),
        "the same bytes": file({"a": entry(), "b": entry()}),
        "an empty tensor": file({"a": entry(), "b": entry(shape=[0], offsets=[8, 8])}),
        "an empty tensor inside": file({"a": entry(), "b": entry(shape=[0], offsets=[4, 4])}),
        "bytes left over": file({"a": entry()}, 9),
        "cut in the data": file({"a": entry()}, 7),
        "cut in the header": file({"a": entry()}, 0)[:20],
        "seven bytes": bytes(7),
        "a header of no bytes": bytes(8),
        "a header longer than the file": file({"a": entry()}, length=5000),
        "a header longer than 100 MB": file({"a": entry()}, length=100_000_001),
        "a header of 2^63 bytes": file({"a": entry()}, length=2**63),
        "a list": file("[1]", 0),
        "zeros behind the header": file(json.dumps({"a": entry()}) + "\0"),
        "more JSON behind": file(json.dumps({"a": entry()}) + "{}"),
        "a comma too many": file('{"a":' + text + ",}"),
    }
    found = {}
    for name, data in cases.items():
        try:
            load(data)
            read = True
        except Exception:
            read = False
        found[name] = {"file": base64.b64encode(data).decode(), "read": read}
    (FOLDER / "verdicts.json").write_text(json.dumps(found, indent=1) + "\n")


FOLDER.mkdir(parents=True, exist_ok=True)
dtypes()
rounding()
sharded()
verdicts()
