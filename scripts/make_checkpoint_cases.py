"""Writes ts/test/fixtures/checkpoints/: files of PyTorch and NumPy, and expected.json with what their tensors are.

usage: python scripts/make_checkpoint_cases.py            needs: torch, numpy

"sets" of expected.json lists element type, shape and row-major little-endian bytes (hex) of each tensor by key, "files" which
set each file that is read must give, by its name and, behind a space, what is selected in it. Every other file is to be refused.
Those whose name begins with bad_ or unsafe_ are attacks; none of their code is run here, as nothing here loads them.
"""
import argparse
import collections
import io
import json
import pathlib
import pickle
import struct
import tarfile
import warnings
import zipfile

import numpy as np
import torch

from pickle_attacks import attacks

OUT = pathlib.Path(__file__).resolve().parent.parent / "ts/test/fixtures/checkpoints"
NAMES = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64",
    torch.uint64: "u64", torch.int32: "i32", torch.uint32: "u32", torch.int16: "i16", torch.uint16: "u16",
    torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool",
}  # fmt: skip
MAGIC = 0x1950A86A20F9469CFC6C
STAMP = (2000, 1, 1, 0, 0, 0)


def dtypes() -> dict[str, torch.Tensor]:
    """Each element type with its extremes and, of floats, zeros, subnormals and infinities."""
    tensors = {}
    for dtype, name in NAMES.items():
        if dtype.is_floating_point:
            info = torch.finfo(dtype)
            values = [0.0, -0.0, 1.5, -2.25, info.max, info.min, info.tiny, info.tiny / 4, float("inf")]
            tensors[name] = torch.tensor(values, dtype=torch.float64).to(dtype)
        elif dtype == torch.bool:
            tensors[name] = torch.tensor([[True, False, True]])
        else:
            info = torch.iinfo(dtype)
            tensors[name] = torch.from_numpy(np.array([[0, 1], [info.min, info.max]], dtype=str(dtype)[6:]))
    return tensors


def layouts() -> dict[str, object]:
    """Every way in which a tensor can lie in its storage."""
    base = torch.arange(120, dtype=torch.float32)
    image = base.reshape(2, 3, 4, 5).clone()
    flat = torch.arange(40, dtype=torch.float16)
    tied = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 7
    marked = torch.ones(2, 2)
    marked.note = "an attribute"
    return {
        "contiguous": image,
        "transposed": base[:12].clone().reshape(3, 4).t(),
        "permuted": image.clone().permute(2, 0, 3, 1),
        "channels_last": image.clone().contiguous(memory_format=torch.channels_last),
        "every_third": base.clone()[2:50:3],
        "inner_slice": image.clone()[:, 1:, ::2, 1:4],
        "expanded": torch.tensor([[1.0], [2.0]]).expand(2, 5),
        "scalar": torch.tensor(3.25, dtype=torch.float64),
        "empty": torch.empty(0, 3),
        "empty_inside": torch.empty(2, 0, 3),
        "part_a": flat[:10].reshape(2, 5),
        "part_b": flat[25:37].reshape(3, 4).t(),
        "tied_a": tied,
        "tied_b": tied,
        "parameter": torch.nn.Parameter(torch.tensor([1.0, -1.0])),
        "parameter_view": torch.nn.Parameter(image.clone().transpose(0, 1)[1]),
        "with_attributes": marked,
        "ones": torch.as_strided(base.clone(), (1, 4, 1), (77, 1, 0), 8),
        "weights.0.\u00e4 \u2211": torch.tensor([1, 2], dtype=torch.int8),
        "__proto__": torch.tensor([5.0]),
        "constructor": torch.tensor([6.0]),
    }


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(4, 3))


