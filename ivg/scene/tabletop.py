"""LiDO's latent variables: a few objects on a table, and the scene they stand for.

The ground is the plane y = 0. The camera stands at the height `h` above the origin
and looks along -z, turned down by its elevation. Every object of the library has
its contact point at the origin of its mesh and unit size, so that its size in
metres (mug: diameter; banana, stapler: length) is its scale.

Source: Romaszko, Williams and Winn, Learning Direct Optimization for Scene
Understanding, sections 4 and 6.1. The paper leaves the field of view open: 50
degrees here.
"""

import math

import jax.numpy as jnp
from flax import struct

from ivg.geometry import rotation
from ivg.geometry.camera import FOV_RAD, Camera, make_camera, project, ray_directions
from ivg.numerics import safe_divide
from ivg.scene.appearance import Lights, make_lights
from ivg.scene.graph import Scene, make_nodes, make_scene
from ivg.scene.library import MeshLibrary, first_shape
from ivg.typing import Array, Bounds

GROUND_CLASS = "ground"
OBJECT_CLASSES = ("mug", "banana", "stapler")
SIZE_RANGE_M = {"mug": (0.07, 0.10), "banana": (0.15, 0.20), "stapler": (0.12, 0.16)}
MAX_OBJECTS = 7


@struct.dataclass
class Tabletop:
    """What there is to know about a table-top picture, with `N` places for objects.

    Attributes:
      ground_colour: `[3]` linear RGB in [0, 1].
      camera_height_m: `[]` metres above the ground, [0.05, 0.75].
      camera_elevation_rad: `[]` radians below the horizon, [0, 75 degrees].
      ambient: `[]` strength of the uniform light, [0, 1].
      directional: `[]` strength of the far light, [0, 2].
      light_azimuth_rad: `[]` radians about +y, from +z towards +x; periodic.
      light_elevation_rad: `[]` radians above the ground, [0, 90 degrees].
      class_id: `[N]` int32 index into `OBJECT_CLASSES`.
      shape: `[N]` int32 index within the class.
      position_m: `[N, 2]` metres, x and z of the contact point on the ground.
      size_m: `[N]` metres, see `SIZE_RANGE_M`.
      azimuth_rad: `[N]` radians about +y, from +z towards +x; periodic.
      colour: `[N, 3]` linear RGB in [0, 1].
      mask: `[N]` bool, False for an empty place.
    """

    ground_colour: Array
    camera_height_m: Array
    camera_elevation_rad: Array
    ambient: Array
    directional: Array
    light_azimuth_rad: Array
    light_elevation_rad: Array
    class_id: Array
    shape: Array
    position_m: Array
    size_m: Array
    azimuth_rad: Array
    colour: Array
    mask: Array


# Those that every object has for itself.
OBJECT_FIELDS = tuple(
    "class_id shape position_m size_m azimuth_rad colour mask".split()
)


def tabletop_bounds() -> Bounds:
    """The ranges of the latents (section 6.1 of the paper).

    Returns:
      `Bounds` of `Tabletop`s with scalar leaves. Angles about the vertical are
      periodic over [0, 2 pi). The paper gives no range for positions: here the
      contact points lie within 1.5 metres to the side and 2.5 metres in front of
      the camera. Sizes span those of all classes.
    """
    sizes = SIZE_RANGE_M.values()
    turn = 2 * math.pi

    def fill(position, size, elevation, height, light, angle, other=0.0):
        return Tabletop(
            ground_colour=light[2],
            camera_height_m=height,
            camera_elevation_rad=elevation,
            ambient=light[0],
            directional=light[1],
            light_azimuth_rad=angle,
            light_elevation_rad=light[3],
            class_id=other,
            shape=other,
            position_m=jnp.array(position),
            size_m=size,
            azimuth_rad=angle,
            colour=light[2],
            mask=other,
        )

    lower = fill((-1.5, -2.5), min(s[0] for s in sizes), 0.0, 0.05, (0.0,) * 4, 0.0)
    upper = fill(
        (1.5, 0.0),
        max(s[1] for s in sizes),
        math.radians(75),
        0.75,
        (1.0, 2.0, 1.0, math.pi / 2),
        turn,
    )
    periodic = fill((0.0, 0.0), False, False, False, (False,) * 4, True, False)
    return Bounds(lower, upper, periodic.replace(position_m=False))


def tabletop_camera(
    latents: Tabletop, *, height: int, width: int, fov_rad=FOV_RAD
) -> Camera:
    """The camera of a table-top.

    Args:
      latents: latents.
      height: image rows.
      width: image columns.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Camera` above the origin that looks along -z and down.
    """
    elevation = latents.camera_elevation_rad
    zero = jnp.zeros_like(elevation)
    pitch = jnp.stack([jnp.cos(elevation / 2), -jnp.sin(elevation / 2), zero, zero])
    position = jnp.stack([zero, latents.camera_height_m, zero])
    return make_camera(position, pitch, height=height, width=width, fov_rad=fov_rad)


def tabletop_lights(latents: Tabletop) -> Lights:
    """The uniform and the far light of a table-top, both white.

    Args:
      latents: latents.

    Returns:
      `Lights` with one far light.
    """
    direction = rotation.direction_from_azimuth_elevation(
        latents.light_azimuth_rad, latents.light_elevation_rad
    )
    return make_lights(
        ambient=latents.ambient,
        direction=direction,
        directional=jnp.broadcast_to(latents.directional, (3,)),
    )


def contact_points(latents: Tabletop) -> Array:
    """Where the objects stand.

    Args:
      latents: latents.

    Returns:
      `[N, 3]` metres, in the world.
    """
    x, z = latents.position_m[:, 0], latents.position_m[:, 1]
    return jnp.stack([x, jnp.zeros_like(x), z], -1)


