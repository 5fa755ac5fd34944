"""Jobs in processes, and on a cluster of two workers, one of which is killed, against the same jobs here."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from threadpoolctl import threadpool_info
from waiting import is_alive, wait_until

from kdrep.data import cifar
from kdrep.data.mnist import embedded_digits
from kdrep.experiments.mnist import training as mnist
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
    found = {pool["user_api"]: pool["num_threads"] for pool in threadpool_info()}
    return {"threads": torch.get_num_threads(), "blas": found["blas"]}


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_job_has_its_own_threads_whatever_the_machine_and_the_environment(tmp_path, threads, processes):
    """With another number of them the last bits of its sums would be others."""
    before = torch.get_num_threads()
    two = [parallel.Job(f"job {number}", threads_used, {"number": number}, threads) for number in range(2)]
    for result in parallel.run(tmp_path, two, processes=processes):
        assert (result["threads"], result["blas"]) == (threads, threads)
    assert torch.get_num_threads() == before


def test_one_process_and_two_give_the_same_bits(tmp_path):
    """Of small nets, which take one thread, and of one that takes two."""
    digits = embedded_digits()
    nets = {f"net {seed}": dict(sizes=(784, 32, 32, 10), members=[seed, seed + 1], seed=seed) for seed in range(3)}
    recipe = Recipe(epochs=2, batch_size=64)
    own = [parallel.Job(n, mnist.fit, net | dict(dataset=digits, recipe=recipe)) for n, net in nets.items()]
    own.append(own[0]._replace(name="of two threads", threads=2))
    one, two = (parallel.run(tmp_path / str(count), own, processes=count) for count in (1, 2))
    for mine, its in zip(one, two, strict=True):
        assert torch.equal(mine["test_logits"], its["test_logits"])
        assert torch.equal(mine["losses"], its["losses"])
    assert {path.name for path in (tmp_path / "1").iterdir()} == {path.name for path in (tmp_path / "2").iterdir()}
    assert len(list((tmp_path / "1").glob("*.pt"))) == 4  # threads are part of a stage's key


@pytest.mark.parametrize(
    ("cores", "room", "threads", "device", "count"),
    [(2, 99, 1, "cpu", 2), (16, 99, 1, "cpu", 16), (16, 99, 2, "cpu", 8), (16, 5, 1, "cpu", 5), (1, 99, 2, "cpu", 1),
     (8, 0, 1, "cpu", 1), (16, 99, 1, "cuda", parallel.ON_A_GPU)],
)  # fmt: skip
def test_as_many_jobs_as_cores_and_memory_allow(monkeypatch, cores, room, threads, device, count):
    monkeypatch.setattr(parallel, "cores", lambda: cores)
    monkeypatch.setattr(parallel, "room", lambda: room)
    assert parallel.beside([parallel.Job("job", job, {"device": device}, threads)] * 20) == count


@pytest.mark.parametrize("processes", [1, 2])
def test_how_many_jobs_are_done_is_reported_to_the_last(tmp_path, monkeypatch, processes):
    told = tmp_path / "progress"
    monkeypatch.setenv("KDREP_PROGRESS", str(told))
    parallel.run(tmp_path / "stages", jobs(tmp_path / "marker", 0.0), processes=processes)
    batch = [line.split("\t")[2:] for line in told.read_text().splitlines() if "\tjobs\t" in line]
    assert batch[0] == ["0", "4"]
    assert batch[-1] == ["4", "4"]


def test_what_a_container_has_read_is_no_lack_of_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "CONTAINER", tmp_path)
    assert parallel.container_memory() == float("inf")
    for name, content in (("max", "8000\n"), ("current", "7000\n"), ("stat", "anon 1500\ninactive_file 5000\n")):
        (tmp_path / f"memory.{name}").write_text(content)
    assert parallel.container_memory() == 6000
    (tmp_path / "memory.max").write_text("max\n")
    assert parallel.container_memory() == float("inf")


def test_memory_is_the_machines_or_the_containers(monkeypatch):
    monkeypatch.setattr(parallel.psutil, "virtual_memory", lambda: SimpleNamespace(available=10 * parallel.JOB_MEMORY))
    monkeypatch.setattr(parallel, "container_memory", lambda: float("inf"))
    assert parallel.room() == 10
    monkeypatch.setattr(parallel, "container_memory", lambda: 2.5 * parallel.JOB_MEMORY)
    assert parallel.room() == 2


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


def test_a_killed_worker_does_not_lose_the_run(tmp_path):
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
