"""The convolution's gradient in closed form, next to sums and to plain operations."""

import pytest
import torch

from ssmlib.layers.convolution import causal, convolved, silent


def inputs(B, L, dtype):
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(B, 3, L, generator=generator, dtype=dtype)
    K = torch.randn(3, L, generator=generator, dtype=dtype)
    return u.requires_grad_(), K.requires_grad_()


def summed(u, K):
    """The definition, one delay after another."""
    L = u.shape[-1]
    shifted = [torch.nn.functional.pad(u, (k, 0))[..., :L] for k in range(L)]
    return sum(K[:, k : k + 1] * shifted[k] for k in range(L))


def distance(found, expected):
    return float(
        (found - expected).detach().abs().max() / expected.detach().abs().max()
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("B", "L"), [(1, 1), (1, 2), (3, 7), (2, 64), (4, 101)])
def test_value_and_gradient_are_those_of_the_sum(B, L, dtype):
    u, K = inputs(B, L, dtype)
    G = torch.randn(B, 3, L, generator=torch.Generator().manual_seed(1)).to(dtype)
    y, expected = causal(u, K), summed(u, K)
    # A transform's rounding is relative to the largest value; it was up to 4 eps.
    bound = 20 * torch.finfo(dtype).eps
    assert distance(y, expected) < bound
    found = torch.autograd.grad(y, (u, K), G)
    for one, other in zip(found, torch.autograd.grad(expected, (u, K), G), strict=True):
        assert distance(one, other) < bound


def test_one_gradient_at_a_time():
    u, K = inputs(2, 9, torch.float64)
    both = torch.autograd.grad(causal(u, K).square().sum(), (u, K))
    (alone,) = torch.autograd.grad(causal(u.detach(), K).square().sum(), K)
    assert torch.equal(alone, both[1])
    (alone,) = torch.autograd.grad(causal(u, K.detach()).square().sum(), u)
    assert torch.equal(alone, both[0])


def test_higher_derivatives_are_those_of_differences():
    u, K = inputs(2, 5, torch.float64)
    assert torch.autograd.gradcheck(causal, (u, K))
    assert torch.autograd.gradgradcheck(causal, (u, K))


def test_transforms_are_those_of_plain_operations():
    u, K = (x.detach() for x in inputs(2, 8, torch.float64))

    def loss(kernel):
        return lambda u, K: kernel(u, K).cos().sum()

    plain = loss(lambda u, K: convolved(u, K, 16))
    for transform in (torch.func.grad, torch.func.hessian):
        found, expected = transform(loss(causal))(u, K), transform(plain)(u, K)
        assert torch.allclose(found, expected, atol=1e-12)  # rounding
    mapped = torch.func.vmap(causal, (0, None))(u.unsqueeze(1), K)
    assert torch.allclose(mapped.squeeze(1), convolved(u, K, 16), atol=1e-12)


def test_a_sequence_is_silent_until_its_first_value():
    u = torch.tensor([[0.0, 0.0, 1.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.0] * 4])
    assert silent(u).tolist() == [[True, True, False, False], [False] * 4, [True] * 4]
