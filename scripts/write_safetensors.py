"""A .safetensors file with the same bytes each time (the library writes metadata in an order that changes from run to run)."""

import hashlib
import json

DTYPES = {"float16": "F16", "float32": "F32"}


def write_safetensors(path, arrays, metadata):
    """Writes NumPy arrays (dict: key to array, in this order) and says how large the file is and what its hash is."""
    header, offset = {"__metadata__": metadata}, 0
    for key, array in arrays.items():
        end = offset + array.nbytes
        header[key] = {"dtype": DTYPES[str(array.dtype)], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in arrays.values())
    path.write_bytes(data)
    print(f"{path}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")