def checkpoint() -> dict[str, object]:
    """What training scripts keep."""
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.ones(1, 1, 6, 6)).sum().backward()
    optimizer.step()
    ema = {key: value / 2 for key, value in net.state_dict().items()}
    return {
        "epoch": 90,
        "arch": "some_net",
        "best_acc1": torch.tensor(76.13),
        "state_dict": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "ema": {"decay": 0.999, "module": ema},
        "args": argparse.Namespace(lr=0.1, data="a folder", steps=[30, 60]),
        "lr": np.float64(0.1),
        "confusion": np.arange(4).reshape(2, 2),
        "loss": [np.float32(0.5), np.int64(3), 2**70, -(2**33), 1e300, None, True],
        "names": {"cat", "dog"},
        "fixed": frozenset([1, 2]),
        "raw": b"\x00\xff bytes",
        "more": bytearray(b"bytes"),
        "counts": collections.Counter("abca"),
        "lists": collections.defaultdict(list, {"a": [1]}),
        "size": torch.Size([3, 224, 224]),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        "complex": 1 + 2j,
        "rng": torch.get_rng_state()[:8].clone(),
    }


def facts(tensors: dict) -> dict:
    rows = {}
    for key, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            continue
        flat = tensor.detach().contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        rows[key] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "hex": data.hex()}
    return rows


