"""Times in PyTorch what benches/ops.rs times: forward and backward of each
operation, two threads, milliseconds, median of the repeats.

    python3 benches/peers/ops.py [threads]
"""

import statistics
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)


def repeat(run, least=0.6):
    run()
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < least or len(times) < 7:
        before = time.perf_counter()
        run()
        times.append((time.perf_counter() - before) * 1e3)
    return statistics.median(times)


def bench(name, shapes, f, channels_last=False):
    inputs = [torch.randn(shape) * 0.1 for shape in shapes]
    if channels_last:
        inputs[0] = inputs[0].to(memory_format=torch.channels_last)
        inputs[1] = inputs[1].to(memory_format=torch.channels_last)
    frozen = [x.clone() for x in inputs]
    inputs = [x.requires_grad_() for x in inputs]

    def both():
        for x in inputs:
            x.grad = None
        y = f(*inputs)
        y.backward(torch.ones_like(y))

    with torch.no_grad():
        forward = repeat(lambda: f(*frozen))
    print(f"{name:32} forward {forward:8.2f}   forward, backward {repeat(both):8.2f}", flush=True)


def attention(qkv, heads=8):
    batch, tokens, packed = qkv.shape
    q, k, v = qkv.view(batch, tokens, 3, heads, packed // 3 // heads).permute(2, 0, 3, 1, 4)
    y = F.scaled_dot_product_attention(q, k, v)
    return y.transpose(1, 2).reshape(batch, tokens, packed // 3)


def patchify(x, p=8):
    b, c, h, w = x.shape
    x = x.view(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1)
    return x.reshape(b, h // p, w // p, p * p * c)


def unpatchify(x, p=8, c=3):
    b, h, w, _ = x.shape
    return x.view(b, h, w, p, p, c).permute(0, 5, 1, 3, 2, 4).reshape(b, c, h * p, w * p)


bench("linear", [(4096, 256), (1024, 256), (1024,)], F.linear)
bench(
    "linear_add",
    [(4096, 1024), (256, 1024), (256,), (4096, 256)],
    lambda x, w, b, r: r + F.linear(x, w, b),
)
bench("layer_norm", [(4096, 256), (256,), (256,)], lambda x, w, b: F.layer_norm(x, (256,), w, b))
bench("gelu", [(4096, 1024)], lambda x: F.gelu(x, approximate="tanh"))
bench("silu", [(4096, 1024)], F.silu)
bench("softmax", [(16384, 128)], lambda x: F.softmax(x, -1))
targets = torch.zeros(4096, dtype=torch.long)
bench("cross_entropy", [(4096, 1024)], lambda x: F.cross_entropy(x, targets, reduction="none"))
bench("attention, 64 tokens", [(64, 64, 768)], attention)
bench("attention, 256 tokens", [(8, 256, 768)], attention)
bench("patchify", [(32, 12, 64, 64)], patchify)
bench("unpatchify", [(32, 8, 8, 192)], unpatchify)
bench("squared_error", [(32, 3, 64, 64)] * 2, lambda a, b: (a - b).square().mean((1, 2, 3)))

for name, k, size, stride, upsample in [
    ("convolve 3×3", 3, 32, 1, 1),
    ("convolve 3×3, half", 3, 32, 2, 1),
    ("convolve 3×3, doubled", 3, 16, 1, 2),
    ("convolve 1×1", 1, 32, 1, 1),
]:

    def convolve(x, w, b):
        if upsample == 2:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        return F.conv2d(x, w, b, stride=stride, padding=k // 2)

    shapes = [(16, 64, size, size), (64, 64, k, k), (64,)]
    bench(name, shapes, convolve)
    bench(f"{name}, channels_last", shapes, convolve, channels_last=True)

weights = [torch.randn(1024, 512, requires_grad=True) for _ in range(8)]
for weight in weights:
    weight.grad = torch.ones_like(weight)
optimiser = torch.optim.AdamW(weights, fused=True)


def step():
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimiser.step()


print(f"{'adamw, 4M weights':32} {repeat(step):8.2f}")
averages = [weight.detach().clone() for weight in weights]


def update():
    with torch.no_grad():
        torch._foreach_lerp_(averages, weights, 0.01)


print(f"{'average, 4M weights':32} {repeat(update):8.2f}")
