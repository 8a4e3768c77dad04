"""The files that explain a picture."""

import math
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ivg.energy.tabletop import display
from ivg.geometry.camera import Camera, look_at, resize
from ivg.io.atomic import write_atomic
from ivg.io.gltf import glb_bytes
from ivg.io.image import resize_image
from ivg.io.scene_json import save_tabletop
from ivg.refine.refiner import Refinement
from ivg.render.pipeline import Buffers, render
from ivg.scene.graph import Scene
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import (
    OBJECT_CLASSES,
    Tabletop,
    contact_points,
    scene_from_tabletop,
    tabletop_lights,
)
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.gif import gif_bytes
from ivg.viz.overlay import overlay_before_after
from ivg.viz.picture import png_bytes
from ivg.viz.plots import energy_plot_png
from ivg.viz.report import Figures, Table, Viewer, report_html
from ivg.viz.viewer import viewer_html

PICTURE_PX = 384
_MAX_FRAMES = 30
_BACKGROUND = (0.80, 0.83, 0.86)


@jax.jit
def _scene(latents: Tabletop, library: MeshLibrary, fov_deg: float) -> Scene:
    return scene_from_tabletop(
        latents, library, height=PICTURE_PX, width=PICTURE_PX,
        fov_rad=jnp.deg2rad(fov_deg), background=_BACKGROUND,
    )  # fmt: skip


@jax.jit
def _render(scene: Scene) -> Buffers:
    return render(scene)


def _picture(scene: Scene) -> np.ndarray:
    """`[H, W, 3]` linear RGB in [0, 1]."""
    return np.clip(np.asarray(_render(scene).rgb), 0, 1)


@jax.jit
def relit(latents: Tabletop) -> Tabletop:
    """The same table under a low light from the other side.

    Args:
      latents: latents.

    Returns:
      `Tabletop`.
    """
    return latents.replace(
        ambient=jnp.full_like(latents.ambient, 0.2),
        directional=jnp.full_like(latents.directional, 0.9),
        light_azimuth_rad=latents.light_azimuth_rad + 2.4,
        light_elevation_rad=jnp.full_like(latents.light_elevation_rad, 0.5),
    )


@jax.jit
def elsewhere(scene: Scene, latents: Tabletop) -> Camera:
    """A camera to the side of the objects, lower and a little further away.

    Args:
      scene: scene of the latents.
      latents: latents.

    Returns:
      `Camera` that looks at the middle of the objects.
    """
    points = contact_points(latents)
    weight = latents.mask.astype(points.dtype)[:, None]
    centre = jnp.sum(points * weight, 0) / jnp.maximum(jnp.sum(weight), 1)
    away = scene.camera.position - centre
    distance = 1.15 * jnp.linalg.norm(away)
    azimuth = jnp.arctan2(away[0], away[2]) + 0.9
    direction = jnp.stack([0.85 * jnp.sin(azimuth), 0.53, 0.85 * jnp.cos(azimuth)])
    target = centre + jnp.array([0.0, 0.03, 0.0])
    camera = look_at(target + distance * direction, target, height=1, width=1)
    return resize(scene.camera, PICTURE_PX, PICTURE_PX).replace(
        position=camera.position, quaternion=camera.quaternion
    )


def _frames(refinement: Refinement, library, fov_deg: float) -> list[np.ndarray]:
    """Pictures of some of the steps, more of them early on."""
    num = jax.tree.leaves(refinement.trajectory)[0].shape[0]
    share = np.linspace(0, 1, min(num, _MAX_FRAMES)) ** 1.5
    steps = np.unique(np.round(share * (num - 1)).astype(int))
    path = jax.tree.map(np.asarray, refinement.trajectory)
    tables = [jax.tree.map(lambda x, i=i: x[i], path) for i in steps]
    return [_picture(_scene(table, library, fov_deg)) for table in tables]


def _degrees(angle) -> float:
    return round(math.degrees(float(angle)), 1)


def _swatch(linear) -> np.ndarray:
    return np.uint8(np.round(np.asarray(display(jnp.asarray(linear))) * 255))


