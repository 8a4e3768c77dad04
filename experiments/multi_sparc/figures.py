"""Pictures of the evaluation: calibration, choice of starts, overlays, a room as GLB.

Source: Langer et al., Sparse Multi-Object Render-and-Compare, Figs. 3 and 4.
"""

import pathlib
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from experiments.multi_sparc.data import TestRooms
from experiments.multi_sparc.evaluate import Result
from ivg.data.indoor_cameras import in_world
from ivg.data.indoor_models import IndoorModels
from ivg.geometry.camera import Camera, resize
from ivg.io.gltf import save_glb
from ivg.metrics.alignment import Aligned, is_accurate, suppress
from ivg.metrics.detection import Calibration, calibration_error
from ivg.render.pipeline import render
from ivg.scene.appearance import make_lights
from ivg.scene.graph import Scene, make_nodes, make_scene
from ivg.scene.indoor import INDOOR_NAMES, Placement
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.overlay import draw_contours
from ivg.viz.picture import enlarge, png_bytes
from ivg.viz.plots import COLOURS, figure_png

_RIGHT, _WRONG = (0.05, 0.45, 0.12), (0.55, 0.06, 0.05)
_BLEND = 0.55


def calibration_png(curves: Mapping[str, Calibration]) -> bytes:
    """Fig. 4b: accuracy of predictions against their scores.

    Args:
      curves: by name.

    Returns:
      Content of a PNG file; the diagonal is perfect.
    """
    figure = Figure(figsize=(4.6, 4.2), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#c8ccd0", linewidth=1)
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        error = 100 * calibration_error(curve)
        label = f"{name}, mean error {error:.0f} %"
        axes.plot(curve.score, curve.accuracy, "o-", color=colour, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="score", ylabel="accurate alignments")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return figure_png(figure)


def placed_scene(
    models: IndoorModels, model, placement: Placement, mask, camera: Camera, colours
) -> Scene:
    """Models in poses, without a room.

    Args:
      models: models.
      model: `[N]` int32, which ones.
      placement: `Placement` of `[N]`.
      mask: `[N]` bool, which are shown.
      camera: camera in the same frame.
      colours: `[N, 3]` linear RGB.

    Returns:
      `Scene`.
    """
    nodes = make_nodes(
        model, placement.position, placement.quaternion, placement.size, mask
    )
    lights = make_lights(
        ambient=0.4,
        direction=jnp.array([[0.4, 1.0, 0.8]]),
        directional=0.7 * jnp.ones((1, 3)),
    )
    scene = make_scene(models.library, nodes, camera, lights=lights)
    return scene.replace(material=scene.material.replace(albedo=jnp.asarray(colours)))


def overlays(
    tests: TestRooms, placements: Placement, rows: Sequence[int], size_px: int
) -> list[list[np.ndarray]]:
    """Pictures, and over them the retrieved models in their poses.

    Accurate ones are green, others red.

    Args:
      tests: rooms.
      placements: `Placement` of `[E, N]` or of `[E, A, N]`, of several starts.
      rows: which pictures.
      size_px: least length of a side.

    Returns:
      For each picture itself and its overlays, `[H, W, 3]` uint8.
    """
    noisy, clean = tests.pictures.examples, tests.clean

    @jax.jit
    def drawn(example, truth, fold, placement):
        right = jax.vmap(is_accurate)(placement, truth, fold)
        colours = jnp.where(right[:, None], jnp.array(_RIGHT), jnp.array(_WRONG))
        found, camera = example.picture.detections, example.picture.camera
        factor = max(1.0, size_px / min(camera.height, camera.width))
        rows, columns = (round(factor * x) for x in (camera.height, camera.width))
        camera = resize(camera, rows, columns)
        seen = render(
            placed_scene(
                tests.models, example.retrieved, placement, found.present, camera,
                4 * colours,
            )
        )  # fmt: skip
        return jnp.clip(seen.rgb, 0, 1), seen.alpha, seen.object_index

    sheets = []
    for row in rows:
        example, truth, fold, found = jax.tree.map(
            lambda x, row=row: x[row], (noisy, clean.truth, clean.fold, placements)
        )
        starts = found if found.position.ndim == 3 else _stacked(found)
        picture = enlarge(np.asarray(example.picture.rgb), size_px)
        cells = [picture]
        for start in range(len(starts.position)):
            own = jax.tree.map(lambda x, start=start: x[start], starts)
            cells.append(_blended(picture, *drawn(example, truth, fold, own)))
        sheets.append(cells)
    return sheets


def _stacked(placement):
    return jax.tree.map(lambda x: np.asarray(x)[None], placement)


def _blended(picture, rgb, alpha, owner):
    """Models over a picture, with their outlines."""
    rgb, alpha, owner = map(np.asarray, (rgb, alpha, owner))
    share = _BLEND * alpha[..., None]
    shown = 255 * np.sqrt(rgb)
    mixed = np.round((1 - share) * picture + share * shown).astype(np.uint8)
    return draw_contours(mixed, owner + 1, (255, 255, 255), 1.5)


def overlays_png(sheets: Sequence[Sequence[np.ndarray]], labels, size_px: int) -> bytes:
    """Fig. 3: several pictures beside their overlays.

    Args:
      sheets: from `overlays`.
      labels: of the columns.
      size_px: of a cell.

    Returns:
      Content of a PNG file.
    """
    return png_bytes(contact_sheet(sheets, column_labels=labels, cell_px=size_px))


def save_room(
    path: pathlib.Path, tests: TestRooms, result: Result, num_views: int, room: int
) -> None:
    """Writes what is found in all views of a room as GLB, in its world.

    Args:
      path: of the file.
      tests: rooms.
      result: of a method.
      num_views: of a room.
      room: which one.
    """
    own = slice(room * num_views, (room + 1) * num_views)
    examples, cameras, placement = jax.tree.map(
        lambda x: x[own],
        (tests.pictures.examples, tests.clean.camera, result.alignment.placement),
    )
    world = jax.vmap(in_world)(cameras, jax.tree.map(jnp.asarray, placement))
    found = examples.picture.detections
    flat = jax.tree.map(lambda x: jnp.asarray(x).reshape(-1, x.shape[-1]), world)
    rows = [
        np.asarray(x).reshape(-1) for x in (found.present, found.category, found.fold)
    ]
    score = np.asarray(result.score[own]).reshape(-1)
    kept = np.asarray(
        suppress(Aligned(flat, *map(jnp.asarray, rows), jnp.asarray(score)))
    )
    kept = kept & (score >= np.sort(score)[-12])  # a handful
    chosen = np.flatnonzero(kept) if kept.any() else np.array([0])
    category = rows[1][chosen]
    names = [f"{INDOOR_NAMES[c]}_{i}" for i, c in enumerate(category)]
    colours = np.array([_tint(c) for c in category])
    camera = jax.tree.map(lambda x: x[0], cameras)
    scene = placed_scene(
        tests.models, np.asarray(examples.retrieved).reshape(-1)[chosen],
        jax.tree.map(lambda x: x[chosen], flat), None, camera, colours,
    )  # fmt: skip
    save_glb(path, scene, names)


def _tint(category):
    """A colour for each category, linear RGB."""
    hue = 2 * np.pi * category / len(INDOOR_NAMES)
    return 0.4 + 0.3 * np.cos(hue + 2 * np.pi * np.arange(3) / 3)


__all__ = [
    "calibration_png",
    "overlays",
    "overlays_png",
    "placed_scene",
    "save_room",
]
