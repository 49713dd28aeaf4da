"""Recorded trainings are played back as they were seen."""

from benchmarks.replay import read_recordings, replay


def test_a_recording_is_played_back_epoch_by_epoch_and_then_its_end() -> None:
    recording = read_recordings("healthy")[0]
    seen = list(replay(recording.observed))
    assert [each.epochs for each in seen] == [*range(recording.observed.epochs + 1), recording.observed.epochs]
    assert [each.has_ended for each in seen] == [False] * (recording.observed.epochs + 1) + [True]
    assert seen[3].predicted is not None
    assert len(seen[3].predicted) == 3
    assert seen[-1].results["test/accuracy_best"] > 0.9
    assert {"epoch", "train/loss"} <= seen[-1].steps.keys()
    assert "system/cpu_percent" in seen[-1].use
