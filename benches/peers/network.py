"""Times whole networks here and in PyTorch, in turns: a training step of both
models and 100 futures of 16 frames, on the default recipe, batch 32 at 64×64.

First the same weights and the same batch must give the same losses and
gradients to 1e-4. PyTorch runs in three ways, each in a process of its own:
default layout, channels_last, and torch.compile on the default layout; its best
counts. Prints ratios, ours ÷ PyTorch's best, of medians.

    python3 benches/peers/network.py [threads] [turns]
"""

import json
import math

from turns import adamw, answer, main

CONTEXT, PATCH, SIGMA, PRIOR_WEIGHT, COMPONENTS = 4, 4, 0.05, 0.1, 6
# The longest shifts of the last frame, m(x) and the sharpened last frame.
REACHES = (2, 1, 1)
# Runs that are timed in a row, for each task.
TASKS = {"mse": 5, "latent": 5, "generate": 1}


def torch_side(variant, task, threads, folder):
    """Answers each line on standard input with the milliseconds of one step."""
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    case = load_file(f"{folder}/case.safetensors")
    name = "mse" if task == "mse" else "latent"
    weights = {
        key.removeprefix(f"weight.{name}.network.").removeprefix(f"weight.{name}."): value
        for key, value in case.items()
        if key.startswith(f"weight.{name}.")
    }
    layout = torch.channels_last if variant == "channels_last" else torch.contiguous_format
    parameters = {}
    for key, value in weights.items():
        if value.ndim == 4:
            value = value.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        # Ours learns s² outside of the gradient.
        parameters[key] = value.clone().requires_grad_(key != "unexplained")
    p = parameters

    def patchify(x):
        b, c, h, w = x.shape
        x = x.view(b, c, h // PATCH, PATCH, w // PATCH, PATCH).permute(0, 2, 4, 3, 5, 1)
        return x.reshape(b, h // PATCH, w // PATCH, PATCH * PATCH * c)

    def unpatchify(x, side):
        x = x.view(-1, side, side, PATCH, PATCH, 3).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(-1, 3, side * PATCH, side * PATCH)

    def linear(key, x):
        return F.linear(x, p[f"{key}.weight"], p[f"{key}.bias"])

    def norm(key, x):
        """Over channels; x is (B, C, h, w)."""
        x = F.layer_norm(
            x.permute(0, 2, 3, 1), x.shape[1:2], p[f"{key}.weight"], p[f"{key}.bias"], 1e-5
        )
        return x.permute(0, 3, 1, 2)

    def convolve(key, x, stride=1):
        return F.conv2d(x, p[f"{key}.weight"], p[f"{key}.bias"], stride, 1)

    def gelu(x):
        return F.gelu(x, approximate="tanh")

    def block(key, x):
        return x + convolve(f"{key}.second", gelu(convolve(f"{key}.first", norm(f"{key}.norm", x))))

    side = 16
    # Logits before training: a narrow peak at no shift, m(x) ahead.
    start = torch.tensor(
        [
            3.0 * (source == 1) - (y * y + x * x) / (2 * 0.35**2)
            for source, reach in enumerate(REACHES)
            for y in range(-reach, reach + 1)
            for x in range(-reach, reach + 1)
        ]
    )
    pixels = torch.eye(3 * CONTEXT)
    seen = torch.cat([2 * pixels, (pixels[3:] - pixels[:-3]) / SIGMA])
    black = -torch.cat([torch.ones(3 * CONTEXT), torch.zeros(3 * CONTEXT - 3)])
    black = black.repeat(PATCH * PATCH)

    def observe(x):
        """(B, T, C, H, W) to mean (B, N, P), basis and features."""
        # As here, the weight is taken through the map from pixels to pixels
        # in [-1, 1] and changes, which are so never stored.
        w = p["backbone.stem.weight"]
        folded = (w.view(-1, seen.shape[0]) @ seen).view(w.shape[0], -1)
        shift = p["backbone.stem.bias"] + w @ black
        stem = F.linear(patchify(x.flatten(1, 2)), folded, shift).permute(0, 3, 1, 2)
        fine = block("backbone.before.0", stem.contiguous(memory_format=layout))
        coarse = convolve("backbone.down", fine, 2)
        coarse = block("backbone.middle.1", block("backbone.middle.0", coarse))
        back = convolve("backbone.up", F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        joined = block("backbone.after.0", fine + back)
        features = norm("backbone.norm", joined).permute(0, 2, 3, 1).flatten(1, 2)
        last = patchify(x[:, -1]).flatten(1, 2) / SIGMA
        mean = last + linear("mean", gelu(linear("mean_features", features)))
        basis = gelu(linear("latent.features", features)) if name == "latent" else None
        sources = [x[:, -1] / SIGMA, picture(mean.detach())]
        sources.append(sharpen(sources[0]))
        shares = torch.softmax(linear("move.logits", features) + start, -1)
        return mean, transport(sources, shares), basis, features, sources

    def picture(tokens):
        return unpatchify(tokens.view(tokens.shape[0], side, side, -1), side)

    def shifted(frame, reach):
        """All copies shifted by up to `reach`, (B, K, C, H, W)."""
        height, width = frame.shape[2:]
        wide = F.pad(frame, (reach,) * 4, mode="replicate")
        span = range(2 * reach + 1)
        return [wide[:, :, y : y + height, x : x + width] for y in span for x in span]

    @torch.no_grad()
    def sharpen(frame):
        near = shifted(frame, 1)
        mean = (near[1] + near[3] + near[4] + near[5] + near[7]) / 5
        sharp = frame + 3 * (frame - mean)
        most = F.max_pool2d(frame, 3, 1, 1)
        least = -F.max_pool2d(-frame, 3, 1, 1)
        return torch.minimum(torch.maximum(sharp, least), most)

    def transport(sources, shares):
        """The mixture of shifted copies, (B, N, P)."""
        copies = [copy for one in zip(sources, REACHES) for copy in shifted(*one)]
        copies = torch.stack(copies, 1)
        b, k, c = copies.shape[:3]
        copies = copies.view(b, k, c, side, PATCH, side, PATCH)
        shares = shares.view(b, side, side, k).permute(0, 3, 1, 2)
        mixed = (copies * shares.view(b, k, 1, side, 1, side, 1)).sum(1)
        return patchify(mixed.reshape(b, c, side * PATCH, side * PATCH)).flatten(1, 2)

    def within(sources, frame):
        """A frame at most 2σ beyond the least and the most of the copies."""
        ends = [
            (F.max_pool2d(f, 2 * r + 1, 1, r), -F.max_pool2d(-f, 2 * r + 1, 1, r))
            for f, r in zip(sources, REACHES)
        ]
        most = torch.maximum(torch.maximum(ends[0][0], ends[1][0]), ends[2][0])
        least = torch.minimum(torch.minimum(ends[0][1], ends[1][1]), ends[2][1])
        return torch.maximum(torch.minimum(frame, most + 2), least - 2)

    def decode(expected, basis, z, dictionaries):
        b, _, pixels = expected.shape
        mixture = (z @ dictionaries).view(b, pixels, -1)
        return expected.detach() + basis @ mixture.transpose(1, 2)

    @torch.no_grad()
    def infer(expected, basis, y):
        """z* and a draw from exp(−E), in closed form."""
        w = p["latent.dictionaries"]
        d, m = w.shape[0], basis.shape[2]
        residual = y - expected
        q = (residual.transpose(1, 2) @ basis).flatten(1) @ w.T
        gram = basis.transpose(1, 2) @ basis
        spread = (w.view(1, -1, m) @ gram).view(-1, d, w.shape[1])
        g = (spread.view(-1, w.shape[1]) @ w.T).view(-1, d, d)
        precision = 1 / p["unexplained"]
        lower = torch.linalg.cholesky(precision * g + torch.eye(d))
        best = torch.cholesky_solve((precision * q).unsqueeze(2), lower)
        noise = torch.linalg.solve_triangular(
            lower.transpose(1, 2), torch.randn_like(best), upper=True
        )
        return best.squeeze(2), (best + noise).squeeze(2)

    pool = torch.zeros(64, side * side)
    for place in range(side * side):
        pool[place // side // 2 * 8 + place % side // 2, place] = 0.25

    def mixture(features):
        places = gelu(linear("prior.summary.narrow", features.detach()))
        hidden = gelu(linear("prior.summary.mix", (pool @ places).flatten(1)))
        shape = (features.shape[0], COMPONENTS, -1)
        logits = torch.log_softmax(linear("prior.weights", hidden), 1)
        means = linear("prior.means", hidden).view(shape)
        widths = torch.tanh(linear("prior.widths", hidden).view(shape)) * 2 - 0.5
        return logits, means, widths

    def surprise(features, z):
        logits, means, widths = mixture(features)
        square = (((z.unsqueeze(1) - means) * torch.exp(-widths)) ** 2 + 2 * widths).sum(2)
        density = logits - 0.5 * square - 0.5 * z.shape[1] * math.log(2 * math.pi)
        return -torch.logsumexp(density, 1)

    def draw(features, temperature=1.0):
        logits, means, widths = mixture(features)
        rows = torch.arange(features.shape[0])
        if temperature == 0:
            return means[rows, logits.argmax(1)]
        k = torch.multinomial(logits.detach().exp(), 1).squeeze(1)
        return means[rows, k] + widths[rows, k].exp() * torch.randn(len(rows), means.shape[2])

    def score(expected, basis, features, y, check):
        """CRPS of two draws on a quarter of the batch; trains the prior alone."""
        some = -(-y.shape[0] // 4)
        y = y[:some]
        expected, basis, features = (t[:some].detach() for t in (expected, basis, features))
        dictionaries = p["latent.dictionaries"].detach()
        if check:
            u, v = decode(expected, basis, draw(features, 0), dictionaries), expected
        else:
            twice = [t.repeat_interleave(2, 0) for t in (expected, basis, features)]
            drawn = decode(twice[0], twice[1], draw(twice[2]), dictionaries)
            u, v = drawn.view(some, 2, *y.shape[1:]).unbind(1)
        return ((u - y).abs() + (v - y).abs() - (u - v).abs()).mean() / 2

    def loss_of(x, y, z=None):
        """To check, z is given and nothing is drawn at random."""
        y = patchify(y).flatten(1, 2) / SIGMA
        mean, expected, basis, features, _ = observe(x)
        loss = ((mean - y) ** 2).mean() + ((expected - y) ** 2).mean()
        if name == "mse":
            return loss
        check = z is not None
        if not check:
            _, z = infer(expected, basis, y)
        error = ((decode(expected, basis, z, p["latent.dictionaries"]) - y) ** 2).mean()
        loss = loss + error + PRIOR_WEIGHT / z.shape[1] * surprise(features, z).mean()
        return loss + score(expected, basis, features, y, check)

    @torch.no_grad()
    def generate(x):
        """100 futures of 16 frames, the past seen once."""
        mean, expected, basis, features, sources = observe(x)
        expected, basis, features = (
            part.expand(100, -1, -1) for part in (expected, basis, features)
        )
        sources = [source.expand(100, -1, -1, -1) for source in sources]
        past = x.expand(100, -1, -1, -1, -1)
        for step in range(16):
            if step:
                mean, expected, basis, features, sources = observe(past)
            z = draw(features)
            frame = picture(decode(expected, basis, z, p["latent.dictionaries"]))
            frame = (within(sources, frame) * SIGMA).clamp(0, 1)
            past = torch.cat([past[:, 1:], frame.unsqueeze(1)], 1)
        return past

    windows = case["windows"]
    x, y = windows[:, :CONTEXT], windows[:, CONTEXT]
    trained = {key: value for key, value in p.items() if value.requires_grad}
    if task != "generate":
        z = case["z"] if name == "latent" else None
        loss = loss_of(x, y, z)
        loss.backward()
        report = {"loss": abs(loss.item() / case[f"loss.{name}"].item() - 1), "gradient": 0.0}
        for key, value in trained.items():
            inside = "" if key.startswith(("prior.", "unexplained")) else "network."
            theirs = case[f"gradient.{name}.{inside}{key}"]
            mine = value.grad.permute(0, 2, 3, 1) if value.ndim == 4 else value.grad
            off = (mine - theirs).abs().max().item() / max(theirs.abs().max().item(), 1e-12)
            report["gradient"] = max(report["gradient"], off)
            value.grad = None
        if name == "latent":
            _, expected, basis, _, _ = observe(x)
            best, _ = infer(expected, basis, patchify(y).flatten(1, 2) / SIGMA)
            report["z"] = ((best - case["best"]).abs().max() / case["best"].abs().max()).item()
        print(json.dumps(report), flush=True)
    else:
        print(json.dumps({}), flush=True)

    optimiser = adamw(trained.values())
    if variant == "compile":
        loss_of, generate_ = torch.compile(loss_of), torch.compile(generate)
    else:
        generate_ = generate

    def step():
        if task == "generate":
            generate_(x[:1])
            return
        optimiser.zero_grad(set_to_none=True)
        loss_of(x, y).backward()
        torch.nn.utils.clip_grad_norm_(list(trained.values()), 1.0)
        optimiser.step()

    answer(step)


if __name__ == "__main__":
    main(__file__, "network", TASKS, torch_side)
