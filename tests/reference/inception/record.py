"""Records data/inception: what the published Inception v3 makes of two pictures, and its keys.

    python3 record.py PYTORCH_FID FOLDER

PYTORCH_FID: a checkout of mseitzer/pytorch-fid (0.3.0); needs torch, torchvision, numpy, scipy.
Weights and pictures are formulas (formulas.h computes the same numbers), so that none are stored.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision

sys.path.insert(0, str(Path(sys.argv[1]) / "src"))
from pytorch_fid import fid_score, inception as published

SIZES = [(48, 64), (400, 320)]  # height, width


def uniform(name, count):
    """`count` numbers in [0, 1): FNV-1a of the name, then MurmurHash3's finaliser of each index."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    h = np.uint32(seed) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    return (h ^ (h >> np.uint32(16))).astype(np.float64) / 2**32


def limits(name, shape):
    if name.endswith("conv.weight"):
        bound = np.sqrt(6 / np.prod(shape[1:]))
        return -bound, bound
    if name.endswith("bn.weight"):
        return 0.8, 1.2
    if name.endswith("bn.running_var"):
        return 0.6, 1.4
    return -0.2, 0.2


def fill(network, keys):
    state = network.state_dict()
    for name, tensor in state.items():
        keys[name] = list(tensor.shape)
        if name.endswith("num_batches_tracked"):
            continue
        low, high = limits(name, tensor.shape)
        values = low + (high - low) * uniform(name, tensor.numel())
        state[name] = torch.from_numpy(values.astype(np.float32)).reshape(tensor.shape)
    return state


def picture(height, width):
    """Bytes [height, width, 3], as from a file."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((3 * x * x + 5 * y * y * (c + 1) + x * y) // 16 & 255).astype(np.uint8)


def as_input(height, width):
    return torchvision.transforms.functional.to_tensor(picture(height, width)).unsqueeze(0)


def network_of_2015(keys):
    plain = torchvision.models.inception_v3

    def without_download(*args, **kwargs):
        return fill(network, keys)

    def remembered(*args, **kwargs):
        nonlocal network
        network = plain(*args, **kwargs)
        return network

    network = None
    published.torchvision.models.inception_v3 = remembered
    published.load_state_dict_from_url = without_download
    try:
        return published.InceptionV3().eval()
    finally:
        published.torchvision.models.inception_v3 = plain


def network_of_torchvision(keys):
    network = torchvision.models.inception_v3(weights=None, init_weights=False).eval()
    network.load_state_dict(fill(network, keys))
    network.dropout = torch.nn.Identity()
    network.fc = torch.nn.Identity()
    return network


def torchvision_features(network, x):
    x = torch.nn.functional.interpolate(x, (299, 299), mode="bilinear", align_corners=False)
    return network(2 * x - 1)


def distance():
    """FID as pytorch-fid computes it, by SciPy's matrix square root."""
    sets = [uniform("first", 90 * 48).reshape(90, 48), uniform("second", 120 * 48).reshape(120, 48)]
    sets[1] = sets[1] @ (0.1 + np.eye(48)) + 0.25
    moments = [m for rows in sets for m in (rows.mean(0), np.cov(rows, rowvar=False))]
    return float(fid_score.calculate_frechet_distance(*moments))


def save_file(tensors, file):
    """The safetensors format, float32 only."""
    header, blob = {}, b""
    for name, values in tensors.items():
        ends = [len(blob), len(blob) + values.nbytes]
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": ends}
        blob += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(len(text).to_bytes(8, "little") + text + blob)


def main():
    folder = Path(sys.argv[2])
    keys = {"inception_2015": {}, "torchvision": {}}
    with torch.no_grad():
        first = network_of_2015(keys["inception_2015"])
        second = network_of_torchvision(keys["torchvision"])
        inputs = [as_input(*size) for size in SIZES]
        recorded = {
            "inception_2015": torch.cat([first(x)[0].flatten(1) for x in inputs]),
            "torchvision": torch.cat([torchvision_features(second, x) for x in inputs]),
        }
    save_file({name: t.numpy() for name, t in recorded.items()}, folder / "goldens.safetensors")
    notes = {
        "family": "Inception v3",
        "implementations": {
            "inception_2015": "pytorch-fid 0.3.0 on torchvision " + torchvision.__version__,
            "torchvision": "torchvision " + torchvision.__version__,
        },
        "heights_and_widths": SIZES,
        "frechet_distance": distance(),
        "tensors": {n: {"shape": list(t.shape), "dtype": "float32"} for n, t in recorded.items()},
    }
    (folder / "goldens.json").write_text(json.dumps(notes, indent=1) + "\n")
    (folder / "keys.json").write_text(json.dumps(keys, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
