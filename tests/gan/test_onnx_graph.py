"""Functions of tensors as ONNX models: what ONNX Runtime computes is what torch computes."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganbench.gan.backend import start_onnx

IMAGES, ROWS, LABELS = torch.randn(2, 4, 6, 6), torch.randn(3, 8), torch.tensor([2, 0, 1])
TABLE = torch.randn(5, 7)


def seeded(module):
    torch.manual_seed(0)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape) + 0.1)
    return module.eval()


def halves(x):
    """Parts of a tensor, by several ways."""
    a, b = x.chunk(2, 1)
    c, d = x.split([5, 3], 1)
    return torch.cat([b, d, x[:, 1:7:2], x[:, -1:], a, c, x[:, 3, None]], 1)


def looped(x):
    """A loop and a condition that do not depend on numbers."""
    for k in range(3):
        x = x.lerp(x.square(), 0.1 * k) if k else x * 2 - 1
    return x


FUNCTIONS = {
    "numbers": (lambda x: (1 - x).exp() / (2 + x.sin() * x.cos()) + x.square().add(1e-3).rsqrt(), ROWS),
    "activations": (lambda x: F.gelu(x) + F.gelu(x, approximate="tanh") + F.silu(x) + x.sigmoid() + F.relu6(3 * x)
                    + F.leaky_relu(x, 0.2) + x.softmax(1), ROWS),
    "more activations": (lambda x: F.elu(x, 0.7) + F.selu(x) + F.celu(x, 2.0) + F.mish(x) + F.softplus(x)
                         + F.hardswish(4 * x) + F.hardsigmoid(4 * x) + F.prelu(x, torch.linspace(0.1, 0.8, 8)), ROWS),
    "sums": (lambda x: x.mean((2, 3)) + x.sum((2, 3)) + x.mean((2, 3), keepdim=True).flatten(1), IMAGES),
    "in place": (lambda x: F.relu((x + 1).mul(2), inplace=True), ROWS),
    "parts": (halves, ROWS),
    "loop": (looped, ROWS),
    "shapes": (lambda x: x.transpose(1, 2).unflatten(2, (2, 2))[:, None].expand(-1, 3, -1, -1, -1, -1).permute(
        0, 1, 5, 4, 3, 2).flatten(1).squeeze(), IMAGES),
    "rows": (lambda i: TABLE[i] + F.embedding(i, TABLE), LABELS),
    "products": (lambda x: x.mT @ (x @ x) + x, torch.randn(2, 5, 5)),
    "constants": (lambda x: x @ TABLE.square().sum(0).outer(torch.ones(3)).T.repeat(1, 2)[:, :8].T, ROWS),
    "linear": (seeded(nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 3, bias=False))), ROWS),
    "linear of several axes": (seeded(nn.Linear(6, 4)), IMAGES),
    "few channels": (seeded(nn.Conv2d(4, 3, (3, 5), padding=(1, 0))), IMAGES),
    "many channels": (seeded(nn.Conv2d(4, 10, 3, stride=2, dilation=2, groups=2, padding=2, bias=False)), IMAGES),
    "transposed": (seeded(nn.Sequential(nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, bias=False), nn.BatchNorm2d(6))), IMAGES),
    "norms": (seeded(nn.Sequential(
        nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True), nn.LayerNorm([6, 6]),
        nn.LayerNorm(6, elementwise_affine=False), nn.GroupNorm(1, 4, affine=False))), IMAGES),
    "margins": (nn.Sequential(nn.ReflectionPad2d((1, 2, 0, 3)), nn.ReplicationPad2d(2)), IMAGES),
    "pools": (nn.Sequential(nn.ZeroPad2d((1, 0, 2, 1)), nn.MaxPool2d(3, 1, 1),
                            nn.AvgPool2d(2, 2, 1, count_include_pad=False)), IMAGES),
    "sizes": (lambda x: F.interpolate(F.interpolate(x, scale_factor=2), scale_factor=2, mode="bilinear"), IMAGES),
    "pixels": (lambda x: F.pixel_unshuffle(F.pixel_shuffle(x, 2).repeat_interleave(1, 1).tanh(), 3), IMAGES),
    "pixels of colours": (lambda x: F.pixel_unshuffle(x, 2), IMAGES),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x[..., :4, :].tanh(), x[..., 1:5, :], scale=0.3), IMAGES),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_onnx_runtime_computes_what_torch_computes(name):
    function, example = FUNCTIONS[name]
    run = start_onnx(function, [example])
    other = example if example.dtype == torch.int64 else example.flip(0) * 0.7
    for given in (example, other):
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(run(given)[0]), function(given), atol=1e-5, rtol=1e-5)


def test_several_inputs_and_outputs_keep_their_order():
    run = start_onnx(lambda x, i: (TABLE[i], x + 1), [ROWS, LABELS])
    table, more = run(ROWS, LABELS)
    assert (torch.from_numpy(table) == TABLE[LABELS]).all()
    assert (torch.from_numpy(more) == ROWS + 1).all()


def test_weights_that_change_later_are_not_seen():
    weight = torch.ones(8)
    run = start_onnx(lambda x: x * weight, [ROWS])
    weight.zero_()
    assert (torch.from_numpy(run(ROWS)[0]) == ROWS).all()


@pytest.mark.parametrize("function", [
    torch.sinh, lambda x: x if x.sum() > 0 else -x, lambda x: x * x.max().item(), lambda x: x**3,
    lambda x: x[:, :4].relu_() + x[:, :4], lambda x: torch.add(x, x, alpha=2), lambda x: x.double(),
    lambda x: F.batch_norm(x, None, None, training=True), lambda x: x[[0, 1], [0, 1]],
], ids=range(9))
def test_what_has_no_onnx_form_is_named(function):
    with pytest.raises(NotImplementedError, match="No ONNX form is known"):
        start_onnx(function, [ROWS])


@pytest.mark.parametrize("function", [
    lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
    lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    lambda x: F.max_pool2d(x, 2, return_indices=True)[1] + x[:, :, :3, :3],
], ids=range(3))
def test_what_has_no_onnx_form_of_images_is_named(function):
    with pytest.raises(NotImplementedError, match="No ONNX form is known"):
        start_onnx(function, [IMAGES])
