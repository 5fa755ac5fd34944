"""Independent stages: here, one after another or in processes, or on the workers of a Dask cluster."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import NamedTuple

import joblib
import psutil

from kdrep.environment import setting
from kdrep.files import load, save
from kdrep.learning.progress import report
from kdrep.run.stages import compute, function_code, keep, stage_path

try:
    import resource
except ImportError:  # Windows
    resource = None

WORKER_TIMEOUT = 60  # seconds until a scheduler without workers counts as one that has none
JOB_MEMORY = 1.5e9  # bytes that a job may need, with the libraries that its process loads
CONTAINER = Path("/sys/fs/cgroup")
ON_A_GPU = 6  # jobs that share a GPU: small nets leave most of it idle
AHEAD = 2  # jobs a worker, of those that a scheduler holds: one that runs and the next


class Job(NamedTuple):
    """A stage that depends on no other of its batch, and the threads that it takes on every machine."""

    name: str
    function: Callable
    inputs: dict
    threads: int = 1


def run(
    folder: Path, jobs: Sequence[Job], scheduler: str | None = None, processes: int | None = None,
    on_gpu: int = ON_A_GPU,
) -> list[dict]:  # fmt: skip
    """The results of all jobs, in their order; those that `folder` holds are not computed again.

    `scheduler` is the address of a Dask scheduler (tcp://host:port; $KDREP_SCHEDULER by default); without one the
    jobs run here, in so many `processes` (as `beside` says, by default; `on_gpu` of them where they share a GPU), with
    the same bits for any number of them.
    Every result is kept as soon as it is there. The job of a cluster's worker that is lost goes to another one; a
    process that is lost here is a RuntimeError.
    """
    scheduler = scheduler or setting("KDREP_SCHEDULER")
    paths = [stage_path(folder, *job) for job in jobs]
    missing = {path: job for path, job in zip(paths, jobs, strict=True) if not path.exists()}
    processes = min(len(missing), processes or beside(jobs, on_gpu))
    if scheduler and missing:
        submit(missing, scheduler)
    elif processes > 1:
        run_in_processes(missing, processes)
    else:
        for path, job in missing.items():
            report_batch(missing)
            keep(path, *job)
        report_batch(missing)
    return [load(path) for path in paths]


def beside(jobs: Sequence[Job], on_gpu: int = ON_A_GPU) -> int:
    """How many of these jobs run side by side on this machine."""
    threads = max((job.threads for job in jobs), default=1)
    shared = any(str(job.inputs.get("device")).startswith("cuda") for job in jobs)
    return side_by_side("cuda" if shared else "cpu", threads, on_gpu)


def side_by_side(device: str, threads: int = 1, on_gpu: int = ON_A_GPU) -> int:
    """How many jobs of so many threads run side by side here: one for every core that they leave to it, on a GPU
    `on_gpu`, and no more than memory has room for."""
    return max(1, min(on_gpu if device.startswith("cuda") else cores() // threads, room()))


def cores() -> int:
    """Cores that this process may use, by the system, its affinity and its container's quota."""
    return joblib.cpu_count()


def room() -> int:
    """Jobs for which there is memory, of the machine and of its container."""
    return int(min(psutil.virtual_memory().available, container_memory()) // JOB_MEMORY)


def container_memory() -> float:
    """Bytes that the container's limit (of version 2 of Linux's control groups) leaves, what it may drop of read files
    included; infinite where there is none."""
    try:
        most, used, detail = (
            (CONTAINER / f"memory.{name}").read_text(encoding="utf-8").strip() for name in ("max", "current", "stat")
        )
        dropped = dict(line.split() for line in detail.splitlines())["inactive_file"]
        return float("inf") if most == "max" else int(most) - int(used) + int(dropped)
    except (OSError, ValueError, KeyError):
        return float("inf")


def report_batch(jobs: Mapping[Path, Job]) -> None:
    """Say how many jobs of a batch are done, where there is more than one."""
    if len(jobs) > 1:
        report("jobs", sum(path.exists() for path in jobs), len(jobs))


def run_in_processes(jobs: Mapping[Path, Job], processes: int) -> None:
    """Compute jobs in processes of this machine, and keep their results. Raises RuntimeError if one of the processes
    ends before its job does."""
    allow_open_files()
    with ProcessPoolExecutor(processes, prepared(jobs.values()), start_process) as pool:
        try:
            report_batch(jobs)
            given = zip(jobs.items(), codes_of(jobs), strict=True)
            futures = [pool.submit(run_job, path, job, code) for (path, job), code in given]
            for future in as_completed(futures):
                future.result()  # raises what went wrong
                report_batch(jobs)
        except BrokenProcessPool as error:
            raise RuntimeError(
                "a training process was killed, perhaps because memory ran out, or shared memory, through which the "
                "data go to it (in a container: --shm-size=8g); finished stages are kept, the same command goes on"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def allow_open_files() -> None:
    """As many open files as the system allows: a tensor that is shared with a process is one, for as long as it lives,
    and a thousand, the usual number, are fewer than a notebook shares."""
    if resource:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):  # macOS says "unlimited" and does not mean it
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def start_process() -> None:
    """Begin a process, which ends when the notebook that started it dies."""
    parent = multiprocessing.parent_process()

    def follow() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def prepared(jobs: Iterable[Job]) -> BaseContext:
    """How processes start: on Linux as copies of one that has imported the jobs' code, which takes four seconds; where
    copying is not safe, each imports it itself."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(sorted({job.function.__module__ for job in jobs}))
    return context


def codes_of(jobs: Mapping[Path, Job]) -> list[str]:
    """Fingerprints of the code that this process has for the jobs, which whoever computes them must have too."""
    return [function_code(job.function) for job in jobs.values()]


def run_job(path: Path, job: Job, code: str) -> None:
    """Compute one job and keep its result."""
    keep(path, *job, code)


def connect(scheduler: str):
    """A Dask client. Raises RuntimeError where Dask is missing, OSError where no scheduler answers."""
    try:
        from distributed import Client
    except ImportError as error:
        raise RuntimeError("a scheduler needs dask.distributed: pip install 'kdrep[cluster]'") from error
    try:
        return Client(scheduler, timeout=30)
    except (OSError, ValueError) as error:
        raise OSError(f"scheduler: nothing answers at {scheduler} ({error}); start `dask scheduler` there") from error


def reach(scheduler: str) -> None:
    """See that a scheduler answers and has a worker; raises as `connect` and `await_worker` do."""
    with connect(scheduler) as client:
        await_worker(client, scheduler)


def await_worker(client, scheduler: str) -> None:
    """Wait a while for the first worker. Raises OSError if none comes: nothing would ever be computed."""
    if not client.scheduler_info(n_workers=-1)["workers"]:
        print(f"waiting for a worker of {scheduler}, {WORKER_TIMEOUT} s at most", file=sys.stderr, flush=True)
    try:
        client.wait_for_workers(1, timeout=WORKER_TIMEOUT)
    except TimeoutError as error:
        start = f"dask worker {scheduler} --nworkers -1 --nthreads 1"
        raise OSError(f"scheduler: {scheduler} has no worker; start `{start}`") from error


def submit(jobs: Mapping[Path, Job], scheduler: str) -> None:
    """Compute jobs on a cluster, and keep their results."""
    with connect(scheduler) as client:
        from distributed import as_completed as as_they_end

        await_worker(client, scheduler)
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        # A worker with a GPU is started with `--resources GPU=1` and then takes one job at a time.
        gpu = any("GPU" in worker.get("resources", {}) for worker in workers)
        options = dict(pure=False, resources={"GPU": 1} if gpu else None)
        waiting, futures, failed = zip(jobs.items(), codes_of(jobs), strict=True), {}, []

        def submit_some(count: int) -> list:
            """Give so many more jobs to the scheduler."""
            some = {
                client.submit(compute, *job, None, code, **options): path
                for (path, job), code in islice(waiting, count)
            }
            futures.update(some)
            return list(some)

        with warnings.catch_warnings():
            # Every job carries its own data: what is scattered once is lost with the worker that holds it.
            warnings.filterwarnings("ignore", "Sending large graph")
            # The scheduler holds the data of a few jobs at a time: one that is done makes room for the next.
            running = as_they_end(submit_some(AHEAD * max(1, len(workers))))
            for future in running:
                path = futures.pop(future)
                if future.status == "finished":
                    save(future.result(), path)
                    report_batch(jobs)
                else:
                    failed.append(future)
                running.update(submit_some(1))
        for future in failed:
            future.result()  # raises what went wrong
