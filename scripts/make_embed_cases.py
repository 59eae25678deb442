"""Writes ts/test/goldens/preprocess/embed_cases.json: the vectors before the classifier, as timm and torchvision compute them.

usage: python scripts/make_embed_cases.py            needs: torch, torchvision, timm, pillow, numpy

Weights are those of the golden files in ts/test/goldens/models, the image is that of make_transform_cases.py, 128 x 112 pixels,
from -1 to 1. Of timm's models it is `forward_head(forward_features(x), pre_logits=True)`, of torchvision's what the classifier's
last layer reads, averaged over the map where it is a convolution. "values" are every seventh number, in float64.
"""
import json
import pathlib
import sys

import timm
import torch
import torchvision
from make_transform_cases import noise
from torchvision.transforms import functional as F

GOLDENS = pathlib.Path(__file__).resolve().parent.parent / "ts/test/goldens"
sys.path.insert(0, str(GOLDENS))
from recipe import fill  # noqa: E402

# The golden file, and the layer whose input it is, or timm's own.
CASES = {
    "timm_mobilenetv2_100": "timm",
    "timm_tf_efficientnet_b0": "timm",
    "timm_legacy_seresnet50": "timm",
    "timm_inception_v4": "timm",
    "resnet18": "timm",
    "densenet121": "timm",
    "convnext_tiny": "classifier.2",
    "alexnet": "classifier.6",
    "squeezenet1_1": "classifier.1",
    "mobilenet_v3_small": "classifier.3",
    "shufflenet_v2_x1_0": "fc",
}


@torch.no_grad()
def case(name: str, layer: str) -> str:
    golden = json.loads((GOLDENS / f"models/{name}.json").read_text())
    short = golden["model"].removeprefix("timm/")
    model = timm.create_model(short) if layer == "timm" else getattr(torchvision.models, short)()
    model.eval()
    state = {key: torch.from_numpy(fill(key, shape, golden["seed"], golden["norms"])) for key, shape in golden["keys"].items()}
    missing = set(model.state_dict()) - set(state)
    assert all(key.endswith("num_batches_tracked") for key in missing), missing
    model.load_state_dict(state, strict=False)
    model.double()
    x = (F.to_tensor(noise(128, 112)) - 0.5) / 0.5
    x = x.unsqueeze(0).double()
    if layer == "timm":
        y = model.forward_head(model.forward_features(x), pre_logits=True)
    else:
        read = []
        model.get_submodule(layer).register_forward_pre_hook(lambda _, args: read.append(args[0]))
        model(x)
        y = read[0].mean((2, 3)) if read[0].dim() == 4 else read[0]
    row = {"golden": name, "by": layer, "shape": list(y.shape), "scale": float(y.abs().max())}
    return json.dumps({**row, "values": [float(f"{value:.9g}") for value in y.reshape(-1)[::7].tolist()]})


def main() -> None:
    rows = [case(name, layer) for name, layer in CASES.items()]
    (GOLDENS / "preprocess/embed_cases.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
    print(len(rows))


if __name__ == "__main__":
    main()
