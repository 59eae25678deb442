"""Exports torchvision's networks with random weights to ONNX, each with an input and what onnxruntime makes of it.

usage: python scripts/export_onnx_nets.py OUT torchscript|dynamo NAME...     needs: torch, torchvision, onnxruntime, onnx,
                                                                             onnxscript for dynamo

Writes OUT/NAME.EXPORTER.onnx, beside it .input and .output (float32, little-endian). A batch norm's statistics, one for all
channels, are those of an image of noise: with one for each, random networks multiply every rounding.
"""
import pathlib
import sys
import warnings

import numpy as np
import onnxruntime
import torch
import torchvision

SIZE = {"inception_v3": 299}


def network(name: str) -> torch.nn.Module:
    """Weights that keep a signal's magnitude through convolutions and ReLUs, as trained ones do."""
    torch.manual_seed(1)
    options = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    net = torchvision.models.get_model(name, weights=None, **options).eval()
    for parameter in net.parameters():
        if parameter.dim() > 1:
            torch.nn.init.kaiming_uniform_(parameter)

    def measure(norm: torch.nn.BatchNorm2d, inputs: tuple) -> None:
        norm.running_mean.fill_(inputs[0].mean())
        norm.running_var.fill_(inputs[0].var())

    hooks = [m.register_forward_pre_hook(measure) for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        net(torch.randn(1, 3, SIZE.get(name, 224), SIZE.get(name, 224)))
    for hook in hooks:
        hook.remove()
    return net


def main() -> None:
    warnings.filterwarnings("ignore")
    out, exporter, names = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    for name in names:
        net, side = network(name), SIZE.get(name, 224)
        x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(2))
        path = out / f"{name}.{exporter}.onnx"
        dynamo = {"dynamo": True, "verbose": False, "external_data": True} if exporter == "dynamo" else {"dynamo": False}
        torch.onnx.export(net, (x,), str(path), **dynamo)
        (y,) = run(path, x.numpy())
        path.with_suffix(".input").write_bytes(x.numpy().astype("<f4").tobytes())
        path.with_suffix(".output").write_bytes(np.asarray(y).astype("<f4").tobytes())
        print(path.name, flush=True)


def run(path: pathlib.Path, x: np.ndarray) -> list:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


if __name__ == "__main__":
    main()
