"""Times single blocks here and in PyTorch, in turns: a transformer block (256
wide, 4 heads, 128 places, batch 32) and a convolutional backbone (64 wide,
32×32, batch 8), forward and backward, and a training step of a small BERT
(4 layers, 256 wide, 128 words of 8,192, 15% masked, batch 32).

First the same weights and the same input must give the same loss and gradients
to 1e-4. PyTorch runs in three ways, each in a process of its own: default
layout, channels_last, and torch.compile on the default layout; its best counts.
Prints ratios, ours ÷ PyTorch's best, of medians.

    python3 benches/peers/blocks.py [threads] [turns]
"""

import json

from turns import adamw, answer, main

# Runs that are timed in a row, for each task.
TASKS = {"transformer": 3, "convolution": 5, "bert": 1}


def torch_side(variant, task, threads, folder):
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    case = {
        key.removeprefix(f"{task}."): value
        for key, value in load_file(f"{folder}/blocks.safetensors").items()
        if key.startswith(f"{task}.")
    }
    layout = torch.channels_last if variant == "channels_last" else torch.contiguous_format
    p = {}
    for key, value in case.items():
        if key.startswith("weight."):
            if value.ndim == 4:
                value = value.permute(0, 3, 1, 2).contiguous(memory_format=layout)
            p[key.removeprefix("weight.")] = value.clone().requires_grad_()

    def linear(key, x):
        return F.linear(x, p[f"{key}.weight"], p[f"{key}.bias"])

    def norm(key, x):
        return F.layer_norm(x, x.shape[-1:], p[f"{key}.weight"], p[f"{key}.bias"], 1e-5)

    def gelu(x):
        return F.gelu(x, approximate="tanh")

    def transformer(x, depth):
        """(B, N, width) through blocks of attention and feed-forward."""
        batch, places, width = x.shape
        x = x + p["backbone.places"]
        for index in range(depth):
            name = f"backbone.block{index}"
            packed = linear(f"{name}.query_key_value", norm(f"{name}.attention_norm", x))
            q, k, v = packed.view(batch, places, 3, 4, width // 4).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v)
            x = x + linear(f"{name}.mix", mixed.transpose(1, 2).reshape(x.shape))
            hidden = gelu(linear(f"{name}.expand", norm(f"{name}.feed_norm", x)))
            x = x + linear(f"{name}.contract", hidden)
        return norm("backbone.norm", x)

    def convolve(key, x, stride=1):
        return F.conv2d(x, p[f"{key}.weight"], p[f"{key}.bias"], stride, 1)

    def block(key, x):
        normed = norm(f"{key}.norm", x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + convolve(f"{key}.second", gelu(convolve(f"{key}.first", normed)))

    def convolutional(x):
        """(B, h, w, width), channels last, as here."""
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        fine = block("backbone.before.0", x)
        coarse = convolve("backbone.down", fine, 2)
        coarse = block("backbone.middle.1", block("backbone.middle.0", coarse))
        back = convolve("backbone.up", F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        joined = block("backbone.after.0", fine + back)
        return norm("backbone.norm", joined.permute(0, 2, 3, 1))

    def loss_of():
        x = case["input"]
        if task == "transformer":
            return (transformer(x.flatten(1, 2), 1).view(x.shape) * case["probe0"]).mean()
        if task == "convolution":
            return (convolutional(x) * case["probe0"]).mean()
        features = transformer(F.embedding(x, p["vectors"]).view(32, 128, -1), 4)
        masked = features.flatten(0, 1)[case["probe0"]]
        return F.cross_entropy(linear("logits", masked), case["probe1"])

    loss = loss_of()
    loss.backward()
    report = {"loss": abs(loss.item() - case["loss"].item()), "gradient": 0.0}
    for key, value in p.items():
        theirs = case[f"gradient.{key}"]
        mine = value.grad.permute(0, 2, 3, 1) if value.ndim == 4 else value.grad
        off = (mine - theirs).abs().max().item() / max(theirs.abs().max().item(), 1e-12)
        report["gradient"] = max(report["gradient"], off)
        value.grad = None
    print(json.dumps(report), flush=True)

    optimiser = adamw(p.values())
    if variant == "compile":
        loss_of = torch.compile(loss_of)

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss_of().backward()
        if task == "bert":
            torch.nn.utils.clip_grad_norm_(list(p.values()), 1.0)
            optimiser.step()

    answer(step)


if __name__ == "__main__":
    main(__file__, "blocks", TASKS, torch_side)
