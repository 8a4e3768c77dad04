"""Flags of `python -m experiments.explain`."""

from absl import flags

from experiments.command import run_command

_IMAGE = flags.DEFINE_string(
    "image", None, "Picture; the path-traced tabletop_1.png if absent."
)
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_INITIAL = flags.DEFINE_string("initial", None, "scene.json to begin with.")
_TRUTH = flags.DEFINE_string("truth", None, "True scene.json, to score against.")
_OBJECTS = flags.DEFINE_list(
    "objects", [], "Classes of the objects, for a coarse search in place of detection."
)
_REFINER = flags.DEFINE_string("refiner", "lido", "lido, gradient or simplex.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Folder with LiDO's networks; those that ivg ships if absent."
)
_MIN_SCORE = flags.DEFINE_float("min_score", 0.35, "Least probability of a detection.")
_STEPS = flags.DEFINE_integer(
    "steps", None, "Steps of lido (default 30) or gradient (default 150)."
)
_FOV_DEG = flags.DEFINE_float("fov_deg", None, "Vertical field of view (default 50).")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the search.")


def _explain():
    from experiments.explain.run import Config, run

    config = Config(
        image=_IMAGE.value,
        initial=_INITIAL.value,
        truth=_TRUTH.value,
        objects=tuple(_OBJECTS.value),
        refiner=_REFINER.value,
        checkpoint=_CHECKPOINT.value,
        min_score=_MIN_SCORE.value,
        steps=_STEPS.value,
        fov_deg=_FOV_DEG.value,
        seed=_SEED.value,
    )
    return run(config, _OUTPUT.value)


if __name__ == "__main__":
    run_command(_explain)
