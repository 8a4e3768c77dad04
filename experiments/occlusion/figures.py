"""Pictures of hidden objects coming forward, as the figures 10 to 12 of the paper."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.occlusion.problem import Problem
from ivg.energy.stack import render_stack
from ivg.energy.tabletop import display
from ivg.render.layers import render_layers
from ivg.render.pipeline import render
from ivg.scene.library import MeshLibrary
from ivg.scene.stack import Stack, scene_from_stack, top_camera
from ivg.typing import Array
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.gif import gif_bytes
from ivg.viz.picture import png_bytes

_SIZE_PX = 192
_SHARES = (0, 0.04, 0.08, 0.15, 0.3, 1)  # of the steps, in `steps_png`
_FRAMES = 40
_LAYERS = 4


def top_view(stack: Stack, library: MeshLibrary) -> Array:
    """A stack seen from above.

    Args:
      stack: objects.
      library: shapes.

    Returns:
      `[S, S, 3]` as displayed; the camera of the stack is below the picture.
    """
    scene = scene_from_stack(stack, library)
    camera = top_camera(height=_SIZE_PX, width=_SIZE_PX)
    return display(render(scene.replace(camera=camera)).rgb)


def problems_png(problem: Problem, library: MeshLibrary) -> bytes:
    """What is observed and what is estimated, from the camera and from above.

    Args:
      problem: problem.
      library: shapes.

    Returns:
      Content of a PNG file.
    """
    seen = [views(s, library, 0.0)[1:] for s in (problem.truth, problem.estimate)]
    rows = list(zip(*seen, strict=True))
    sheet = contact_sheet(
        rows,
        row_labels=["picture", "from above"],
        column_labels=["observed", "estimate"],
    )
    return png_bytes(sheet)


def peels_png(problem: Problem, library: MeshLibrary, tau: float) -> bytes:
    """The first two peels of the estimate, and their aggregates.

    Args:
      problem: problem.
      library: shapes.
      tau: temperature of the first aggregate; that of the second is zero.

    Returns:
      Content of a PNG file.
    """
    shown = _peels(problem.estimate, library, jnp.array([tau, 0.0]))
    labels = ["peel 1", "peel 2", f"tau = {tau:g}", "tau = 0"]
    return png_bytes(contact_sheet([shown], column_labels=labels))


@jax.jit
def views(stack: Stack, library: MeshLibrary, tau: Array) -> list[Array]:
    """A stack as the loop sees it, as one sees it, and from above.

    Args:
      stack: objects.
      library: shapes.
      tau: `[]` temperature of the first picture.

    Returns:
      Three `[S, S, 3]` pictures as displayed.
    """
    peeled = {"mode": "peeled", "num_layers": _LAYERS, "tau": tau}
    return [
        render_stack(stack, library, _SIZE_PX, **peeled),
        render_stack(stack, library, _SIZE_PX),
        top_view(stack, library),
    ]


@jax.jit
def _peels(stack: Stack, library: MeshLibrary, tau: Array) -> list[Array]:
    """Two peels over the background, and an aggregate for each of the temperatures."""
    scene = scene_from_stack(stack, library, height=_SIZE_PX, width=_SIZE_PX)
    peels = render_layers(scene, num_layers=2, cull="back")
    hole = (1 - peels.alpha[..., None]) * scene.background
    options = {"mode": "peeled", "num_layers": 2}
    mixed = [render_stack(stack, library, _SIZE_PX, tau=t, **options) for t in tau]
    return [*display(peels.rgb + hole), *mixed]


def step_views(path: Stack, step: int, tau: float, decay: float, library: MeshLibrary):
    """What `views` shows of a step of a refinement.

    Args:
      path: `Stack`s `[T + 1]`.
      step: which one.
      tau: first temperature.
      decay: its factor after each step.
      library: shapes.

    Returns:
      Three `[S, S, 3]` pictures as displayed.
    """
    return views(jax.tree.map(lambda x: x[step], path), library, tau * decay**step)


def _last(path: Stack) -> int:
    return len(path.position_m) - 1


def steps_png(
    problem: Problem, path: Stack, tau: float, decay: float, library: MeshLibrary
) -> bytes:
    """Some steps of a refinement below each other, and the truth.

    Args:
      problem: problem.
      path: `Stack`s `[T + 1]`.
      tau: first temperature.
      decay: its factor after each step.
      library: shapes.

    Returns:
      Content of a PNG file.
    """
    steps = sorted({round(share * _last(path)) for share in _SHARES})
    rows = [step_views(path, step, tau, decay, library) for step in steps]
    truth = [None, np.asarray(problem.picture), top_view(problem.truth, library)]
    return png_bytes(
        contact_sheet(
            [*rows, truth],
            row_labels=[f"step {step}" for step in steps] + ["truth"],
            column_labels=["aggregate", "standard", "from above"],
        )
    )


def steps_gif(
    problem: Problem, path: Stack, tau: float, decay: float, library: MeshLibrary
) -> bytes:
    """A refinement beside the picture that it explains.

    Args:
      problem: problem.
      path: `Stack`s `[T + 1]`.
      tau: first temperature.
      decay: its factor after each step.
      library: shapes.

    Returns:
      Content of a GIF file.
    """
    labels = ["observed", "aggregate", "standard", "from above"]
    picture = np.asarray(problem.picture)
    # Most happens at first.
    shares = np.linspace(0, 1, _FRAMES) ** 2
    steps = sorted(set(np.round(shares * _last(path)).astype(int).tolist()))
    return gif_bytes(
        [
            contact_sheet(
                [[picture, *step_views(path, step, tau, decay, library)]],
                column_labels=labels,
            )
            for step in steps
        ]
    )


__all__ = [
    "peels_png",
    "problems_png",
    "step_views",
    "steps_gif",
    "steps_png",
    "top_view",
    "views",
]
