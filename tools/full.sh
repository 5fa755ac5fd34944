#!/usr/bin/env bash
# Profile full on a machine that has a GPU and no network, in slices.
#
#   tools/full.sh pack FILE.tar     here: code, data and the wheels that a bare torch installation lacks, in one file
#   tools/full.sh run [SECONDS]     there, where FILE.tar was unpacked: go on with the run, for at most so long (540)
#
# `run` exits with 0 when everything is done and with 75 when it must be called again: finished stages and notebooks are
# kept, and a stage that was cut off goes on from its checkpoint. PROFILE=smoke tries it out.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
PROFILE=${PROFILE:-full}
TARGET=${TARGET:-3.12}  # the other machine's Python
# What is not part of torch's own installation; the machine's torch, torchvision and torchaudio are used as they are.
WHEELS="papermill nbformat nbclient ipykernel ipywidgets jiwer safetensors seaborn scikit-learn setuptools"

pack() {
    target=$(realpath -m "$1")
    data=${KDREP_DATA:-data}
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    git clone --quiet --depth 1 "file://$PWD" "$work/kdrep"
    for set in mnist MNIST fsdd cifar10 cifar100 cifar-10-batches-py cifar-100-python; do
        if [ -d "$data/$set" ]; then cp -rL "$data/$set" "$work/kdrep/data/"; fi
    done
    for package in $WHEELS; do
        grep -m1 "^$package==" requirements.lock | cut -d' ' -f1
    done > "$work/wanted.txt"
    "$PYTHON" -m pip download --quiet --only-binary :all: --python-version "$TARGET" --implementation cp \
        --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 --dest "$work/kdrep/.wheels" -r "$work/wanted.txt" -c <(
        grep -oE '^[A-Za-z0-9_.-]+==[^\\]+' requirements.lock | grep -vE '^(torch|nvidia|triton)'
    )
    # torch and what comes with it are there already, and too large to carry.
    rm -f "$work"/kdrep/.wheels/{torch,nvidia,triton}*.whl
    tar -cf "$target" -C "$work" kdrep
    du -h "$target"
}

run() {
    limit=${1:-540}
    if [ -d .wheels ] && [ ! -f .wheels/.installed ]; then
        "$PYTHON" -m pip install --quiet --no-index --no-deps .wheels/*.whl
        "$PYTHON" -m pip install --quiet --no-index --no-deps --no-build-isolation -e .
        touch .wheels/.installed
    fi
    status=0
    KDREP_OFFLINE=1 timeout --signal=INT --kill-after=20 "$limit" "$PYTHON" -m kdrep reproduce --profile "$PROFILE" || status=$?
    if [ "$status" -eq 124 ] || [ "$status" -eq 130 ] || [ "$status" -eq 137 ]; then
        echo "more is left: call tools/full.sh run again"
        exit 75
    fi
    exit "$status"
}

case "${1:-}" in
    pack) pack "${2:?name the file to write, e.g. tools/full.sh pack kdrep.tar}" ;;
    run) run "${2:-540}" ;;
    *) sed -n '2,8p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
