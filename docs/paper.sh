#!/bin/sh
# The figures of docs/uncertainty.md, from recipes: worlds with a known answer, digits
# where MNIST is at hand, and films where some are named.
#
#   make paper [BUDGET=cpu|gpu] [MNIST=train-images-idx3-ubyte.gz] [FILMS="a.mp4 b.mp4"]
#
# `cpu` takes about 20 minutes for fork and occlusion, 55 for digits (of which the table of
# families has 20) and 12 for each film, on two cores; `gpu` trains longer, on the device
# that is found. All that was made stays in runs/paper; what is there already is not made
# again.
set -eu

nextframe=${NEXTFRAME:-target/release/nextframe}
out=${OUT:-runs/paper}
budget=${BUDGET:-cpu}
case $budget in
cpu) world=9m digits=5000 steps=1000 film=10m ;;
gpu) world=9m digits=20000 steps=5000 film=20m ;;
*) echo "BUDGET=$budget: there is cpu and gpu" >&2; exit 2 ;;
esac
families="default flow sparse codes tokens"
# The past and the reach that digits need, ten frames ahead.
alike="--set training.members=1 --set model.context=5 --set model.reach=4 --set evaluation.horizon=10 --set data.channels=grey"
mkdir -p "$out"

# train NAME INPUT [MORE]: unless it is done.
train() {
	name=$1 input=$2
	shift 2
	[ -e "$out/$name/done" ] && return
	"$nextframe" train "$input" --out "$out/$name" --resume "$@"
	touch "$out/$name/done"
}

# ask FILE COMMAND: its figures, kept and shown.
ask() {
	file=$1
	shift
	"$nextframe" "$@" >"$file"
	cat "$file"
}

# film WORLD FRAMES [MORE]
film() {
	name=$1 frames=$2
	shift 2
	[ -e "$out/$name.frames" ] ||
		"$nextframe" synth "$name" --frames "$frames" -o "$out/$name.frames" "$@"
}

film fork 60000
train fork "$out/fork.frames" --time-budget "$world" --recipe galton --only latent
ask "$out/fork.txt" outcomes "$out/fork" fork

film occlusion 12000
train occlusion "$out/occlusion.frames" --time-budget "$world" --recipe galton --only latent \
	--set model.context=8 --set training.mirror=true
ask "$out/occlusion.txt" outcomes "$out/occlusion" occlusion

if [ -n "${MNIST:-}" ]; then
	film digits 150000 --images "$MNIST"
	train digits "$out/digits.frames" --recipe digits --steps "$digits"
	ask "$out/digits.txt" outcomes "$out/digits" digits --images "$MNIST"
	ask "$out/digits-compare.txt" compare "$out/digits" --world digits --images "$MNIST" \
		--windows 64 --futures 100
	# Every family and prior, after as many steps.
	runs=
	for family in digits $families; do
		train "digits-$family" "$out/digits.frames" --recipe "$family" --steps "$steps" \
			--only latent $alike
		runs="$runs $out/digits-$family"
	done
	train digits-mse "$out/digits.frames" --steps "$steps" --only mse $alike
	ask "$out/digits-families.txt" compare "$out/digits-mse" $runs --world digits \
		--images "$MNIST" --futures 16 --windows 24
else
	echo "without MNIST=train-images-idx3-ubyte.gz there are no digits"
fi

for video in ${FILMS:-}; do
	name=$(basename "${video%.*}")
	train "$name" "$video" --time-budget "$film"
	ask "$out/$name-compare.txt" compare "$out/$name"
done
echo "figures: $out/*.txt, pages: $out/*/compare.html"
