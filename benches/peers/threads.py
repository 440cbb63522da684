"""Times whole networks here with one thread and with two, in turns: medians and
how many times faster two are. Needs no PyTorch.

    python3 benches/peers/threads.py [turns]
"""

import statistics
import sys

from turns import Peer, binary, timed

# Runs that are timed in a row, for each task.
TASKS = {"mse": 5, "latent": 5, "generate": 1}


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    ours = binary("network")
    for task, in_a_row in TASKS.items():
        peers = {threads: Peer([ours, "-", task], threads) for threads in (1, 2)}
        times = timed(peers, turns, in_a_row)
        for peer in peers.values():
            peer.end()
        one, two = (statistics.median(row) for row in times.values())
        ratios = sorted(a / b for a, b in zip(times[1], times[2]))
        print(
            f"{task:10} one {one:.1f} ms, two {two:.1f} ms: {one / two:.2f} times faster"
            f" (turn by turn {ratios[0]:.2f} to {ratios[-1]:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
