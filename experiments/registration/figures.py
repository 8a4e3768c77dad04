"""The registration as pictures: a sheet like Figure 9, and an animation.

Source: StillebenDR (Periyasamy and Behnke), Figure 9.
"""

import functools

import jax
import numpy as np

from experiments.registration.config import Config
from experiments.registration.methods import descend, descent_rates
from experiments.registration.networks import Trained
from experiments.registration.scenes import Observation, make_look
from experiments.registration.tables import OURS
from ivg.refine.registration import Registered, View, registered_scene
from ivg.render.pipeline import render
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.gif import gif_bytes
from ivg.viz.picture import png_bytes

_SHARES = (0, 0.05, 0.2, 0.4, 1)
_FRAMES = 40
_CELL_PX = 128


def registration_path(
    config: Config, trained: Trained, observations: Observation, has_pose: bool
) -> tuple[Registered, View]:
    """Ours on the first picture of each instance of a family.

    Args:
      config: settings.
      trained: shapes and networks.
      observations: leading axes over instances and views.
      has_pose: whether assumed poses are the noisy ones.

    Returns:
      Estimates `[I, T + 1]` and assumed poses `[I]`.
    """
    first = jax.tree.map(lambda x: x[:, 0], observations)
    views = first.noisy if has_pose else first.true
    rates = descent_rates(config, getattr(config, OURS), has_pose=has_pose)
    result = descend(
        OURS, config, trained.family, trained.features, first, views, rates,
        config.num_rigid * has_pose,
    )  # fmt: skip
    return result.trajectory, views


@functools.partial(jax.jit, static_argnames="config")
def _rendered(config, family, found, view):
    look = make_look(config)

    def one(found):
        return render(registered_scene(family.deformable, found, view, look)).rgb

    return jax.lax.map(one, found)


def rendered_steps(
    config: Config, trained: Trained, path: Registered, views: View, steps
) -> np.ndarray:
    """What some estimates look like.

    Args:
      config: size of the pictures.
      trained: shapes.
      path: estimates `[I, T + 1]`.
      views: assumed poses `[I]`.
      steps: which ones.

    Returns:
      `[I, S, H, W, 3]` linear RGB.
    """
    rows = []
    for i in range(len(views.position)):
        found = jax.tree.map(lambda x, i=i: x[i][np.asarray(steps)], path)
        view = jax.tree.map(lambda x, i=i: x[i], views)
        rows.append(np.asarray(_rendered(config, trained.family, found, view)))
    return np.stack(rows)


def make_figures(
    config: Config,
    trained: dict[str, Trained],
    observations: dict[str, Observation],
    names: list[str],
) -> tuple[bytes, bytes]:
    """The sheet with known poses, and the animation with noisy ones.

    Args:
      config: settings.
      trained: by family.
      observations: by family.
      names: of all instances, in order.

    Returns:
      Content of a PNG file, a row per instance, the observed picture last; and of a
      GIF file, observed pictures above what explains them.
    """
    rows, tiles, seen = [], [], []
    still = [round(share * config.num_steps) for share in _SHARES]
    moving = np.unique(np.linspace(0, 1, _FRAMES) ** 1.5 * config.num_steps // 1)
    for name, learned in trained.items():
        observed = np.asarray(observations[name].picture[:, 0])
        path, views = registration_path(config, learned, observations[name], False)
        shown = rendered_steps(config, learned, path, views, still)
        rows += [[*row, last] for row, last in zip(shown, observed, strict=True)]
        path, views = registration_path(config, learned, observations[name], True)
        steps = moving.astype(int)
        tiles += list(rendered_steps(config, learned, path, views, steps))
        seen += list(observed)
    labels = [*(f"step {s}" for s in still), "observed"]
    sheet = contact_sheet(
        rows, row_labels=names, column_labels=labels, cell_px=_CELL_PX
    )
    frames = [
        contact_sheet([seen, [t[k] for t in tiles]], cell_px=_CELL_PX)
        for k in range(len(moving))
    ]
    return png_bytes(sheet), gif_bytes(frames, duration_ms=80)


__all__ = ["make_figures", "registration_path", "rendered_steps"]
