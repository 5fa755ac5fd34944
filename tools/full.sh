#!/usr/bin/env bash
# Profile full on a machine that has a GPU and no network, in slices.
#
#   tools/full.sh pack FILE.tar     here: code, data and the wheels that a bare torch installation lacks, in one file
#   tools/full.sh run [SECONDS]     there, where FILE.tar was unpacked: go on with the run, for at most so long (540)
#   tools/full.sh collect FILE.tar  there: what was measured, in one file; unpack it here under results/runs
#
# `run` exits with 0 when everything is done and with 75 when it must be called again: finished stages and notebooks are
# kept, and a stage that was cut off goes on from its checkpoint. NOTEBOOK="05 06" runs some notebooks alone;
# PROFILE=smoke DEVICE=auto tries it out where there is no GPU. Where files have to be small, `split -b 60M FILE.tar`.
set -eu
file=$(realpath -m "${2:-.}")
DATA=${KDREP_DATA:+$(realpath -m "$KDREP_DATA")}
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
PROFILE=${PROFILE:-full}
DEVICE=${DEVICE:-cuda}
TARGET=${TARGET:-3.12}  # the other machine's Python
# What is not part of torch's own installation; the machine's torch, torchvision and torchaudio are used as they are.
WHEELS="papermill nbformat nbclient ipykernel ipywidgets jiwer safetensors seaborn scikit-learn setuptools"

find_set() {  # where one of these forms of a data set lies, if anywhere
    for place in ${DATA:+"$DATA"} data; do
        for form in "$@"; do
            if [ -d "$place/$form" ]; then echo "$place/$form"; return; fi
        done
    done
}

pack() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    if [ -n "$(git status --porcelain)" ]; then
        echo "the working tree is dirty, and what is packed is the last commit: commit first" >&2
        exit 1
    fi
    git clone --quiet --depth 1 "file://$PWD" "$work/kdrep"
    git rev-parse HEAD > "$work/kdrep/.packed"  # for a machine without git
    for forms in MNIST fsdd "cifar10 cifar-10-batches-py" "cifar100 cifar-100-python" svhn; do
        found=$(find_set $forms)
        if [ -n "$found" ]; then cp -rL "$found" "$work/kdrep/data/"
        elif [ "$forms" != svhn ]; then
            echo "no ${forms%% *} in ${DATA:+$DATA or }data/: get it with \`$PYTHON -m kdrep data\`" >&2
            exit 1
        fi
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
    # Of root's: git trusts no tree that belongs to somebody else.
    tar -cf "$file" --owner=0 --group=0 --numeric-owner -C "$work" kdrep
    du -h "$file"
}

run() {
    limit=${1:-540}
    if [ -d .wheels ] && [ ! -f .wheels/.installed ]; then
        "$PYTHON" -m pip install --quiet --no-index --no-deps .wheels/*.whl
        "$PYTHON" -m pip install --quiet --no-index --no-deps --no-build-isolation -e .
        touch .wheels/.installed
    fi
    find results/runs -name '.*.[0-9]*' -type f -delete 2>/dev/null || true  # what a slice that was killed left half written
    status=0
    KDREP_OFFLINE=1 timeout --signal=INT --kill-after=20 "$limit" "$PYTHON" -m kdrep reproduce ${NOTEBOOK:-} \
        --profile "$PROFILE" --device "$DEVICE" || status=$?
    if [ "$status" -eq 124 ] || [ "$status" -eq 130 ] || [ "$status" -eq 137 ]; then
        echo "more is left: call tools/full.sh run again"
        exit 75
    fi
    exit "$status"
}

collect() {
    test -d "results/runs/$PROFILE" || { echo "results/runs/$PROFILE is not there: tools/full.sh run makes it" >&2; exit 1; }
    # What the stages hold is large, and needed only to go on there.
    tar -cf "$file" -C results/runs --exclude stages "$PROFILE"
    du -h "$file"
}

case "${1:-}" in
    pack | collect) : "${2:?name the file to write, e.g. tools/full.sh $1 kdrep.tar}"; "$1" ;;
    run) run "${2:-540}" ;;
    *) sed -n '2,9p' tools/full.sh | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
