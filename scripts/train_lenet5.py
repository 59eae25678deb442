"""Trains LeNet-5 on MNIST and writes its weights: weights/lenet5.safetensors.

usage: python train_lenet5.py MNIST_DIR OUT.safetensors [--epochs 30] [--seed 5] [--hold-out 0]

MNIST_DIR holds MNIST as lossless PNGs, 784 pixels by 3000 digits each: mnist_batch_0.png to mnist_batch_19.png are the 60,000
training digits, mnist_batch_20.png the first 3,000 test digits; mnist_labels.js lists the labels in the same order.

The test digits are looked at once, after training. To choose anything, keep digits of the training set back with --hold-out N:
the last N are then not trained on and the error on them is printed instead of the one on the test digits.
"""

import argparse
import math
import pathlib
import re
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from write_safetensors import write_safetensors

MEAN, STD = 0.1307, 0.3081
BATCH = 128
PEAK_RATE = 3e-3


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2, 2)
        )
        self.classifier = nn.Sequential(
            nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def digits(folder, batches):
    """Bytes [n, 1, 28, 28] and labels [n] of the numbered batches."""
    text = (folder / "mnist_labels.js").read_text()
    labels = np.array([int(n) for n in re.findall(r"\d+", text)], dtype=np.int64)
    rows = [np.asarray(Image.open(folder / f"mnist_batch_{b}.png").convert("L")) for b in batches]
    which = np.concatenate([np.arange(3000 * b, 3000 * (b + 1)) for b in batches])
    return torch.from_numpy(np.concatenate(rows).reshape(-1, 1, 28, 28)), torch.from_numpy(labels[which])


def normalise(x):
    return (x.float() / 255 - MEAN) / STD


def jitter(x, generator):
    """Turns, scales, shears and shifts each digit a little: up to 12 degrees, 10 %, 0.1 and 2 pixels."""
    n = len(x)
    turn, sx, sy, shear, dx, dy = (torch.rand(6, n, generator=generator) * 2 - 1).unbind()
    angle = turn * math.radians(12)
    c, s, k = torch.cos(angle), torch.sin(angle), shear * 0.1
    a, b = 1 + 0.1 * sx, 1 + 0.1 * sy
    row0 = torch.stack([c * a, (k * c - s) * b, dx * (2 / 14)], 1)
    row1 = torch.stack([s * a, (k * s + c) * b, dy * (2 / 14)], 1)
    grid = F.affine_grid(torch.stack([row0, row1], 1), [n, 1, 28, 28], align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def right(net, x, y):
    """How many of the digits the network names rightly."""
    net.eval()
    with torch.no_grad():
        return sum(int((net(normalise(a)).argmax(1) == b).sum()) for a, b in zip(x.split(1000), y.split(1000)))


def train(x, y, epochs, seed):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = LeNet5()
    optimiser = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, epochs=epochs, steps_per_epoch=math.ceil(len(x) / BATCH), pct_start=0.2
    )
    for epoch in range(epochs):
        net.train()
        start, total = time.time(), 0.0
        for which in torch.randperm(len(x), generator=generator).split(BATCH):
            # Jittered as bytes, where the paper round the digit is 0, as grid_sample fills it.
            loss = F.cross_entropy(net(normalise(jitter(x[which].float(), generator))), y[which])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(which)
        print(f"epoch {epoch + 1}: mean loss {total / len(x):.4f}, {time.time() - start:.1f} s", flush=True)
    return net


def main():
    args = argparse.ArgumentParser(description="Trains LeNet-5 on MNIST.")
    args.add_argument("mnist", type=pathlib.Path, help="folder with mnist_batch_*.png and mnist_labels.js")
    args.add_argument("out", type=pathlib.Path, help="the .safetensors file to write")
    args.add_argument("--epochs", type=int, default=30)
    args.add_argument("--seed", type=int, default=5)
    args.add_argument("--hold-out", type=int, default=0, help="training digits kept back to choose by")
    args = args.parse_args()

    # The order of sums depends on the number of threads, so it belongs to the recipe.
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    x, y = digits(args.mnist, range(20))
    if args.hold_out:
        cut = len(x) - args.hold_out
        net = train(x[:cut], y[:cut], args.epochs, args.seed)
        print(f"held out: {right(net, x[cut:], y[cut:])} of {args.hold_out} right")
    else:
        net = train(x, y, args.epochs, args.seed)
        test_x, test_y = digits(args.mnist, [20])
        print(f"test: {right(net, test_x, test_y)} of {len(test_x)} right")

    arrays = {key: value.numpy() for key, value in net.state_dict().items()}
    write_safetensors(args.out, arrays, {"licence": "Apache-2.0", "source": "trained on MNIST by scripts/train_lenet5.py"})


main()
