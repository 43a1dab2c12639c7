"""DCGANs as they are found: written here as plain PyTorch, loaded by what their shapes say."""

import pytest
import torch
from torch import nn

from ganbench.gan.generators.dcgan import DCGAN, Discriminator, arguments_of, initialise, side_of, tutorial_layers
from ganbench.gan.models.weights import make_family
from tests.refusals import refused


def tutorial():
    """PyTorch's, 64x64."""
    def up(a, b):
        return [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)]
    return [nn.ConvTranspose2d(10, 32, 4, 1, 0, bias=False), *up(32, 16), *up(16, 8), *up(8, 4), *up(4, 3), nn.Tanh()]


def digits():
    """28x28: 1, 4, 7, 14, 28 pixels; biases; widths that are no multiples; LeakyReLU."""
    return [
        nn.ConvTranspose2d(7, 24, 4, 1, 0), nn.BatchNorm2d(24), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(24, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(12, 10, 4, 2, 1), nn.BatchNorm2d(10), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(10, 1, 4, 2, 1), nn.Tanh(),
    ]


def seven():
    """28x28 from 7x7, kernels of 5 with an output padding; no normalisation; images in [0, 1]."""
    return [
        nn.ConvTranspose2d(6, 8, 7, 1, 0, bias=False), nn.ReLU(),
        nn.ConvTranspose2d(8, 4, 5, 2, 2, 1, bias=False), nn.ReLU(),
        nn.ConvTranspose2d(4, 1, 5, 2, 2, 1, bias=False), nn.Sigmoid(),
    ]


def nearest():
    """32x32, nearest pixels and convolutions, instance normalisation."""
    return [
        nn.ConvTranspose2d(5, 16, 4, 1, 0, bias=False), nn.InstanceNorm2d(16, affine=True), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(16, 8, 3, 1, 1, bias=False), nn.InstanceNorm2d(8, affine=True),
        nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(8, 4, 3, 1, 1, bias=False),
        nn.InstanceNorm2d(4, affine=True), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(4, 3, 3, 1, 1, bias=False), nn.Tanh(),
    ]


def nearest_plain():
    return [
        nn.ConvTranspose2d(5, 8, 4, 1, 0), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(8, 4, 5, 1, 2), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(4, 3, 5, 1, 2), nn.Tanh(),
    ]


# The layers, what their shapes tell, and what the user has to say
FOUND = {
    "tutorial": (tutorial, {"z_dim": 10, "width": 4, "resolution": 64, "channels": 3}, {}),
    "digits": (digits, {"z_dim": 7, "width": 10, "resolution": 28, "channels": 1, "widths": [24, 12, 10], "bias": True,
                        "layers": [[4, 1, 0], [3, 2, 1], [4, 2, 1], [4, 2, 1]]}, {"slope": 0.2}),
    "seven": (seven, {"z_dim": 6, "width": 4, "resolution": 28, "channels": 1, "norm": "none",
                      "layers": [[7, 1, 0], [5, 2, 2, 1], [5, 2, 2, 1]]}, {"output": "sigmoid"}),
    "nearest": (nearest, {"z_dim": 5, "width": 4, "resolution": 32, "channels": 3, "norm": "instance",
                          "upsampling": "nearest"}, {}),
    "nearest plain": (nearest_plain, {"z_dim": 5, "width": 4, "resolution": 16, "channels": 3, "norm": "none",
                                      "bias": True, "upsampling": "nearest",
                                      "layers": [[4, 1, 0], [5, 1, 2], [5, 1, 2]]}, {"widths": [8, 4]}),
}


def model_of(layers):
    """A module with weights of all kinds at random, statistics of normalisation too."""
    model = nn.Module()
    model.main = nn.Sequential(*layers)
    random = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=random) + 0.5 if "running_var" in name
                        else 0.3 * torch.randn(value.shape, generator=random))
    return model.eval()


@pytest.mark.parametrize("name", FOUND)
def test_a_dcgan_from_elsewhere_draws_the_same_images_here(name):
    layers, told, said = FOUND[name]
    theirs = model_of(layers())
    assert arguments_of(theirs.state_dict()) == told
    ours = make_family("dcgan", told | said).eval()
    ours.load_state_dict(theirs.state_dict())
    z = ours.draws(range(3), 0)
    with torch.no_grad():
        expected = theirs.main(z[:, :, None, None])
        assert torch.equal(ours.sample(z), expected)
    assert expected.shape[1:] == (told["channels"], told["resolution"], told["resolution"])
    low, high = ours.output_range
    assert low <= expected.min() < expected.max() <= high


@pytest.mark.parametrize("resolution", [4, 8, 16, 32, 64, 128])
@pytest.mark.parametrize("upsampling", ["deconvolution", "nearest"])
def test_sizes_are_those_that_the_layers_make(resolution, upsampling):
    layers = tutorial_layers(resolution, upsampling)
    assert side_of(layers, upsampling) == resolution
    if len(layers) > 1:
        model = DCGAN(3, 2, resolution, 1, upsampling=upsampling)
        assert model(torch.zeros(2, 3)).shape == (2, 1, resolution, resolution)


def test_a_discriminators_weights_are_not_taken_for_a_generators():
    assert arguments_of(Discriminator(4, 32, 3).state_dict()) == {}
    assert arguments_of({"main.0.weight": torch.zeros(3, 4, 4, 4), "main.1.weight": torch.zeros(4)}) == {}


@pytest.mark.parametrize(("arguments", "said"), [
    ({"resolution": 48}, ("unfit-value", "the layers", "make 32 x 32 pixels, expected resolution = 48")),
    ({"layers": [[4, 1, 0], [3, 2, 1]], "resolution": 8},
     ("unfit-value", "make 7 x 7 pixels, expected resolution = 8")),
    ({"widths": [4, 2]}, ("unfit-value", "5 layers have 4 widths between them, got 2")),
    ({"norm": "layer"}, ("unfit-value", "norm is 'layer', expected one of batch, instance, none")),
    ({"upsampling": "bicubic"}, ("unfit-value", "upsampling is 'bicubic', expected one of deconvolution, nearest")),
    ({"output": "relu"}, ("unfit-value", "output is 'relu', expected one of tanh, sigmoid, none")),
])
def test_arguments_that_cannot_be_are_sentences(arguments, said):
    with refused(*said):
        make_family("dcgan", arguments)


def test_the_laws_of_the_latents_hold_in_training_and_sampling():
    for latent, low, spread in (("normal", -10, 1), ("uniform", -1, 3**-0.5)):
        model = DCGAN(50, 2, 8, 1, latent=latent)
        for z in (model.draws(range(200), 0), model.training_draws(200, torch.Generator().manual_seed(0))):
            assert z.shape == (200, 50)
            assert z.min() >= low
            assert z.std().item() == pytest.approx(spread, rel=0.05)


def test_the_first_weights_are_the_generators_and_have_the_papers_spread():
    once, again = DCGAN(64, 16, 16, 3), DCGAN(64, 16, 16, 3)
    for network in (once, again):
        initialise(network, torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), again.parameters(), strict=True))
    assert once.main[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert once.main[1].weight.mean().item() == pytest.approx(1, abs=0.02)
