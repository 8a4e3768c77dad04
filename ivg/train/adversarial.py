"""Training of a generator against a critic that is trained beside it.

The critic is to be steep by one everywhere between what it tells apart (WGAN-GP): the
difference of its means is then the least distance by which one distribution is carried
into the other.

Source: Gulrajani et al., Improved Training of Wasserstein GANs, 2017.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from ivg.train.loop import TrainState
from ivg.typing import Array, PyTree

CriticLoss = Callable[
    [PyTree, PyTree, PyTree, Array], tuple[Array, Mapping[str, Array]]
]
GeneratorLoss = Callable[[PyTree, PyTree, PyTree, Array], tuple[Array, Array]]
_EPSILON = 1e-10  # added to squares, for the root has no gradient at zero


def interpolate(key: Array, first: PyTree, second: PyTree) -> PyTree:
    """Points on the lines between two batches.

    Args:
      key: random key, consumed.
      first: pytree of `[B, ...]`.
      second: of the same structure and shapes.

    Returns:
      The same structure; all leaves of a sample lie at the same share of the way.
    """
    leaves = jax.tree.leaves(first)
    share = jax.random.uniform(key, leaves[0].shape[:1])

    def between(a, b):
        t = share.reshape(-1, *[1] * (a.ndim - 1))
        return a + t * (b - a)

    return jax.tree.map(between, first, second)


def gradient_penalty(critic: Callable[[PyTree], Array], points: PyTree) -> Array:
    """How far the steepness of a critic is from one.

    Args:
      critic: from a pytree of `[B, ...]` to `[B]`, each of its own sample alone.
      points: where to look.

    Returns:
      `[]` mean of `(|gradient| - 1)^2`, with the norm over all leaves of a sample
      together. Its gradient is finite where the critic is flat.
    """
    slopes = jax.grad(lambda at: jnp.sum(critic(at)))(points)
    square = sum(
        jnp.sum(leaf**2, tuple(range(1, leaf.ndim))) for leaf in jax.tree.leaves(slopes)
    )
    return jnp.mean((jnp.sqrt(square + _EPSILON) - 1) ** 2)


def make_adversarial_trainer(
    critic_loss: CriticLoss,
    generator_loss: GeneratorLoss,
    batch: Callable[[Array, PyTree], PyTree],
    optimizers: Mapping[str, optax.GradientTransformation],
    critic_steps: int,
    *,
    seed: int = 0,
) -> tuple[Callable, Callable]:
    """Makes the two functions of a training run, for `ivg.train.loop.train`.

    A step is `critic_steps` of the critic, each with a batch of its own, and one of the
    generator.

    Args:
      critic_loss: `(critic, generator, batch, key) -> [], kept`; `kept` holds entries
        of `critic` (a dictionary, then) that are not learned, such as running means,
        and replace those before. It is empty if there are none.
      generator_loss: `(generator, critic, batch, key) -> [], shown`; `shown` `[]` is
        what the losses of the run are made of.
      batch: `(key, data) -> batch`, a random one.
      optimizers: of "critic" and "generator".
      critic_steps: of the critic for each of the generator.
      seed: of batches and losses.

    Returns:
      `start(params) -> TrainState` for parameters of "critic" and "generator", and
      `advance(state, data, num) -> (state, shown [num])` which makes `num` (static)
      steps in one compiled loop.
    """

    def start(params):
        states = {name: optimizers[name].init(own) for name, own in params.items()}
        return TrainState(params, states, jnp.zeros((), jnp.int32))

    def step_of(name, loss, params, states, data, key):
        """One step of either, given that of the other."""
        own, other = params[name], params[_OTHER[name]]
        keys = jax.random.split(key)
        run = jax.value_and_grad(loss, has_aux=True)
        (_, beside), slope = run(own, other, batch(keys[0], data), keys[1])
        change, state = optimizers[name].update(slope, states[name], own)
        own = optax.apply_updates(own, change)
        return params | {name: own}, states | {name: state}, beside

    def one(state, data):
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        last, *keys = jax.random.split(key, 1 + critic_steps)

        def teach(carry, key):
            params, states = carry
            params, states, kept = step_of(
                "critic", critic_loss, params, states, data, key
            )
            if kept:
                params = params | {"critic": {**params["critic"], **kept}}
            return (params, states), None

        carry = (state.params, state.optimizer)
        carry, _ = jax.lax.scan(teach, carry, jnp.stack(keys))
        params, states, shown = step_of("generator", generator_loss, *carry, data, last)
        return TrainState(params, states, state.step + 1), shown

    @jax.jit(static_argnums=2)
    def advance(state, data, num):
        return jax.lax.scan(lambda s, _: one(s, data), state, length=num)

    return start, advance


_OTHER = {"critic": "generator", "generator": "critic"}

__all__ = [
    "CriticLoss",
    "GeneratorLoss",
    "gradient_penalty",
    "interpolate",
    "make_adversarial_trainer",
]
