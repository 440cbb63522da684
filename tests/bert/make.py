"""Makes the reference that `src/models/bert/tests.rs` holds the project's BERT against:
a small BertForMaskedLM of transformers with known random weights, its logits and the
gradients of its loss, in each spelling in which such files are met.

    python3 tests/bert/make.py tests/bert

transformers 5.24.0, torch 2.15.0.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM

folder = Path(sys.argv[1])
torch.manual_seed(0)
config = BertConfig(
    vocab_size=96,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
    max_position_embeddings=16,
)
model = BertForMaskedLM(config).eval()
with torch.no_grad():
    for parameter in model.parameters():
        # Biases of 0 and scales of 1 would hide a mistake.
        parameter.add_(torch.randn_like(parameter) * 0.05)

tokens = torch.randint(0, 96, (2, 12))
targets = torch.randint(0, 96, (2, 12))
told = torch.rand(2, 12) < 0.3
labels = torch.where(told, targets, -100)
output = model(input_ids=tokens, labels=labels)
output.loss.backward()

weights = {
    name: tensor.detach().clone()
    for name, tensor in model.state_dict().items()
    if name not in ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias")
}
places = told.flatten().nonzero().flatten()
answer = {
    "tokens": tokens.to(torch.int64),
    "places": places,
    "targets": targets.flatten()[places],
    "logits": output.logits.detach(),
    "loss": output.loss.detach().reshape(1),
}
for name, parameter in model.named_parameters():
    answer[f"gradient.{name}"] = parameter.grad

save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
save_file(answer, folder / "answer.safetensors")
keys = json.loads(config.to_json_string(use_diff=False))
(folder / "config.json").write_text(
    json.dumps({**keys, "architectures": ["BertForMaskedLM"]}, indent=1) + "\n"
)
