"""Makes docs/gallery.md: every mode of the renderer, the code beside its picture.

python tools/make_gallery.py
"""

import inspect
import pathlib
import textwrap

import jax
import jax.numpy as jnp
import numpy as np

from ivg.geometry.camera import look_at
from ivg.io.atomic import write_atomic
from ivg.render.harmonics import environment_from_lights
from ivg.render.pipeline import render
from ivg.render.shading import irradiance, lambert, normal_colours, phong
from ivg.render.shadow import make_shadow_maps, shadowed
from ivg.render.surfel import render_surfels
from ivg.scene.appearance import make_lights, make_material
from ivg.scene.graph import Scene
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import Tabletop, scene_from_tabletop
from ivg.viz.picture import png_bytes

DOCS = pathlib.Path(__file__).parents[1] / "docs"
SIZE = 256
HEAD = """# Gallery

Every picture was made by the code beside it (`python tools/make_gallery.py`), from
one `scene`: a mug, a banana and a stapler on the ground. All of them are
differentiable in every float of the scene.
"""


def make_scene() -> Scene:
    """A mug, a banana and a stapler."""
    latents = Tabletop(
        ground_colour=jnp.array([0.6, 0.55, 0.5]),
        camera_height_m=jnp.array(0.35),
        camera_elevation_rad=jnp.array(0.6),
        ambient=jnp.array(0.3),
        directional=jnp.array(0.8),
        light_azimuth_rad=jnp.array(-1.0),
        light_elevation_rad=jnp.array(0.8),
        class_id=jnp.array([0, 1, 2]),
        shape=jnp.array([1, 0, 0]),
        position_m=jnp.array([[-0.1, -0.5], [0.1, -0.52], [0.02, -0.38]]),
        size_m=jnp.array([0.09, 0.18, 0.14]),
        azimuth_rad=jnp.array([1.0, 2.0, 0.5]),
        colour=jnp.array([[0.7, 0.2, 0.2], [0.8, 0.7, 0.1], [0.2, 0.3, 0.7]]),
        mask=jnp.ones(3, bool),
    )
    camera = look_at((0.15, 0.24, -0.12), (0.01, 0.03, -0.48), height=SIZE, width=SIZE)
    scene = scene_from_tabletop(latents, tabletop_library(), height=SIZE, width=SIZE)
    return scene.replace(camera=camera)


def antialiased(scene):
    """Sharp, with gradients at edges: the default"""
    return render(scene).rgb


def hard(scene):
    """Hard: samples at the pixel centres"""
    return render(scene, mode="hard").rgb


def soft(scene):
    """Soft: outlines blurred by sigma, depth by gamma (SoftRas)"""
    return render(scene, mode="soft", num_layers=16, sigma=1e-4, gamma=1e-4).rgb


def layers(scene):
    """Layers: what is behind shines through (tau is traced; zero is hard)"""
    return render(scene, mode="layers", num_layers=4, tau=0.02, far=5.0).rgb


def surfels(scene):
    """Surfels: any depth map, here a rendered one, lit by two point lights"""
    seen = render(scene, mode="hard")
    lights = make_lights(
        0.1, position=[[0.3, 0.4, -0.3], [-0.5, 0.5, -0.3]], point=[[0.15] * 3] * 2
    )
    return render_surfels(seen.depth, jnp.full((3,), 0.8), scene.camera, lights)[0]


def highlights(scene):
    """Phong"""
    material = make_material(4, scene.material.albedo, specular=0.5, shininess=60.0)
    return render(scene.replace(material=material), shader=phong).rgb


def environment(scene):
    """Light from around: nine spherical harmonics per channel"""
    sky = environment_from_lights(
        jnp.array([[0, 1.0, 0], [-0.9, 0.3, 0.3], [0.9, 0.2, 0.4]]),
        jnp.array([[0.4, 0.6, 1.0], [1.0, 0.5, 0.2], [0.1, 0.1, 0.3]]),
    )
    lights = make_lights(0.05, environment=sky)
    return render(scene.replace(lights=lights)).rgb


def textures(scene):
    """Textures: mip-mapped, one per node or none"""
    squares = np.kron(np.indices((4, 4)).sum(0) % 2, np.ones((16, 16)))
    board = jnp.asarray(0.35 + 0.45 * squares[..., None] * np.ones(3), jnp.float32)
    material = make_material(
        4, scene.material.albedo, textures=board[None], texture_id=[0, 0, -1, -1],
        texture_scale=[[500.0, 500.0], [2, 2], [1, 1], [1, 1]],
    )  # fmt: skip
    return render(scene.replace(material=material)).rgb


def shadows(scene):
    """Shadows of two lights, whose edges have gradients"""
    scene = scene.replace(
        lights=make_lights(
            0.15,
            scene.lights.direction,
            [[0.5] * 3],
            [[0.25, 0.35, -0.45]],
            [[0.06, 0.05, 0.03]],
        )  # fmt: skip
    )
    maps = make_shadow_maps(scene, casters=jnp.arange(4) > 0, softness=1.5)
    return render(scene, shader=shadowed(lambert, maps)).rgb


def toon(scene):
    """A shader of your own"""

    def shader(surface, lights):
        return surface.albedo * jnp.ceil(irradiance(surface, lights) * 3) / 3

    return render(scene, shader=shader).rgb


def normals(scene):
    """Buffers: normals, depth, indices and barycentrics come with every picture"""
    return render(scene, shader=normal_colours).rgb


ENTRIES = (
    antialiased, hard, soft, layers, surfels, highlights, environment, textures,
    shadows, toon, normals,
)  # fmt: skip


def entry(function) -> str:
    """Title, picture and code of one entry."""
    lines = inspect.getsource(function).splitlines()[2:]
    code = textwrap.dedent("\n".join(lines)).replace("  # fmt: skip", "").strip()
    title = inspect.getdoc(function)
    picture = f"![{title}](images/gallery/{function.__name__}.png)"
    return f"## {title}\n\n{picture}\n\n```python\n{code}\n```\n"


def main() -> None:
    scene = make_scene()
    folder = DOCS / "images" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    for function in ENTRIES:
        picture = np.clip(jax.jit(function)(scene), 0, 1)
        write_atomic(folder / f"{function.__name__}.png", png_bytes(picture))
    page = "\n".join([HEAD, *map(entry, ENTRIES)])
    write_atomic(DOCS / "gallery.md", page)


if __name__ == "__main__":
    main()
