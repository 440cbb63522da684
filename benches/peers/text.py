"""BERT mini here and in transformers.

    python3 benches/peers/text.py [threads] [turns]

times training steps in turns (32 sequences of 128 tokens, 19 of each hidden, dropout,
clipping and AdamW included), once loss and gradients without dropout are the same to 1e-4.
transformers runs in three ways, each in a process of its own: as it is (the head at every
place), with the head at hidden places only, as here, and that compiled; its best counts.

    python3 benches/peers/text.py train STEPS CORPUS TEXT [threads] [seed]

trains both from the same weights on the same batches with the same schedule, and judges
both on the same hidden words of TEXT. Nothing is dropped.

transformers 5.24.0, torch 2.15.0.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time

from turns import adamw, answer, binary, main

TASKS = {"bert": 1}
VARIANTS = ("default", "gathered", "compile")


def bert(folder, weights):
    from transformers import BertConfig, BertForMaskedLM

    with open(f"{folder}/config.json", encoding="utf8") as file:
        config = BertConfig(**json.load(file))
    model = BertForMaskedLM(config)
    own = {
        key.removeprefix("weight."): value
        for key, value in weights.items()
        if key.startswith("weight.")
    }
    missing, surplus = model.load_state_dict(own, strict=False)
    assert not surplus and all("decoder" in key for key in missing), (missing, surplus)
    model.tie_weights()
    # Where [PAD] is shown its vector would get no gradient; here nothing is padded.
    model.bert.embeddings.word_embeddings.padding_idx = None
    return model


def loss_at(model, tokens, places, targets):
    """The mean over hidden places, `places` in 0..B·T; the head sees no others."""
    import torch.nn.functional as F

    hidden = model.bert(input_ids=tokens).last_hidden_state
    return F.cross_entropy(model.cls(hidden.flatten(0, 1)[places]), targets)


def torch_side(variant, task, threads, folder):
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    case = load_file(f"{folder}/text.safetensors")
    model = bert(folder, case).eval()
    tokens, places, targets = (case[key] for key in ("tokens", "places", "targets"))
    labels = torch.full((tokens.numel(),), -100)
    labels[places] = targets
    labels = labels.view(tokens.shape)
    if variant == "default":
        loss_of = lambda: model(input_ids=tokens, labels=labels).loss
    else:
        loss_of = lambda: loss_at(model, tokens, places, targets)
    loss = loss_of()
    loss.backward()
    report = {"loss": abs(loss.item() - case["loss"].item()), "gradient": 0.0}
    for key, value in model.named_parameters():
        # A key's bias moves all of a row alike, and so has no gradient but rounding.
        if value.grad is None or key.endswith("self.key.bias"):
            continue
        theirs = case[f"gradient.{key}"]
        size = max(theirs.abs().max().item(), 1e-12)
        report["gradient"] = max(report["gradient"], (value.grad - theirs).abs().max().item() / size)
        value.grad = None
    print(json.dumps(report), flush=True)

    model.train()
    optimiser = adamw(model.parameters())
    if variant == "compile":
        loss_of = torch.compile(loss_of)

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss_of().backward()
        torch.nn.utils.clip_grad_norm_(list(model.parameters()), 1.0)
        optimiser.step()

    answer(step)


def judged(model, case, name):
    """Accuracy and cross-entropy of hidden places, as `masked_text::judge`."""
    import torch
    import torch.nn.functional as F

    tokens, counts = case[f"{name}.tokens"], case[f"{name}.counts"]
    places, targets = case[f"{name}.places"], case[f"{name}.targets"]
    right = cost = at = 0
    with torch.no_grad():
        for start in range(0, len(tokens), 16):
            some = tokens[start : start + 16]
            many = counts[start : start + 16]
            end = at + int(many.sum())
            rows = torch.repeat_interleave(torch.arange(len(some)), many)
            hidden = model.bert(input_ids=some).last_hidden_state[rows, places[at:end]]
            logits = model.cls(hidden)
            right += (logits.argmax(-1) == targets[at:end]).sum().item()
            cost += F.cross_entropy(logits, targets[at:end], reduction="sum").item()
            at = end
    return right / at, cost / at


def pseudo_perplexity(model, case):
    """As `pseudo::pseudo_perplexity`: special tokens are the first five."""
    import torch
    import torch.nn.functional as F

    total = count = 0
    with torch.no_grad():
        for key in sorted(key for key in case if key.startswith("few.")):
            sequence = case[key]
            told = (sequence >= 5).nonzero().flatten()
            for places in told.split(32):
                copies = sequence.repeat(len(places), 1)
                rows = torch.arange(len(places))
                copies[rows, places] = 4
                hidden = model.bert(input_ids=copies).last_hidden_state[rows, places]
                total += F.cross_entropy(model.cls(hidden), sequence[places], reduction="sum").item()
                count += len(places)
    return math.exp(total / count)


def torch_train(folder, steps, threads):
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    case = load_file(f"{folder}/train.safetensors")
    model = bert(folder, case).train()
    with open(f"{folder}/config.json", encoding="utf8") as file:
        recipe = json.load(file)["nextframe"]["settings"]["training"]
    optimiser = adamw(model.parameters())
    tokens, counts = case["batches.tokens"], case["batches.counts"]
    batch, length, at = recipe["batch"], tokens.shape[1], 0
    start = time.perf_counter()
    for step in range(steps):
        some = tokens[step * batch : (step + 1) * batch]
        many = counts[step * batch : (step + 1) * batch]
        end = at + int(many.sum())
        rows = torch.repeat_interleave(torch.arange(batch), many)
        places = rows * length + case["batches.places"][at:end]
        # As src/training/schedule.rs.
        rise = min((step + 1) / recipe["rise"], 1.0)
        fall = 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = recipe["learning_rate"] * rise * (0.02 + 0.98 * fall)
        optimiser.zero_grad(set_to_none=True)
        loss = loss_at(model, some, places, case["batches.targets"][at:end])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(model.parameters()), recipe["clip"])
        optimiser.step()
        at = end
        if step % 50 == 0:
            print(f"step {step}: {loss.item():.3f}", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - start
    model.eval()
    accuracy, cost = judged(model, case, "test")
    found = {
        "seconds": seconds,
        "accuracy": accuracy,
        "cross_entropy": cost,
        "pseudo_perplexity": pseudo_perplexity(model, case),
    }
    print(json.dumps(found), flush=True)


def train(steps, corpus, text, threads="2", seed="0"):
    ours = binary("text")
    environment = dict(os.environ, RAYON_NUM_THREADS=threads)
    with tempfile.TemporaryDirectory() as folder:
        command = [ours, folder, "train", steps, corpus, text, seed]
        subprocess.run(command, check=True, env=environment)
        command = [sys.executable, __file__, "--torch-train", folder, steps, threads]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--torch-train"]:
        torch_train(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1:2] == ["train"]:
        train(*sys.argv[2:])
    else:
        main(__file__, "text", TASKS, torch_side, VARIANTS)
