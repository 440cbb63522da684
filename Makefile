# One profile (release) serves all of these, so dependencies compile once.

NEXTFRAME := target/release/nextframe
DEMO      := runs/demo
BUDGET    ?= cpu
TIME      ?= 10m

.PHONY: help setup build demo test hub fuzz bench paper check races cuda

help:
	@echo "make setup   install what is missing, through apt, dnf or brew"
	@echo "make build   build $(NEXTFRAME)"
	@echo "make demo    train on the two samples for four minutes, then show their futures"
	@echo "make test    run the tests"
	@echo "make hub     build with the Hugging Face hub, and run its tests"
	@echo "make fuzz    give changed files to all that reads files (TIME=10m)"
	@echo "make bench   run the benchmarks"
	@echo "make paper   the figures of docs/uncertainty.md anew (BUDGET=cpu or gpu)"
	@echo "make cuda    build with CUDA, on machines without a GPU too"
	@echo "make check   formatting, lints, licences, documentation"
	@echo "make races   look for data races (needs a nightly Rust with rust-src)"

setup:
	@./.ci/setup

build: setup
	cargo build --release --locked

demo: build
	$(NEXTFRAME) train datasets/galton.* --recipe galton --time-budget 3m --out $(DEMO) --overwrite
	$(NEXTFRAME) generate $(DEMO) datasets/galton.* --futures 8 -o $(DEMO)/futures
	$(NEXTFRAME) compare $(DEMO)
	$(NEXTFRAME) train datasets/motorway.avi --time-budget 1m --out $(DEMO)/motorway --overwrite
	$(NEXTFRAME) generate $(DEMO)/motorway datasets/motorway.avi --by horizon --size source --futures 4 -o $(DEMO)/motorway/futures
	@echo
	@echo "Pictures made while training: $(DEMO)/pictures"
	@echo "Futures of the Galton board:  $(DEMO)/futures"
	@echo "Futures of a motorway:        $(DEMO)/motorway/futures"

test: setup
	cargo test --release --locked

hub: setup
	cargo build --release --locked --features hub
	cargo test --release --locked --features hub --lib --test hub

# Finds go to fuzz/finds; the exit code is not 0 where there are any.
fuzz: setup
	cargo run --release --locked --example fuzz -- --time $(TIME)

# Beside PyTorch where it is at hand (pip install torch safetensors): one row a
# task, ratios of time and peak memory.
bench: setup
	@if python3 -c "import torch, safetensors" 2>/dev/null; then \
		python3 benches/peers/network.py && python3 benches/peers/blocks.py; \
		if python3 -c "import transformers" 2>/dev/null; then python3 benches/peers/text.py; fi; \
	else \
		echo "skipped: python3 has no torch and safetensors to compare with"; \
	fi
	@if command -v python3 >/dev/null; then python3 benches/peers/threads.py; fi
	cargo bench --locked --bench ops --bench steps --bench horizon

# MNIST=train-images-idx3-ubyte.gz and FILMS="a.mp4 b.mp4" add to it.
paper: build
	@NEXTFRAME=$(NEXTFRAME) BUDGET="$(BUDGET)" MNIST="$(MNIST)" FILMS="$(FILMS)" docs/paper.sh

check: setup
	cargo fmt --check
	cargo clippy --release --locked --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then \
		echo "cargo deny check"; cargo deny check; \
	else \
		echo "skipped: cargo deny is not installed (cargo install --locked cargo-deny)"; \
	fi
	RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --no-deps

# The tests of all unsafe kernels under the thread sanitizer.
races: setup
	RUSTFLAGS="-Zsanitizer=thread" TSAN_OPTIONS="suppressions=$(CURDIR)/.ci/races" \
	cargo +nightly test --release --locked --target-dir target/races -Zbuild-std \
		--target $$(rustc -vV | sed -n 's/^host: //p') --no-default-features \
		--lib -- ops:: inference:: training::learner

# The program is target/cuda/release/nextframe.
cuda: setup
	@./.ci/cuda build