def _tables(latents: Tabletop) -> list[Table]:
    """The recovered latents, for people."""
    rows = [
        (
            OBJECT_CLASSES[int(latents.class_id[i])], int(latents.shape[i]),
            *(round(float(v), 3) for v in latents.position_m[i]),
            round(float(latents.size_m[i]), 3),
            _degrees(latents.azimuth_rad[i]) % 360, _swatch(latents.colour[i]),
        )
        for i in np.flatnonzero(np.asarray(latents.mask))
    ]  # fmt: skip
    header = (
        "class", "shape", "x (m)", "z (m)", "size (m)", "azimuth (°)", "colour"
    )  # fmt: skip
    surroundings = [
        ("ground colour", _swatch(latents.ground_colour)),
        ("camera height (m)", round(float(latents.camera_height_m), 3)),
        ("camera elevation (°)", _degrees(latents.camera_elevation_rad)),
        ("uniform light", round(float(latents.ambient), 3)),
        ("directional light", round(float(latents.directional), 3)),
        ("light azimuth (°)", _degrees(latents.light_azimuth_rad) % 360),
        ("light elevation (°)", _degrees(latents.light_elevation_rad)),
    ]
    return [
        Table("Objects", header, rows),
        Table("Table, camera and light", ("latent", "value"), surroundings),
    ]


def _report(title, pictures, overlay, gif, plot, glb, latents, metrics) -> str:
    summary = (
        f"Energy {metrics['energy_initial']:.3f} before and "
        f"{metrics['energy_final']:.3f} after refinement, "
        f"{metrics['seconds']:.0f} seconds in all."
    )
    named = [(name, png_bytes(picture)) for name, picture in pictures.items()]
    sections = [
        Figures("Explained", [("Outlines before and after", overlay), named[0],
                              ("Refinement, step by step", gif)]),
        Viewer("The scene: turn it with the mouse", viewer_html(glb)),
        Figures("Edited", named[-2:]),
        *_tables(latents),
        Figures("Energy", [("Energy after each step", plot)]),
    ]  # fmt: skip
    return report_html(title=title, summary=summary, sections=sections)


def write_outputs(
    output: str,
    picture: np.ndarray,
    refinement: Refinement,
    library: MeshLibrary,
    fov_deg: float,
    metrics: Mapping[str, float],
) -> None:
    """Writes all files but `metrics.json`, each whole or not at all.

    Args:
      output: folder.
      picture: `[H, W, 3]` observed linear RGB, square.
      refinement: what was found.
      library: shapes.
      fov_deg: vertical field of view, degrees.
      metrics: figures for the report.

    Raises:
      InputError: if a file cannot be written.
    """
    folder, latents = Path(output), refinement.params
    frames = _frames(refinement, library, fov_deg)
    first = jax.tree.map(lambda x: x[0], refinement.trajectory)
    scene = _scene(latents, library, fov_deg)
    observed = resize_image(picture, PICTURE_PX, PICTURE_PX)
    before, after = (
        np.asarray(_render(s).object_index)
        for s in (_scene(first, library, fov_deg), scene)
    )
    pictures = {
        "input": observed,
        "first guess": frames[0],
        "refined": _picture(scene),
        "relit": _picture(scene.replace(lights=tabletop_lights(relit(latents)))),
        "seen from elsewhere": _picture(
            scene.replace(camera=elsewhere(scene, latents))
        ),
    }
    overlay = png_bytes(overlay_before_after(observed, before, after))
    gif = gif_bytes(frames)
    plot = energy_plot_png(refinement.info["energy"])
    glb = glb_bytes(scene)
    sheet = contact_sheet(
        [list(pictures.values())], column_labels=list(pictures), cell_px=256
    )
    report = _report(
        "A picture, explained", pictures, overlay, gif, plot, glb, latents, metrics
    )
    save_tabletop(folder / "scene.json", latents, fov_deg=fov_deg)
    write_atomic(folder / "scene.glb", glb)
    write_atomic(folder / "overlay.png", overlay)
    write_atomic(folder / "steps.gif", gif)
    write_atomic(folder / "summary.png", png_bytes(sheet))
    write_atomic(folder / "report.html", report)


__all__ = ["PICTURE_PX", "elsewhere", "relit", "write_outputs"]
