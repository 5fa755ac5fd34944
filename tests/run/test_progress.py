"""What is said while a run goes on."""

import io
import time

from kdrep.learning.progress import epoch_by_epoch, report
from kdrep.run import progress
from kdrep.run.progress import Expected, doing, read_reports, remaining


def told(*reports):
    """The state after some reports."""
    state = {}
    read_reports(io.StringIO("".join(f"{line}\n" for line in reports)), state)
    return state


def test_what_is_trained_and_how_many_jobs_are_done_is_said():
    assert doing({}) == "computing"
    assert doing(told("7\talignment, theo\t0\t1")) == "alignment, theo"
    assert doing(told("7\tteacher, seed 0\t3\t40")) == "teacher, seed 0, epoch 3 of 40"
    both = told("7\tjobs\t2\t9", "8\tstudent, seed 1\t1\t30", "9\tstudent, seed 2\t4\t30")
    assert doing(both) == "2 of 9 jobs done; student, seed 2, epoch 4 of 30 and 1 more"


def test_what_is_done_is_not_said_any_more_and_half_a_line_is_no_report():
    assert told("7\tteacher\t3\t40", "7\tteacher\t40\t40", "7\tjobs\t9\t9", "8\tstude") == {}


def test_the_time_that_is_left_is_said():
    assert remaining(Expected(4.0, 10.0), 1.0) == "; 1.0 min, about 3.0 left; 13 minutes to the end of all"
    assert remaining(Expected(4.0, 0.0), 5.0) == "; 5.0 min, longer than expected"
    assert remaining(Expected(float("nan"), 0.0), 5.0) == "; 5.0 min"


def test_without_a_terminal_a_line_comes_again_and_again(monkeypatch):
    monkeypatch.setitem(progress.EVERY, False, 0.05)
    out = io.StringIO()
    with progress.shown("[1/2] 01_mnist", Expected(2.0, 1.0), out), epoch_by_epoch("teacher", 4, 0) as advance:
        advance()
        time.sleep(0.5)
        report("jobs", 1, 3)
        time.sleep(0.5)
    lines = out.getvalue().splitlines()
    assert len(lines) > 5
    assert lines[0].startswith("[1/2] 01_mnist: teacher, epoch ")
    assert "1 of 3 jobs done" in lines[-1]


def test_a_report_goes_nowhere_where_nobody_asked(monkeypatch, capsys):
    monkeypatch.delenv("KDREP_PROGRESS", raising=False)
    report("teacher", 1, 2)
    assert capsys.readouterr() == ("", "")
