"""Two implementations in turns: each in a process of its own that answers a
line with the milliseconds of one run, and `memory` with its peak in MiB."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

VARIANTS = ("default", "channels_last", "compile")


class Peer:
    """A process that answers lines with numbers."""

    def __init__(self, command, threads):
        environment = dict(os.environ, RAYON_NUM_THREADS=str(threads))
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=environment
        )

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended: {self.process.wait()}")
        return line

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return float(self.line())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def binary(bench):
    """Builds this project's half."""
    command = f"cargo bench --locked --bench {bench} --no-run --message-format=json".split()
    built = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in built.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == bench:
            return message["executable"]
    raise SystemExit("cargo built no benchmark")


def timed(peers, turns, in_a_row):
    """The mean milliseconds of `in_a_row` runs of each peer, turn by turn."""
    for peer in peers.values():
        for _ in range(3):
            peer.ask("step")
    times = {name: [] for name in peers}
    for _ in range(turns):
        for name, peer in peers.items():
            # The peer before may still spin; then, as in training, runs in a
            # row: the first finds caches cold.
            time.sleep(0.2)
            peer.ask("step")
            times[name].append(statistics.mean(peer.ask("step") for _ in range(in_a_row)))
    return times


def compare(task, ours, theirs, threads, turns, in_a_row):
    """Prints one row: `ours` a command, `theirs` a command for each variant."""
    peers = {"ours": Peer(ours, threads)}
    for variant, command in theirs.items():
        peers[variant] = Peer(command, threads)
        report = json.loads(peers[variant].line())
        if any(value > 1e-4 for value in report.values()):
            raise SystemExit(f"{task}, {variant}: not the same network: {report}")
        if report and variant == "default":
            print(f"{task}: same loss and gradients, off by at most {report}")
    times = timed(peers, turns, in_a_row)
    median = {name: statistics.median(row) for name, row in times.items()}
    memory = {name: peer.ask("memory") for name, peer in peers.items()}
    for peer in peers.values():
        peer.end()
    best = min(theirs, key=median.get)
    least = min(theirs, key=memory.get)
    row = "  ".join(f"{name} {median[name]:.1f} ms {memory[name]:.0f} MiB" for name in peers)
    print(
        f"{task:12} time {median['ours'] / median[best]:.2f} ({best}), "
        f"memory {memory['ours'] / memory[least]:.2f}:  {row}",
        flush=True,
    )


def answer(step):
    """Serves lines on standard input, in the process of a peer."""
    for line in sys.stdin:
        if line.strip() == "memory":
            with open("/proc/self/status", encoding="utf8") as status:
                kilobytes = next(int(row.split()[1]) for row in status if row.startswith("VmHWM"))
            print(kilobytes / 1024, flush=True)
            continue
        start = time.perf_counter()
        step()
        print((time.perf_counter() - start) * 1e3, flush=True)


def adamw(parameters):
    """As here: only matrices decay."""
    import torch

    parameters = list(parameters)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=2e-3, fused=True)


def main(path, bench, tasks, torch_side, variants=VARIANTS):
    """The script at `path`: `tasks` has the runs that are timed in a row for
    each task, `torch_side` serves a peer."""
    if sys.argv[1:2] == ["--torch"]:
        torch_side(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
        return
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    ours = binary(bench)
    print(f"{threads} threads, medians of {turns} turns; ratio = ours / PyTorch's best")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([ours, folder, "check"], check=True)
        for task, in_a_row in tasks.items():
            theirs = {
                variant: [sys.executable, path, "--torch", variant, task, str(threads), folder]
                for variant in variants
            }
            compare(task, [ours, folder, task], theirs, threads, turns, in_a_row)