def saved(value: object, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def entries(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED, zip64: bool = False) -> bytes:
    buffer = io.BytesIO()
    limit = zipfile.ZIP64_LIMIT
    zipfile.ZIP64_LIMIT = -1 if zip64 else limit
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in files.items():
            file.writestr(zipfile.ZipInfo(name, STAMP), data, method)
    zipfile.ZIP64_LIMIT = limit
    return buffer.getvalue()


def big_endian(tensors: dict[str, torch.Tensor]) -> bytes:
    """As a machine of the other byte order writes it: here no two tensors share a storage."""
    files = entries(saved(tensors))
    for i, tensor in enumerate(tensors.values()):
        name, size = f"archive/data/{i}", tensor.element_size()
        data = files[name]
        files[name] = b"".join(data[at : at + size][::-1] for at in range(0, len(data), size))
    files["archive/byteorder"] = b"big"
    return zipped(files)


class Python2Pickler(pickle._Pickler):
    """Texts as Python 2's bytes, ordered dictionaries by their pairs."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_str(self, text):
        data = text.encode()
        self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        self.memoize(text)

    dispatch[str] = save_str

    def reducer_override(self, value):
        if isinstance(value, collections.OrderedDict):
            return collections.OrderedDict, ([[key, item] for key, item in value.items()],)
        return NotImplemented

    def persistent_id(self, value):
        if not isinstance(value, torch.storage.TypedStorage):
            return None
        key = str(value._cdata)
        self.storages.setdefault(key, value)
        return ("storage", getattr(torch, value.pickle_storage_type()), key, "cpu", value.size(), self.views.get(key))


def python2(value: object) -> bytes:
    """A legacy file as Python 2 and a view of a storage make it, of the first of `value`'s tensors."""
    buffer = io.BytesIO()
    for part in (MAGIC, 1001, {"protocol_version": 1001, "little_endian": True}):
        pickle.dump(part, buffer, 2)
    pickler = Python2Pickler(buffer, 2)
    first = next(iter(value.values())).storage()
    pickler.storages, pickler.views = {}, {str(first._cdata): ("view", 1, 8)}
    pickler.dump(value)
    pickle.dump(list(pickler.storages), buffer, 2)
    for storage in pickler.storages.values():
        buffer.write(struct.pack("<q", storage.size()) + bytes(storage.untyped()))
    return buffer.getvalue()


def tar() -> bytes:
    """The beginning of a file from before the stream of pickles, which is all that is looked at."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            info = tarfile.TarInfo(name)
            info.size = 4
            file.addfile(info, io.BytesIO(b"\x80\x02N."))
    return buffer.getvalue()[:1024]


def archive_of(data: bytes, storages: dict[str, bytes]) -> bytes:
    files = {"archive/data.pkl": data, "archive/byteorder": b"little"}
    method = zipfile.ZIP_DEFLATED if len(data) > 10_000 else zipfile.ZIP_STORED
    return zipped(files | {f"archive/data/{key}": storage for key, storage in storages.items()}, method)


def attacked() -> dict[str, bytes]:
    """Archives of the attacks, each with one storage of four floats."""
    return {f"{name}.pth": archive_of(data, {"0": struct.pack("<4f", 1, 2, 3, 4)}) for name, data in attacks().items()}


def refused() -> dict[str, bytes]:
    """Honest files that hold what no network here can take."""
    quantised = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    conjugate = torch.tensor([1j, 2 + 1j]).conj().imag
    program = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), program)
    # Its modules' code is left out: the archive is refused before any is read, and the fixture stays small.
    script = {name: data for name, data in entries(program.getvalue()).items() if "/code/" not in name}
    return {
        "quantised.pth": saved({"ok": torch.ones(2), "q": quantised}),
        "complex.pth": saved({"c": torch.tensor([1j, 2])}),
        "sparse.pth": saved({"s": torch.eye(3).to_sparse()}),
        "meta.pth": saved({"m": torch.empty(2, device="meta")}),
        "float8.pth": saved({"f": torch.ones(2).to(torch.float8_e4m3fn)}),
        "negative.pth": saved({"n": conjugate}),
        "numpy_weight.pth": saved({"ok": torch.ones(2), "n": torch.ones(1), "a": np.ones(2)}),
        "one_tensor.pth": saved(torch.ones(2)),
        "no_tensors.pth": saved({"epoch": 3}),
        "module.pth": saved(network()),
        "module_legacy.pth": saved(torch.nn.Identity(), _use_new_zipfile_serialization=False),
        "torchscript.pt": zipped(script),
        "tar_era.pth": tar(),
        "other_pickle.pkl": pickle.dumps({"w": [1, 2, 3]}, 2),
        "several.pth": saved({"generator": {"w": torch.zeros(1)}, "critic": {"w": torch.ones(1), "b": torch.ones(1)}}),
    }


def npy(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    return buffer.getvalue()


def numpy_files() -> tuple[dict[str, bytes], dict[str, str], dict[str, dict[str, np.ndarray]]]:
    """Files, which set each of those that are read holds, and the sets."""
    kinds = ["f8", "f4", "f2", "i8", "u8", "i4", "u4", "i2", "u2", "i1", "u1", "?"]
    matrix = np.arange(-3, 9).reshape(3, 4)
    arrays = {f"{order}{kind}": (matrix % 2 if kind == "?" else np.abs(matrix) if kind[0] == "u" else matrix).astype(order + kind)
              for kind in kinds for order in "<>"}  # fmt: skip
    arrays["fortran"] = np.asfortranarray(np.arange(24, dtype="<f4").reshape(2, 3, 4))
    arrays["fortran_big"] = np.asfortranarray(np.arange(24, dtype=">f8").reshape(4, 3, 2))
    arrays["scalar"] = np.array(2.5, "<f4")
    arrays["empty"] = np.empty((0, 3), "<f4")
    arrays["one"] = np.array([7], "<f4")
    arrays["features/0.weight"] = np.ones((1, 2), "<f4")
    stored, packed = io.BytesIO(), io.BytesIO()
    np.savez(stored, **arrays)
    np.savez_compressed(packed, **arrays)
    single = np.arange(6, dtype="<f4").reshape(2, 3)
    old = npy(single).replace(b"(2, 3), }", b"(2L, 3L)}")  # the header's length stays
    read = {"arrays.npz": "arrays", "arrays_compressed.npz": "arrays", "arrays_zip64.npz": "single"}
    read |= {name: "single" for name in ("single.npy", "version_2.npy", "version_3.npy", "python2.npy")}
    objects = np.array([None, "text"], dtype=object)
    files = {
        "arrays.npz": stored.getvalue(),
        "arrays_compressed.npz": packed.getvalue(),
        "arrays_zip64.npz": zipped({"arr_0.npy": npy(single)}, zip64=True),
        "single.npy": npy(single),
        "version_2.npy": npy(single, (2, 0)),
        "version_3.npy": npy(single, (3, 0)),
        "python2.npy": old,
        "objects.npy": npy(objects),
        "structured.npy": npy(np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")])),
        "complex.npy": npy(np.ones(2, "<c8")),
        "texts.npy": npy(np.array(["a", "b"])),
        "cut.npy": npy(single)[:-3],
        "longer.npy": npy(single) + b"\x00",
    }
    return files, read, {"arrays": arrays, "single": {"arr_0": single}}


def numpy_facts(arrays: dict[str, np.ndarray]) -> dict:
    names = {"b1": "bool"} | {f"{kind}{size}": f"{kind}{8 * size}" for kind in "fiu" for size in (1, 2, 4, 8)}
    rows = {}
    for key, array in arrays.items():
        plain = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
        rows[key] = {"dtype": names[array.dtype.str[1:]], "shape": list(array.shape), "hex": plain.tobytes().hex()}
    return rows


def main() -> None:
    warnings.simplefilter("ignore")
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    types, places, whole = dtypes(), layouts(), checkpoint()
    legacy = {"_use_new_zipfile_serialization": False}
    old = collections.OrderedDict(w=torch.arange(9.0)[2:6], b=torch.tensor([[1, 2], [3, 4]], dtype=torch.int16).t())
    # PyTorch writes the later types into legacy files too, but cannot read them there.
    older = {name: tensor for name, tensor in types.items() if name not in ("u16", "u32", "u64")}
    parts = entries(saved(places))
    small = {key: value for key, value in whole.items() if key not in ("optimizer", "ema")}
    sets = {"dtypes": types, "older_dtypes": older, "layouts": places, "state_dict": whole["state_dict"]}
    good = {
        "dtypes.pth": (saved(types), "dtypes"),
        "dtypes_legacy.pth": (saved(older, **legacy), "older_dtypes"),
        "dtypes_big_endian.pth": (big_endian(types), "dtypes"),
        "layouts.pth": (saved(places), "layouts"),
        "layouts_legacy.pth": (saved(places, **legacy), "layouts"),
        "layouts_deflated.pth": (zipped(parts, zipfile.ZIP_DEFLATED), "layouts"),
        "layouts_zip64.pth": (zipped(parts, zip64=True), "layouts"),
        "state_dict.pth": (saved(whole["state_dict"]), "state_dict"),
        "protocol_3.pth": (saved(small, pickle_protocol=3), "state_dict"),
        "protocol_4.pth": (saved(small, pickle_protocol=4), "state_dict"),
        "protocol_5_legacy.pth": (saved(small, pickle_protocol=5, **legacy), "state_dict"),
        "checkpoint.pth": (saved(whole), "state_dict"),
        "checkpoint_legacy.pth": (saved(whole, **legacy), "state_dict"),
        "python2_legacy.pth": (python2(old), "python2"),
    }
    files = {name: data for name, (data, _) in good.items()}
    # PyTorch itself reads what was made by hand.
    loaded = {name: torch.load(io.BytesIO(data), weights_only=False) for name, data in files.items()}
    for name, wanted in {"dtypes_big_endian.pth": older, "layouts_deflated.pth": places, "layouts_zip64.pth": places}.items():
        # PyTorch does not turn the bytes of the later types.
        assert facts({key: loaded[name][key] for key in wanted}) == facts(wanted), name
    sets["python2"] = loaded["python2_legacy.pth"]
    sets["ema"], sets["generator"] = whole["ema"]["module"], {"w": torch.zeros(1)}
    numpys, read, arrays = numpy_files()
    for name, data in (files | refused() | attacked() | numpys).items():
        (OUT / name).write_bytes(data)
    rows = {name: facts(tensors) for name, tensors in sets.items()}
    rows |= {name: numpy_facts(some) for name, some in arrays.items()}
    given = {name: group for name, (_, group) in good.items()} | read
    given |= {"checkpoint.pth ema": "ema", "several.pth generator": "generator"}
    text = json.dumps({"files": given, "sets": rows}, ensure_ascii=False, separators=(",", ":"))
    (OUT / "expected.json").write_text(text.replace('},"', '},\n"') + "\n")
    sizes = [path.stat().st_size for path in OUT.iterdir()]
    print(f"{len(sizes)} files, {sum(sizes)} bytes")


if __name__ == "__main__":
    main()
