"""Pictures of random rooms with the true poses of what they show, made on the fly.

For training: objects that float before a plain or patterned background, and furnished
rooms. Depth, normals, masks and boxes are the renderer's, without noise; see
`ivg.data.indoor_noise`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.colour import srgb_from_linear
from ivg.data.indoor_cameras import in_camera, sample_camera, sample_floating
from ivg.data.indoor_layout import MOST_OBJECTS, Room, sample_layout
from ivg.data.indoor_looks import Look, room_scene, sample_look, two_sided
from ivg.data.indoor_models import IndoorModels
from ivg.geometry import rotation
from ivg.geometry.camera import Camera, project, ray_planes
from ivg.numerics import turn
from ivg.render.pipeline import Buffers, render
from ivg.scene.indoor import Detections, Placement, RoomPicture, place_points
from ivg.typing import Array

LEAST_SHARE = 0.003  # of the pixels: 58 of 160 x 120
LEAST_VISIBLE = 0.15


class IndoorExample(NamedTuple):
    """A picture and what is true of its `N` detections, padded.

    Attributes:
      picture: `RoomPicture`; its camera stands at the origin, so that the world is
        the frame of the camera.
      truth: `Placement` of `[N]` true poses; one metre ahead for padding.
      fold: `[N]` int32 turns about y that look the same, of the true models.
      category: `[N]` int32 true categories.
      model: `[N]` int32 true models.
      retrieved: `[N]` int32 models that the detections show.
      object_id: `[N]` int32 place in the room, -1 for padding.
      visible: `[N]` share of the surface turned to the camera that is seen.
      camera: `Camera` in the world of the room.
    """

    picture: RoomPicture
    truth: Placement
    fold: Array
    category: Array
    model: Array
    retrieved: Array
    object_id: Array
    visible: Array
    camera: Camera


def view_room(
    key: Array,
    models: IndoorModels,
    room: Room,
    look: Look,
    camera: Camera,
    *,
    num_detections: int,
    mode: str = "antialias",
) -> IndoorExample:
    """What a camera sees of a room.

    An object is present if its middle is in the picture, `LEAST_VISIBLE` of its side
    turned to the camera is seen, and it has `LEAST_SHARE` of the pixels.

    Args:
      key: random key of the order and the noise, consumed.
      models: models.
      room: room.
      look: its colours.
      camera: camera in its world.
      num_detections: `N`; those that are seen most come in, in a random order.
      mode: of `render`.

    Returns:
      `IndoorExample` without noise of predictions; the score is `visible`.
    """
    key_order, key_noise = jax.random.split(key)
    scene = room_scene(models, room, look, camera)
    seen = render(scene, mode=mode, shader=two_sided)
    placement = in_camera(camera, room.placement)
    own = camera.replace(
        position=jnp.zeros(3), quaternion=jnp.array(rotation.IDENTITY, jnp.float32)
    )
    visible = _visible_shares(models, room, placement, own, seen)
    present = _are_present(room, placement, own, seen, visible)
    rows = _choose_rows(key_order, present, seen.object_index, num_detections)
    present = present[rows] & (jnp.arange(num_detections) < jnp.sum(present))
    ahead = Placement(
        jnp.array([0.0, 0.0, -1.0]), jnp.array(rotation.IDENTITY), jnp.ones(3)
    )
    truth = jax.tree.map(
        lambda x, pad: jnp.where(present[:, None], x[rows], pad), placement, ahead
    )
    owner = _owners(seen.object_index, rows, present)
    model = room.model[rows]
    detections = Detections(
        present=present,
        box_px=boxes_from_owner(owner, num_detections),
        score=jnp.where(present, visible[rows], 0),
        category=models.category[model],
        fold=models.fold[model],
        points=models.points[model],
        normals=models.normals[model],
    )
    picture = RoomPicture(
        camera=own,
        rgb=_developed(key_noise, seen, look),
        depth=seen.depth,
        normals=_camera_normals(camera, seen),
        owner=owner,
        detections=detections,
    )
    return IndoorExample(
        picture=picture,
        truth=truth,
        fold=models.fold[model],
        category=models.category[model],
        model=model,
        retrieved=model,
        object_id=jnp.where(present, rows, -1).astype(jnp.int32),
        visible=detections.score,
        camera=camera,
    )


def _visible_shares(models, room, placement, camera, seen: Buffers) -> Array:
    """`[K]` share of the samples turned to the camera that lie on what is seen."""

    def share(model, one):
        points = place_points(one, models.points[model])
        normal = rotation.rotate(one.quaternion, models.normals[model] / one.size)
        faces = jnp.sum(normal * points, -1) < 0
        pixels, depth = project(camera, points)
        row, column = pixels[:, 1].astype(jnp.int32), pixels[:, 0].astype(jnp.int32)
        inside = (pixels >= 0) & (pixels < jnp.array([camera.width, camera.height]))
        found = seen.depth.at[row, column].get(mode="clip")
        near = (depth > camera.near) & (depth < 1.01 * found + 0.03)
        hit = faces & jnp.all(inside, -1) & near
        return jnp.sum(hit) / jnp.maximum(jnp.sum(faces), 1)

    return jax.vmap(share)(room.model, placement)


def _are_present(room, placement, camera, seen: Buffers, visible) -> Array:
    """`[K]` which objects a detector could find."""
    pixels, depth = project(camera, placement.position)
    limit = jnp.array([camera.width, camera.height])
    in_view = jnp.all((pixels > 0) & (pixels < limit), -1) & (depth > camera.near)
    counts = _pixel_counts(seen.object_index, room.mask.shape[0])
    enough = counts >= LEAST_SHARE * camera.width * camera.height
    return room.mask & in_view & enough & (visible >= LEAST_VISIBLE)


def _pixel_counts(object_index: Array, num: int) -> Array:
    return jnp.sum(object_index == jnp.arange(num)[:, None, None], (1, 2))


def _choose_rows(key, present, object_index, num: int) -> Array:
    """`[N]` objects: the present ones first, the largest of them, in random order."""
    count = present.shape[0]
    pixels = jnp.where(present, _pixel_counts(object_index, count), -1)
    chosen = jnp.argsort(-pixels)[:num]
    chosen = jnp.pad(chosen, (0, max(num - count, 0)))
    order = jax.random.uniform(key, (num,)) + 2.0 * ~present[chosen]
    return chosen[jnp.argsort(order + 2.0 * (jnp.arange(num) >= count))]


def _owners(object_index: Array, rows: Array, present: Array) -> Array:
    """`[H, W]` row of the detection at each pixel, -1 for none."""
    match = (object_index[..., None] == rows) & present
    return jnp.where(jnp.any(match, -1), jnp.argmax(match, -1), -1).astype(jnp.int32)


def boxes_from_owner(owner: Array, num: int) -> Array:
    """The boxes around masks.

    Args:
      owner: `[H, W]` int32 whose mask has the pixel, -1 for nobody's.
      num: number of masks `N` (static).

    Returns:
      `[N, 4]` left, top, right and bottom, pixels: the outer borders of the outermost
      pixels. Zero for empty masks.
    """
    masks = owner == jnp.arange(num)[:, None, None]

    def limits(hit):
        size = hit.shape[-1]
        low = jnp.argmax(hit, -1)
        high = size - jnp.argmax(hit[:, ::-1], -1)
        return jnp.where(jnp.any(hit, -1), jnp.stack([low, high]), 0)

    left, right = limits(jnp.any(masks, 1))
    top, bottom = limits(jnp.any(masks, 2))
    return jnp.stack([left, top, right, bottom], -1).astype(jnp.float32)


def _camera_normals(camera: Camera, seen: Buffers) -> Array:
    """`[H, W, 3]` in its own frame, turned to it where a face is inside out."""
    own = turn(seen.normal, rotation.matrix_from_quaternion(camera.quaternion))
    rays = jnp.moveaxis(ray_planes(camera), 0, -1)
    away = jnp.sum(seen.normal * rays, -1, keepdims=True) > 0.3
    return jnp.where(away, -own, own)


def _developed(key: Array, seen: Buffers, look: Look) -> Array:
    """`[H, W, 3]` sRGB with the noise of a camera."""
    linear = seen.rgb + (1 - seen.alpha[..., None]) * look.backdrop
    noise = look.noise * jax.random.normal(key, linear.shape)
    return jnp.clip(srgb_from_linear(jnp.clip(linear, 0, 1)) + noise, 0, 1)


def sample_room(
    key: Array,
    models: IndoorModels,
    *,
    height: int = 120,
    width: int = 160,
    num_detections: int = MOST_OBJECTS,
) -> IndoorExample:
    """A picture of a furnished room.

    Args:
      key: random key, consumed.
      models: what to furnish it with.
      height: image rows.
      width: image columns.
      num_detections: `N`.

    Returns:
      `IndoorExample` without noise of predictions. Rarely nothing is present.
    """
    examples, _ = sample_views(
        key, models, 1, height=height, width=width, num_detections=num_detections
    )
    return jax.tree.map(lambda x: x[0], examples)


def sample_views(
    key: Array,
    models: IndoorModels,
    num_views: int,
    *,
    height: int = 120,
    width: int = 160,
    num_detections: int = MOST_OBJECTS,
) -> tuple[IndoorExample, Room]:
    """Several pictures of one furnished room.

    Args:
      key: random key, consumed.
      models: what to furnish it with.
      num_views: number of cameras.
      height: image rows.
      width: image columns.
      num_detections: `N`.

    Returns:
      `IndoorExample` with a leading axis over views, and the `Room` itself, to which
      `object_id` refers.
    """
    key_room, key_look, key_views = jax.random.split(key, 3)
    room = sample_layout(key_room, models)
    look = sample_look(key_look, models, room, height=height, width=width)

    def view(key):
        key_camera, key_rest = jax.random.split(key)
        camera = sample_camera(key_camera, room, height=height, width=width)
        return view_room(
            key_rest, models, room, look, camera, num_detections=num_detections
        )

    return jax.lax.map(view, jax.random.split(key_views, num_views)), room


def sample_pretraining(
    key: Array,
    models: IndoorModels,
    *,
    height: int = 120,
    width: int = 160,
    num_detections: int = MOST_OBJECTS,
) -> IndoorExample:
    """A picture of one to four objects in random poses before a pattern.

    Args:
      key: random key, consumed.
      models: what to choose from.
      height: image rows.
      width: image columns.
      num_detections: `N`.

    Returns:
      `IndoorExample` without noise of predictions; depth is zero behind the objects.

    Source: Multi-SPARC, section 3.4.
    """
    key_room, key_look, key_view = jax.random.split(key, 3)
    room, camera = sample_floating(key_room, models, height=height, width=width)
    look = sample_look(key_look, models, room, height=height, width=width)
    return view_room(
        key_view, models, room, look, camera, num_detections=num_detections
    )


__all__ = [
    "LEAST_SHARE",
    "LEAST_VISIBLE",
    "IndoorExample",
    "boxes_from_owner",
    "sample_pretraining",
    "sample_room",
    "sample_views",
    "view_room",
]
