"""PyTorch (eager) and onnxruntime on their own CPU kernels, from the files that bench/case.ts wrote.

`native.py ENGINE FOLDER MODEL THREADS WARMUPS`; what it reads and prints is told in session.ts.
"""

import json
import resource
import struct
import sys
import time

import numpy as np

engine, folder, model, threads, warmups = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])


def say(value):
    print(json.dumps(value), flush=True)


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        start = 8 + length
    data = np.memmap(path, np.uint8, "c", start)
    return {
        key: data[slice(*entry["data_offsets"])].view(np.float32).reshape(entry["shape"])
        for key, entry in header.items()
        if key != "__metadata__"
    }


def start_torch(x):
    import torch
    import torchvision

    torch.set_num_threads(threads)
    began = time.perf_counter()
    net = torchvision.models.get_model(model, weights=None).eval()
    state = {key: torch.from_numpy(value.copy()) for key, value in read_safetensors(f"{folder}/model.safetensors").items()}
    # The counter of batches is no weight, and our checkpoints have none.
    missing, unexpected = net.load_state_dict(state, strict=False)
    wrong = unexpected + [key for key in missing if not key.endswith("num_batches_tracked")]
    if wrong:
        raise SystemExit(f"{model}: other keys than torchvision's: {wrong[:5]}")
    tensor = torch.from_numpy(x)

    def run():
        with torch.inference_mode():
            return net(tensor).numpy()

    return began, torch.__version__, f"eager, {torch.get_num_threads()} threads", run


def start_onnxruntime(x):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    began = time.perf_counter()
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options, providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: x}
    return began, onnxruntime.__version__, f"CPU, {threads} threads", lambda: session.run(None, feeds)[0]


def main():
    shape = json.loads(sys.argv[6])
    x = np.fromfile(f"{folder}/input.bin", np.float32).reshape(shape)
    began, version, how, run = {"pytorch": start_torch, "onnxruntime": start_onnxruntime}[engine](x)
    loaded = time.perf_counter()
    output = run()
    first = time.perf_counter()
    for _ in range(1, warmups):
        run()
    say({
        "version": version,
        "how": how,
        "loadMs": 1e3 * (loaded - began),
        "firstMs": 1e3 * (first - loaded),
        "output": output.ravel().tolist(),
    })
    for line in sys.stdin:
        run()
        ms = []
        for _ in range(int(line)):
            before = time.perf_counter()
            run()
            ms.append(1e3 * (time.perf_counter() - before))
        say(ms)
    say(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


main()
