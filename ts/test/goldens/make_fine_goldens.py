"""Writes dense/NAME_fine_HxW.json for networks that make_dense_goldens.py's `fine` does not cover: what is behind their
last max-pooling pads or strides.

The map is made by offsets, as in the OverFeat paper: the layers that stride last read their input, padded, from each
offset on, and the maps are interleaved. PyTorch computes it in float64.

usage: python make_fine_goldens.py OUT_DIR
"""
import json, pathlib, sys
import torch
from torch import nn
import torch.nn.functional as F
from make_dense_goldens import as_conv, prepared, record
from make_goldens import fill_input

SEED = 3


def shifted(layer, offset):
    """Lets a layer read from (row, column) `offset` of its padded input on."""
    padding = layer.padding if isinstance(layer.padding, int) else layer.padding[0]
    layer.padding = 0 if isinstance(layer.padding, int) else (0, 0)

    def crop(_, args):
        return F.pad(args[0], (padding,) * 4)[..., offset[0]:, offset[1]:]

    layer.register_forward_pre_hook(crop)


def squeezenet1_1(model, offset):
    """Its pooling is in ceil mode and has no padding; 3 x 3 convolutions with padding follow."""
    shifted(model.features[8], offset)
    return nn.Sequential(model.features, model.classifier[:3], nn.AvgPool2d(13, 1))


def resnet18(model, offset):
    """Its pooling is followed by three strides; the last is that of two layers side by side."""
    shifted(model.layer4[0].conv1, offset)
    shifted(model.layer4[0].downsample[0], offset)
    return nn.Sequential(*list(model.children())[:-2], nn.AvgPool2d(7, 1), as_conv(model.fc, 512, 1, 1))


@torch.no_grad()
def main(out):
    out.mkdir(parents=True, exist_ok=True)
    for dense, size in [(squeezenet1_1, (240, 257)), (resnet18, (270, 300))]:
        name = dense.__name__
        maps = []
        for offset in [(0, 0), (0, 1), (1, 0), (1, 1)]:
            model, native, source, norms = prepared(name, SEED)
            x = torch.from_numpy(fill_input((1, native[0], *size), SEED + 6)).double()
            maps.append(dense(model, offset).eval()(x))
        height, width = maps[0].shape[2] + maps[2].shape[2], maps[0].shape[3] + maps[1].shape[3]
        y = torch.full((1, maps[0].shape[1], height, width), torch.nan).double()
        for i, z in enumerate(maps):
            y[..., i // 2::2, i % 2::2] = z
        note = "output[k] is the map of class channels[k], row by row; by offsets"
        g = record(name, "fine", model, native, source, norms, size, SEED, y, note)
        file = out / f"{name}_fine_{size[0]}x{size[1]}.json"
        file.write_text(json.dumps(g, separators=(",", ":")) + "\n")
        print(name, list(y.shape), f"scale {g['scale']:.4g}", flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
