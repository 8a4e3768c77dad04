"""Flags of `python -m experiments.explain`."""

from absl import flags

from experiments.command import run_command

_IMAGE = flags.DEFINE_string(
    "image", None, "Picture; the shipped photograph if absent."
)
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_INITIAL = flags.DEFINE_string("initial", None, "scene.json to begin with.")
_TRUTH = flags.DEFINE_string("truth", None, "True scene.json, to score against.")
_OBJECTS = flags.DEFINE_list("objects", ["mug"], "Classes to look for.")
_STEPS = flags.DEFINE_integer("steps", 150, "Gradient steps.")
_FOV_DEG = flags.DEFINE_float("fov_deg", None, "Vertical field of view (default 50).")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the search.")


def _explain():
    from experiments.explain.run import Config, run

    config = Config(
        image=_IMAGE.value,
        initial=_INITIAL.value,
        truth=_TRUTH.value,
        objects=tuple(_OBJECTS.value),
        steps=_STEPS.value,
        fov_deg=_FOV_DEG.value,
        seed=_SEED.value,
    )
    return run(config, _OUTPUT.value)


if __name__ == "__main__":
    run_command(_explain)
