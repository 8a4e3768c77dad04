"""Flags of `python -m experiments.iqtt`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import make_config

_MODE = flags.DEFINE_enum("mode", "evaluate", ["train", "evaluate"], "What to do.")
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu or paper.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Folder with trained models; those that ivg ships if absent."
)
_QUESTIONS = flags.DEFINE_string(
    "questions", None,
    "Folder with questions to answer instead: NAME_q.png, NAME_a0.png, NAME_a1.png and "
    "NAME_a2.png, or folders NAME with q.png, a0.png, a1.png and a2.png.",
)  # fmt: skip
_LABELS = flags.DEFINE_integer(
    "labels", None,
    "Which pix2scene answers --questions: the labelled questions that it was trained "
    "with, 0, 200, 1000 or 10000 (the most if absent).",
)  # fmt: skip
_DISTRACTORS = flags.DEFINE_enum(
    "distractors", None, ["others", "mirror"],
    "Wrong answers: two other shapes, or one of them the mirror image.",
)  # fmt: skip
_TEST = flags.DEFINE_integer("num_test", None, "Questions to test with.")
_SEED = flags.DEFINE_integer("seed", None, "Seed of shapes, views, networks, batches.")


def _iqtt():
    from experiments.iqtt.config import PRESETS, SHIPPED
    from experiments.iqtt.run import run_evaluation, run_questions, run_training

    config = make_config(
        PRESETS, _PRESET.value, num_test=_TEST.value, seed=_SEED.value,
        distractors=_DISTRACTORS.value,
    )  # fmt: skip
    checkpoint = _CHECKPOINT.value or str(SHIPPED)
    if _QUESTIONS.value is not None:
        return run_questions(
            config, _OUTPUT.value, checkpoint, _QUESTIONS.value, _LABELS.value
        )
    if _MODE.value == "train":
        return run_training(config, _OUTPUT.value)
    return run_evaluation(config, _OUTPUT.value, checkpoint)


if __name__ == "__main__":
    run_command(_iqtt)
