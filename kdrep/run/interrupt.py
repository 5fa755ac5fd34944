"""Ctrl-C: one line, and the end."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def ends_at_once(line: str) -> Iterator[None]:
    """Within it, Ctrl-C prints one line and ends this process with status 130, whatever a library is waiting for.

    Kernels and their processes end when the one that started them does; what is finished lies in its files. To begin
    before other threads do: they would take the signal. Where signals cannot be waited for, nothing is changed.
    """
    if not hasattr(signal, "sigtimedwait") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before, stop = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}), threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if signal.sigtimedwait({signal.SIGINT}, 0.2):
                os.write(2, f"\n{line}\n".encode())
                os._exit(130)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
