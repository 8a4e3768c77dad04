"""The renderers that are timed, each as functions without arguments.

All render the same mesh with Lambert shading, and take derivatives with respect to
all vertices. `forward` and `forward_backward` return when the result is there.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmark.scenes import (
    ALBEDO,
    AMBIENT,
    DIFFUSE,
    EYE,
    FOV_DEG,
    LIGHT,
    Soup,
)
from ivg.geometry.camera import (
    Camera,
    homogeneous_px,
    look_at,
    pixel_centres,
    ray_directions,
)
from ivg.render.pipeline import render
from ivg.render.visibility import visibility
from ivg.scene.appearance import make_lights
from ivg.scene.graph import make_nodes, make_scene
from ivg.scene.library import make_library
from ivg.scene.mesh import make_mesh, vertex_normals

Timed = dict[str, Callable[[], object]]
OPTIONS = {"soft": {"num_layers": 8}, "layers": {"num_layers": 4}}


def _camera(soup: Soup) -> Camera:
    return look_at(
        EYE, (0, 0, 0), height=soup.size, width=soup.size, fov_rad=np.deg2rad(FOV_DEG)
    )


def make_picture(soup: Soup, mode: str, **options) -> tuple[Callable, jax.Array]:
    """The picture of a scene as a function of its vertices.

    Args:
      soup: scene.
      mode: of `render`; "soft" with 8 layers, "layers" with 4.
      **options: of `render`.

    Returns:
      Function `[V, 3] -> [H, W, 3]`, and the vertices.
    """
    mesh = make_mesh(soup.vertices, soup.faces)
    library = make_library({"soup": [mesh]})
    camera = _camera(soup)
    lights = make_lights(AMBIENT, [LIGHT], [[DIFFUSE] * 3])
    scene = make_scene(
        library, make_nodes([0]), camera, albedo=ALBEDO, lights=lights,
        background=(0.1, 0.1, 0.1),
    )  # fmt: skip

    def picture(vertices):
        moved = library.mesh.replace(
            vertices=vertices[None], normals=vertex_normals(vertices, mesh.faces)[None]
        )
        placed = scene.replace(library=library.replace(mesh=moved))
        return render(placed, mode=mode, **OPTIONS.get(mode, {}), **options).rgb

    return picture, mesh.vertices


def make_ivg(soup: Soup, mode: str, **options) -> Timed:
    """This library.

    Args:
      soup: scene.
      mode: of `render`; "soft" with 8 layers, "layers" with 4.
      **options: of `render`.

    Returns:
      `forward` and `forward_backward`.
    """
    picture, vertices = make_picture(soup, mode, **options)
    forward = jax.jit(picture)
    both = jax.jit(jax.value_and_grad(lambda v: jnp.sum(picture(v))))
    block = jax.block_until_ready
    return {
        "forward": lambda: block(forward(vertices)),
        "forward_backward": lambda: block(both(vertices)),
    }


def make_visibility(soup: Soup, num_layers: int = 1) -> Timed:
    """The rasterizer alone.

    Args:
      soup: scene.
      num_layers: number of layers.

    Returns:
      `visibility`.
    """
    camera = _camera(soup)
    vertices = homogeneous_px(camera, jnp.asarray(soup.vertices))
    faces, mask = jnp.asarray(soup.faces), jnp.ones(len(soup.faces), bool)

    @jax.jit
    def seen(vertices):
        return visibility(
            vertices, faces, mask, near=camera.near, height=soup.size,
            width=soup.size, num_layers=num_layers,
        )  # fmt: skip

    return {"visibility": lambda: jax.block_until_ready(seen(vertices))}


def make_embree(soup: Soup) -> Timed:
    """Embree's ray casting by trimesh: the first face at each pixel, no shading.

    Args:
      soup: scene.

    Returns:
      `visibility`.

    Raises:
      ImportError: if it is not installed.
    """
    import trimesh
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    camera = _camera(soup)
    pixels = pixel_centres(soup.size, soup.size).reshape(-1, 2)
    rays = np.asarray(ray_directions(camera, pixels), np.float64)
    origins = np.broadcast_to(np.asarray(camera.position, np.float64), rays.shape)
    caster = RayMeshIntersector(
        trimesh.Trimesh(soup.vertices, soup.faces, process=False)
    )
    return {"visibility": lambda: caster.intersects_first(origins, rays)}


def make_deodr(soup: Soup) -> Timed:
    """DEODR 0.2.3: C++ on a CPU, antialiased by edge overdraw.

    Args:
      soup: scene.

    Returns:
      `forward` and `forward_backward`.

    Raises:
      ImportError: if it is not installed.
    """
    from deodr.differentiable_renderer import Camera, Scene3D
    from deodr.triangulated_mesh import ColoredTriMesh

    view = _camera(soup)
    ahead = -np.array(EYE) / np.linalg.norm(EYE)
    right = np.cross(ahead, [0, 1, 0])
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(ahead, right), ahead])
    focal, centre = float(view.focal_px[0]), soup.size / 2
    camera = Camera(
        extrinsic=np.column_stack([turn, -turn @ np.array(EYE)]),
        intrinsic=np.array([[focal, 0, centre], [0, focal, centre], [0, 0, 1.0]]),
        width=soup.size, height=soup.size, distortion=None,
    )  # fmt: skip
    mesh = ColoredTriMesh(
        soup.faces.astype(np.uint32), soup.vertices.astype(np.float64),
        clockwise=False, nb_colors=3, compute_adjacencies=True,
    )  # fmt: skip
    mesh.set_vertices_colors(np.full((len(soup.vertices), 3), ALBEDO))
    scene = Scene3D()
    scene.set_mesh(mesh)
    scene.set_light(light_directional=-DIFFUSE * np.array(LIGHT), light_ambient=AMBIENT)
    scene.set_background_color([0.1, 0.1, 0.1])
    ones = np.ones((soup.size, soup.size, 3))

    def both():
        scene.render(camera)
        scene.clear_gradients()
        scene.render_backward(ones)

    return {"forward": lambda: scene.render(camera), "forward_backward": both}


def make_mitsuba(soup: Soup) -> Timed:
    """Mitsuba 3 on LLVM: ray-traced depth and normals, one sample a pixel.

    Args:
      soup: scene.

    Returns:
      `forward`, and `forward_backward` with the ray tree refitted.

    Raises:
      ImportError: if it is not installed or LLVM is missing.
    """
    import drjit as dr
    import mitsuba as mi

    mi.set_variant("llvm_ad_rgb")
    mesh = mi.Mesh("soup", len(soup.vertices), len(soup.faces))
    values = mi.traverse(mesh)
    values["vertex_positions"] = soup.vertices.ravel()
    values["faces"] = soup.faces.ravel().astype(np.uint32)
    values.update()
    eye = mi.ScalarTransform4f().look_at(list(EYE), [0, 0, 0], [0, 1, 0])
    film = {
        "type": "hdrfilm", "width": soup.size, "height": soup.size,
        "rfilter": {"type": "box"},
    }  # fmt: skip
    sensor = {
        "type": "perspective", "fov": FOV_DEG, "to_world": eye, "film": film,
        "sampler": {"type": "independent", "sample_count": 1},
    }  # fmt: skip
    scene = mi.load_dict({
        "type": "scene", "integrator": {"type": "aov", "aovs": "d:depth,n:sh_normal"},
        "sensor": sensor, "light": {"type": "constant"}, "soup": mesh,
    })  # fmt: skip
    params = mi.traverse(scene)
    key = next(name for name in params.keys() if "vertex_positions" in name)

    def forward():
        dr.eval(mi.render(scene, spp=1))
        dr.sync_thread()

    def both():
        dr.enable_grad(params[key])
        params.update()
        dr.backward(dr.mean(mi.render(scene, params, spp=1)))
        dr.eval(dr.grad(params[key]))
        dr.sync_thread()

    return {"forward": forward, "forward_backward": both}


__all__ = [
    "OPTIONS",
    "Timed",
    "make_deodr",
    "make_embree",
    "make_ivg",
    "make_mitsuba",
    "make_picture",
    "make_visibility",
]
