"""Jobs in processes, and on a cluster of two workers, one of which is killed, against the same jobs here."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from waiting import is_alive, wait_until

from kdrep.data import cifar
from kdrep.experiments.specialists import training as experts
from kdrep.learning.training import Recipe
from kdrep.nets.inference import weights_of
from kdrep.nets.residual import ResidualNet
from kdrep.run import parallel

SHAPE = dict(widths=(4, 6, 8))


def first_dawdles(marker, slow):
    """The first to come leaves its process number, and dawdles."""
    try:
        handle = os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(handle, str(os.getpid()).encode())
        os.close(handle)
        time.sleep(slow)
    except FileExistsError:
        pass


def job(seed, marker, slow=0.0):
    """A deterministic figure."""
    first_dawdles(marker, slow)
    return {"value": torch.randn(3, generator=torch.Generator().manual_seed(seed))}


def specialist(seed, marker, dataset, slow=0.0):
    """A specialist of three classes, its dustbin and its data, as a cluster would train it."""
    first_dawdles(marker, slow)
    return experts.train_specialist(
        dataset, Recipe(epochs=1, batch_size=64), shape=SHAPE, classes=10, special=[0, 1, 2], epoch_size=128, seed=seed,
        generalist=weights_of(ResidualNet(**SHAPE, classes=10, seed=0)),
    )  # fmt: skip


def jobs(marker, slow, function=job, **inputs):
    own = dict(marker=str(marker), slow=slow, **inputs)
    return [parallel.Job(f"job {seed}", function, own | dict(seed=seed)) for seed in range(4)]


def test_without_a_scheduler_jobs_run_here_and_are_kept(tmp_path):
    first = parallel.run(tmp_path / "stages", jobs(tmp_path / "marker", 0.0))
    again = parallel.run(tmp_path / "stages", jobs(tmp_path / "marker", 0.0))
    assert [r["seconds"] for r in first] == [r["seconds"] for r in again]


def test_processes_keep_the_same_results(tmp_path):
    one = parallel.run(tmp_path / "one", jobs(tmp_path / "a", 0.0))
    two = parallel.run(tmp_path / "two", jobs(tmp_path / "b", 0.0), processes=2)
    assert all(torch.equal(a["value"], b["value"]) for a, b in zip(one, two, strict=True))


def threads_used(number: int) -> dict:
    return {"threads": torch.get_num_threads()}


def test_what_an_interrupted_run_left_runs_as_it_would_have(tmp_path):
    """With as many threads: with others the last bits of its sums would be others."""
    two = [parallel.Job(f"job {number}", threads_used, {"number": number}) for number in range(2)]
    before = parallel.run(tmp_path, two, processes=2)
    next(tmp_path.glob("job-1-*.pt")).unlink()
    after = parallel.run(tmp_path, two, processes=2)
    assert [result["threads"] for result in after] == [result["threads"] for result in before]


def test_a_killed_process_is_named_and_what_is_finished_kept(tmp_path):
    marker = tmp_path / "marker"
    killer = threading.Thread(target=kill_first, args=(marker,))
    killer.start()
    with pytest.raises(RuntimeError, match="a training process was killed"):
        parallel.run(tmp_path / "stages", jobs(marker, 60.0), processes=2)
    killer.join()
    again = parallel.run(tmp_path / "stages", jobs(marker, 0.0))
    here = parallel.run(tmp_path / "here", jobs(tmp_path / "other", 0.0))
    assert all(torch.equal(a["value"], b["value"]) for a, b in zip(here, again, strict=True))


@pytest.fixture
def as_in_a_worker():
    """One thread, as Dask gives a worker: with another number of them sums are taken in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_killed_worker_does_not_lose_the_run(tmp_path, as_in_a_worker):
    distributed = pytest.importorskip("distributed")
    marker, dataset = tmp_path / "marker", cifar.textures(10)
    here = parallel.run(tmp_path / "here", jobs(tmp_path / "other", 0.0, specialist, dataset=dataset))
    killer = threading.Thread(target=kill_first, args=(marker,))
    killer.start()
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        own = jobs(marker, 60.0, specialist, dataset=dataset)
        there = parallel.run(tmp_path / "there", own, cluster.scheduler_address)
    killer.join()
    for mine, its in zip(here, there, strict=True):
        torch.testing.assert_close(its["test_logits"], mine["test_logits"], rtol=0, atol=1e-5)
    assert float((here[0]["test_logits"] - here[1]["test_logits"]).abs().max()) > 1e-3
    assert len(list((tmp_path / "there").glob("*.pt"))) == 4


def faulty(seed, marker):
    """A job that fails if it is the first."""
    if seed == 0:
        with open(marker, "a") as tries:
            tries.write("tried\n")
        raise ValueError("the loss is not finite")
    return {"value": seed}


def test_a_job_that_fails_on_a_cluster_is_tried_once_and_the_others_are_kept(tmp_path):
    distributed = pytest.importorskip("distributed")
    marker = tmp_path / "marker"
    own = [parallel.Job(f"job {seed}", faulty, dict(seed=seed, marker=str(marker))) for seed in range(4)]
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        pytest.raises(ValueError, match="not finite"),
    ):
        parallel.run(tmp_path / "stages", own, cluster.scheduler_address)
    assert marker.read_text() == "tried\n"
    assert len(list((tmp_path / "stages").glob("*.pt"))) == 3


def test_more_tensors_than_open_files_are_shared_with_processes(tmp_path):
    resource = pytest.importorskip("resource")
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, usual[1]))
    own = [
        parallel.Job(f"sum {j}", total, dict(tensors=[torch.full((3,), float(100 * j + i)) for i in range(200)]))
        for j in range(3)
    ]
    try:
        found = parallel.run(tmp_path, own, processes=2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    assert [r["value"] for r in found] == [3.0 * sum(100 * j + i for i in range(200)) for j in range(3)]


def total(tensors):
    """Their sum."""
    return {"value": float(torch.stack(tensors).sum())}


def kill_first(marker):
    """Kill the process that has left its number in `marker`."""
    wait_until(lambda: marker.exists() and marker.read_text())
    os.kill(int(marker.read_text()), signal.SIGKILL)


def dawdle(place, who):
    """Leave this process's number, and go on for a minute."""
    (Path(place) / f"{who}.pid").write_text(str(os.getpid()))
    time.sleep(60)
    return {}


def test_processes_end_with_the_one_that_started_them(tmp_path):
    script = (
        "from pathlib import Path; import test_parallel as t; from kdrep.run import parallel\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "jobs = [parallel.Job(n, t.dawdle, dict(place=str(folder), who=n)) for n in 'ab']\n"
        "if __name__ == '__main__': parallel.run(folder / 'stages', jobs, processes=2)\n"
    )
    (tmp_path / "start.py").write_text(script)
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent.parent)])
    started = subprocess.Popen([sys.executable, tmp_path / "start.py"], env=os.environ | {"PYTHONPATH": paths})
    numbers = [tmp_path / f"{name}.pid" for name in "ab"]
    wait_until(lambda: all(path.exists() and path.read_text() for path in numbers))
    started.kill()
    started.wait()
    wait_until(lambda: not any(is_alive(int(path.read_text())) for path in numbers))