def contact_px(latents: Tabletop, camera: Camera) -> tuple[Array, Array]:
    """Where the contact points appear.

    Args:
      latents: latents.
      camera: camera, usually `tabletop_camera(latents)`.

    Returns:
      `[N, 2]` pixels and `[N]` depth in metres.
    """
    return project(camera, contact_points(latents))


def seen_objects(latents: Tabletop, camera: Camera) -> tuple[Array, Array]:
    """Where the objects appear, and how large.

    Args:
      latents: latents.
      camera: camera, usually `tabletop_camera(latents)`.

    Returns:
      `[N, 2]` pixels of the contact points, and `[N]` focal length times size over
      depth, pixels.
    """
    pixels, depth = contact_px(latents, camera)
    return pixels, camera.focal_px[1] * safe_divide(latents.size_m, depth)


def ground_position(latents: Tabletop, rays: Array) -> Array:
    """Where lines of sight meet the ground.

    Args:
      latents: latents, of which the height of the camera counts.
      rays: `[..., 3]` directions from the camera. Those whose y is above -0.001 are
        taken as if it were that, without gradient.

    Returns:
      `[..., 2]` x and z in metres.
    """
    reach = latents.camera_height_m / jnp.maximum(-rays[..., 1], 1e-3)
    return reach[..., None] * rays[..., jnp.array([0, 2])]


def place_objects(
    latents: Tabletop, pixels: Array, apparent: Array, fov_rad=FOV_RAD
) -> Tabletop:
    """The table with its objects where and as large as they appear.

    Args:
      latents: latents of `N` places; the camera sees the objects.
      pixels: `[N, 2]` contact points, in a picture one pixel wide.
      apparent: `[N]` focal length times size over depth, in that picture.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Tabletop`. Contact points that would be farther than the range of positions
      come nearer along their lines of sight; sizes have no limits. Empty places stay.
    """
    camera = tabletop_camera(latents, height=1, width=1, fov_rad=fov_rad)
    bounds = tabletop_bounds()
    ground = ground_position(latents, ray_directions(camera, pixels))
    # Along the line of sight into the range, not across it.
    excess = jnp.maximum(ground[:, 1] / bounds.lower.position_m[1], 1)
    ground = ground / excess[:, None]
    ground = jnp.clip(ground, bounds.lower.position_m, bounds.upper.position_m)
    mask = latents.mask
    table = latents.replace(
        position_m=jnp.where(mask[:, None], ground, latents.position_m)
    )
    _, depth = contact_px(table, camera)
    size = apparent * depth / camera.focal_px[1]
    return table.replace(size_m=jnp.where(mask, size, latents.size_m))


def carry_objects(seen: Tabletop, latents: Tabletop, fov_rad=FOV_RAD) -> Tabletop:
    """The objects of one table before the camera of another, where they appear alike.

    Args:
      seen: latents of `N` places.
      latents: latents of as many places, whose camera looks now.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `latents` with the objects of `seen`, whose contact points and apparent sizes are
      those that the camera of `seen` saw.
    """
    camera = tabletop_camera(seen, height=1, width=1, fov_rad=fov_rad)
    pixels, apparent = seen_objects(seen, camera)
    moved = latents.replace(**{name: getattr(seen, name) for name in OBJECT_FIELDS})
    return place_objects(moved, pixels, apparent, fov_rad)


def scene_from_tabletop(
    latents: Tabletop,
    library: MeshLibrary,
    *,
    height: int = 256,
    width: int = 256,
    fov_rad=FOV_RAD,
    background=(0.0, 0.0, 0.0),
) -> Scene:
    """The scene that latents describe.

    Args:
      latents: latents with `N` places.
      library: shapes of `OBJECT_CLASSES` at unit size and of the class `ground`,
        as made by `tabletop_library`.
      height: image rows.
      width: image columns.
      fov_rad: `[]` vertical field of view, radians.
      background: `[3]` linear RGB beyond the ground.

    Returns:
      `Scene` whose node 0 is the ground and node `1 + i` is object `i`.
      Differentiable in every float latent.
    """
    classes = jnp.array(
        [library.class_names.index(name) for name in OBJECT_CLASSES], jnp.int32
    )
    ground = jnp.array([library.class_names.index(GROUND_CLASS)], jnp.int32)
    object_shape = first_shape(library, classes[latents.class_id]) + latents.shape
    turn = jnp.stack(
        [rotation.quaternion_from_azimuth(a) for a in (0.0, *latents.azimuth_rad)]
    )
    nodes = make_nodes(
        jnp.concatenate([first_shape(library, ground), object_shape]),
        position=jnp.concatenate([jnp.zeros((1, 3)), contact_points(latents)]),
        quaternion=turn,
        scale=jnp.concatenate([jnp.ones(1), latents.size_m])[:, None],
        mask=jnp.concatenate([jnp.ones(1, bool), latents.mask]),
    )
    return make_scene(
        library,
        nodes,
        tabletop_camera(latents, height=height, width=width, fov_rad=fov_rad),
        albedo=jnp.concatenate([latents.ground_colour[None], latents.colour]),
        lights=tabletop_lights(latents),
        background=background,
    )


__all__ = [
    "GROUND_CLASS",
    "MAX_OBJECTS",
    "OBJECT_CLASSES",
    "OBJECT_FIELDS",
    "SIZE_RANGE_M",
    "Tabletop",
    "carry_objects",
    "contact_points",
    "contact_px",
    "ground_position",
    "place_objects",
    "scene_from_tabletop",
    "seen_objects",
    "tabletop_bounds",
    "tabletop_camera",
    "tabletop_lights",
]
