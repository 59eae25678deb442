"""Writes half/NAME.json: what PyTorch computes, in float64, with a golden's weights rounded to float16 (those of convolutions and linear
layers; biases and norms stay), on the golden's own input.

usage: python make_half_goldens.py OUT_DIR GOLDEN.json ...
needs: torch, torchvision, timm, numpy
"""
import json, pathlib, sys
import numpy as np, torch
import make_goldens
from make_reference_goldens import numbers
from recipe import fill, fill_input


@torch.no_grad()
def golden(g):
    model = make_goldens.build(g["model"])[0].eval()
    prelu = set(g.get("prelu", []))
    for key, tensor in model.state_dict().items():
        if key in g["keys"]:
            values = fill(key, tuple(tensor.shape), g["seed"], g["norms"], "prelu" if key in prelu else None)
            tensor.copy_(torch.from_numpy(values.astype(np.float16).astype(np.float32) if tensor.dim() > 1 else values))
    x = torch.from_numpy(fill_input(tuple(g["input_shape"]), g["input_seed"]))
    y32 = model(x)
    return model.double()(x.double()), y32


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for path in map(pathlib.Path, sys.argv[2:]):
        g = json.loads(path.read_text())
        half = numbers(*golden(g))
        (out / path.name).write_text(json.dumps(half, separators=(",", ":")) + "\n")
        moved = np.abs(np.array(half["output"]) - np.array(g["output"])).max()
        print(f"{path.stem}: rounding moves the output by {moved / g['scale']:.2e} of its scale", flush=True)
