"""Pickles that attack who reads them: code to be run, memory and time to be filled. None is loaded here."""

import os
import pickle
import struct


class Calls:
    """Pickled as a call of a function."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def tensor_pickle(shape: tuple, strides: tuple, count: int, offset: int = 0) -> bytes:
    """A state dict of one tensor, with any numbers in it."""
    out = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    out += b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + pickle.dumps(count, 2)[2:-1] + b"tQ" + pickle.dumps(offset, 2)[2:-1]
    return out + pickle.dumps(shape, 2)[2:-1] + pickle.dumps(strides, 2)[2:-1] + b"\x89NtRs."


def attacks() -> dict[str, bytes]:
    """Pickles that would run code, or fill memory or time, somewhere else."""
    command = "touch attacked"
    unsafe = {
        "os_system": pickle.dumps({"w": Calls(os.system, command)}, 2),
        "os_system_protocol_4": pickle.dumps({"w": Calls(os.system, command)}, 4),
        "eval": pickle.dumps({"w": Calls(eval, "1 + 1")}, 2),
        "getattr": pickle.dumps(Calls(getattr, "text", "upper"), 2),
        "nested_reduce": b"\x80\x02ccollections\nOrderedDict\n)R)R.",
        "called_call": b"\x80\x02ctorch\ndevice\nX\x03\x00\x00\x00cpu\x85R)R.",
        "instance": b"\x80\x02(X\x01\x00\x00\x00xios\nsystem\n.",
        "object": b"\x80\x02(cos\nsystem\nX\x01\x00\x00\x00xo.",
        "extension": b"\x80\x02\x82\x01.",
        "persistent_text": b"\x80\x02Pstorage\n.",
        "dotted_name": b"\x80\x04\x8c\x05torch\x8c\x17serialization.os.system\x93.",
        "storage_attribute": b"\x80\x02ctorch\nFloatStorage.from_file\n.",
    }
    deep = b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."
    sharing = b"\x80\x02]q\x00" + b"".join(b"(" + (b"h" + bytes([i])) * 10 + b"tq" + bytes([i + 1]) for i in range(60))
    copies = b"\x80\x02](" + b"K\x00K\x00\x86" * 3000 + b"eq\x000" + b"ccollections\nOrderedDict\nh\x00\x85R0" * 3000 + b"N."
    huge = 2**60
    bad = {
        "deep": deep,
        "shared_tuples": sharing + b".",
        "copies": copies,
        "recursive_list": b"\x80\x02]q\x00h\x00a.",
        "recursive_dict": b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.",
        "recursive_parameter": b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_parameter\n]q\x00h\x00a\x89N\x87Rs.",
        "long_integer": b"\x80\x02\x8b\xff\xff\xff\x7f" + b"\x01" * 64 + b".",
        "long_text": b"\x80\x04\x8d" + struct.pack("<Q", huge) + b"x.",
        "memo_gap": b"\x80\x02Nr\xff\xff\xff\xff0j\xfe\xff\xff\xff.",
        "huge_shape": tensor_pickle((huge, huge), (1, 1), 4),
        "huge_count": tensor_pickle((huge,), (1,), huge),
        "huge_offset": tensor_pickle((2,), (1,), 4, huge),
        "negative_shape": tensor_pickle((-1, -4), (1, 1), 4),
        "negative_stride": tensor_pickle((2,), (-1,), 4, 3),
        "negative_offset": tensor_pickle((2,), (1,), 4, -1),
        "beyond_storage": tensor_pickle((2, 2), (3, 1), 4),
        "count_beyond_file": tensor_pickle((400,), (1,), 400),
        "expanded_to_terabytes": tensor_pickle((2**20, 2**20), (0, 0), 4),
        "many_sides": tensor_pickle((1,) * 100, (1,) * 100, 4),
        "no_storage": b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x89NtRs.",
        "number_key": tensor_pickle((4,), (1,), 4).replace(b"X\x01\x00\x00\x00w", b"K\x07", 1),
    }
    named = {f"unsafe_{name}": data for name, data in unsafe.items()}
    return named | {f"bad_{name}": data for name, data in bad.items()}
