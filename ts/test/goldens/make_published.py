"""Makes published.json: parameters, GFLOPs and crop of torchvision's weight tables, for the networks of the zoo.

usage: python make_published.py > published.json        (torchvision as in scripts/requirements.txt)
"""

import json

from torchvision import models


# What is no convolutional network.
OTHERS = ("maxvit", "swin", "vit")


def main():
    table = {}
    for name in models.list_models(module=models):
        if name.startswith(OTHERS):
            continue
        weights = next(iter(models.get_model_weights(name)))
        crop = weights.transforms.keywords["crop_size"]
        table[name] = [weights.meta["num_params"], weights.meta["_ops"], crop]
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items())
    print(f"{{\n{rows}\n}}")


main()
