"""Networks and checkpoints in the manner of public repositories, tiny, by plain torch: nothing here knows ganbench.

The factories below the networks are what a user writes after `ganbench inspect`.
"""

import torch
from torch import nn
from torch.nn import functional as F


class MLP(nn.Module):
    """PyTorch-GAN's gan.py: linear layers with BatchNorm, and pictures from a view."""

    def __init__(self, z=100):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(z, 16), nn.LeakyReLU(0.2), nn.Linear(16, 24), nn.BatchNorm1d(24, 0.8), nn.LeakyReLU(0.2),
            nn.Linear(24, 784), nn.Tanh())

    def forward(self, z):
        return self.model(z).view(-1, 1, 28, 28)


class FlatMLP(nn.Module):
    """A tutorial's: no BatchNorm, and rows."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, 16), nn.Linear(16, 784)

    def forward(self, z):
        return torch.sigmoid(self.fc2(F.relu(self.fc1(z))))


class LinearDCGAN(nn.Module):
    """PyTorch-GAN's dcgan.py: a linear head, then upsampling; `stats`: whether BatchNorm keeps running statistics."""

    def __init__(self, stats=True, classes=0):
        super().__init__()
        self.label_emb = nn.Embedding(classes, 100) if classes else None
        self.l1 = nn.Sequential(nn.Linear(100, 16 * 8 * 8))
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(16, track_running_stats=stats), nn.Upsample(scale_factor=2), nn.Conv2d(16, 16, 3, 1, 1),
            nn.BatchNorm2d(16, 0.8, track_running_stats=stats), nn.LeakyReLU(0.2), nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 8, 3, 1, 1), nn.BatchNorm2d(8, 0.8, track_running_stats=stats), nn.LeakyReLU(0.2),
            nn.Conv2d(8, 1, 3, 1, 1), nn.Tanh())

    def forward(self, z, labels=None):
        z = z * self.label_emb(labels) if self.label_emb else z
        return self.conv_blocks(self.l1(z).view(-1, 16, 8, 8))


class ConditionalMLP(nn.Module):
    """PyTorch-GAN's cgan.py: a label's embedding beside z."""

    def __init__(self):
        super().__init__()
        self.label_emb = nn.Embedding(10, 10)
        self.model = nn.Sequential(nn.Linear(110, 16), nn.LeakyReLU(0.2), nn.Linear(16, 24), nn.BatchNorm1d(24, 0.8),
                                   nn.LeakyReLU(0.2), nn.Linear(24, 1024), nn.Tanh())

    def forward(self, noise, labels):
        return self.model(torch.cat((self.label_emb(labels), noise), -1)).view(-1, 1, 32, 32)


class OneHotMLP(nn.Module):
    """A one-hot class beside z."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(110, 16), nn.Linear(16, 784)

    def forward(self, z, labels):
        return torch.tanh(self.fc2(F.relu(self.fc1(torch.cat([z, F.one_hot(labels, 10).float()], 1)))))


class TwoHeads(nn.Module):
    """A conditional DCGAN whose class enters by a transposed convolution of its own."""

    def __init__(self):
        super().__init__()
        self.deconv1_1, self.deconv1_1_bn = nn.ConvTranspose2d(100, 8, 4), nn.BatchNorm2d(8)
        self.deconv1_2, self.deconv1_2_bn = nn.ConvTranspose2d(10, 8, 4), nn.BatchNorm2d(8)
        self.deconv2, self.deconv2_bn = nn.ConvTranspose2d(16, 6, 4, 2, 1), nn.BatchNorm2d(6)
        self.deconv3 = nn.ConvTranspose2d(6, 1, 4, 2, 1)

    def forward(self, z, labels):
        hot = F.one_hot(labels, 10).float()[:, :, None, None]
        x = torch.cat([self.deconv1_1_bn(self.deconv1_1(z)), self.deconv1_2_bn(self.deconv1_2(hot))], 1)
        return torch.tanh(self.deconv3(F.relu(self.deconv2_bn(self.deconv2(F.relu(x))))))


class ConditionalNorm(nn.Module):
    """Classes in every BatchNorm: an embedding of gains and biases for each."""

    def __init__(self, width, classes=10):
        super().__init__()
        self.bn, self.embed = nn.BatchNorm2d(width, affine=False), nn.Embedding(classes, 2 * width)

    def forward(self, x, y):
        gain, bias = self.embed(y)[:, :, None, None].chunk(2, 1)
        return gain * self.bn(x) + bias


class ConditionalBN(nn.Module):
    def __init__(self, wrap=lambda layer: layer):
        super().__init__()
        self.linear = wrap(nn.Linear(40, 8 * 16))
        self.cbn1, self.conv1 = ConditionalNorm(8), wrap(nn.Conv2d(8, 6, 3, 1, 1))
        self.cbn2, self.conv2 = ConditionalNorm(6), wrap(nn.Conv2d(6, 3, 3, 1, 1))

    def forward(self, z, y):
        x = F.relu(self.cbn1(self.linear(z).view(-1, 8, 4, 4), y))
        x = self.conv1(F.interpolate(x, scale_factor=2))
        return torch.tanh(self.conv2(F.interpolate(F.relu(self.cbn2(x, y)), scale_factor=2)))


class TutorialDCGAN(nn.Module):
    """pytorch/examples' dcgan, at 32 pixels."""

    def __init__(self, nz=100, ngf=4, nc=3):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 4, 4, 1, 0, bias=False), nn.BatchNorm2d(ngf * 4), nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf * 2), nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf), nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, z):
        return self.main(z)


class VAE(nn.Module):
    """pytorch/examples' vae."""

    def __init__(self, z=20, classes=0):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 40), nn.Linear(40, z), nn.Linear(40, z)
        self.fc3, self.fc4 = nn.Linear(z + classes, 40), nn.Linear(40, 784)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))


class ConvVAE(nn.Module):
    """PyTorch-VAE's vanilla_vae.py: named heads, decoder_input, tanh."""

    def __init__(self):
        super().__init__()
        block = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU())
        self.encoder = nn.Sequential(block)
        self.fc_mu, self.fc_var = nn.Linear(8 * 16, 12), nn.Linear(8 * 16, 12)
        self.decoder_input = nn.Linear(12, 8 * 16)
        self.decoder = nn.Sequential(nn.Sequential(nn.ConvTranspose2d(8, 6, 3, 2, 1, 1), nn.BatchNorm2d(6)))
        self.final_layer = nn.Sequential(nn.ConvTranspose2d(6, 6, 3, 2, 1, 1), nn.BatchNorm2d(6), nn.LeakyReLU(),
                                         nn.Conv2d(6, 3, 3, padding=1), nn.Tanh())

    def decode(self, z):
        return self.final_layer(self.decoder(self.decoder_input(z).view(-1, 8, 4, 4)))


class UNet(nn.Module):
    """A small U-Net with a time MLP; `classes` rows of a label embedding, the last of them for no class."""

    def __init__(self, channels=1, classes=0, prefix="time_mlp", table=False):
        super().__init__()
        self.inc = nn.Conv2d(channels, 8, 3, 1, 1)
        self.down, self.norm = nn.Conv2d(8, 12, 3, 2, 1), nn.GroupNorm(2, 12)
        self.up, self.outc = nn.ConvTranspose2d(12, 8, 4, 2, 1), nn.Conv2d(16, channels, 1)
        if table:
            self.time_embed = nn.Embedding(1000, 12)
        else:
            self.add_module(prefix, nn.Sequential(nn.Linear(1, 12), nn.SiLU(), nn.Linear(12, 12)))
        self.label_emb = nn.Embedding(classes, 12) if classes else None
        self.prefix, self.channels, self.table = prefix, channels, table

    def forward(self, x, t, y=None):
        t = t.expand(len(x), 1)
        time = self.time_embed((t[:, 0] * 999).long()) if self.table else getattr(self, self.prefix)(t)
        if self.label_emb is not None and y is not None:
            time = time + self.label_emb(y)
        first = self.inc(x)
        inner = F.silu(self.norm(self.down(first)) + time[:, :, None, None])
        return self.outc(torch.cat([first, self.up(inner)], 1))


class Sampler(nn.Module):
    """What a user writes around a U-Net: a few deterministic steps from noise to pictures in [-1, 1]."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x, y=None):
        for t in (1.0, 0.6, 0.3):
            x = x - 0.3 * self.model(x, torch.tensor(t), y)
        return x.tanh()


class PixelGPT(nn.Module):
    """minGPT over 8x8 pixels of 16 levels; the 17th token begins."""

    def __init__(self):
        super().__init__()
        self.tok_emb, self.pos_emb = nn.Embedding(17, 8), nn.Parameter(torch.zeros(1, 64, 8))
        self.blocks = nn.ModuleList([nn.ModuleDict({
            "ln1": nn.LayerNorm(8), "attn": nn.ModuleDict({name: nn.Linear(8, 8) for name in ("key", "value")}),
            "mlp": nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))})])
        self.register_buffer("mask", torch.tril(torch.ones(64, 64)).view(1, 1, 64, 64))
        self.ln_f, self.head = nn.LayerNorm(8), nn.Linear(8, 16, bias=False)


class PixelSampler(nn.Module):
    """One seed per image -> its pixels."""

    def __init__(self):
        super().__init__()
        self.gpt = PixelGPT()

    def forward(self, seeds):
        level = self.gpt.head(self.gpt.ln_f(self.gpt.tok_emb.weight[-1] + self.gpt.pos_emb[0])).argmax(-1)
        random = [torch.Generator().manual_seed(int(seed) % 2**63) for seed in seeds]
        noise = torch.stack([torch.randint(0, 16, (64,), generator=one) for one in random])
        return ((level + noise) % 16).float().view(-1, 1, 8, 8)


class EqualConv(nn.Module):
    """A modulated convolution's weight, of five axes."""

    def __init__(self, before, after, size):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, after, before, size, size))

    def forward(self, x):
        return F.conv2d(x, self.weight[0] / 3, padding=self.weight.shape[-1] // 2)


class Named(nn.Module):
    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


class StyleGAN(nn.Module):
    """The names of rosinality's StyleGAN2: style, input, conv1.conv.weight, to_rgb1, noises."""

    def __init__(self):
        super().__init__()
        self.style = nn.Sequential(nn.Identity(), nn.Linear(24, 8), nn.Linear(8, 8))
        self.input = Named()
        self.input.input = nn.Parameter(torch.randn(1, 8, 4, 4))
        self.conv1, self.to_rgb1 = Named(conv=EqualConv(8, 8, 3)), Named(conv=EqualConv(8, 3, 1))
        self.noises = nn.Module()
        for k, size in enumerate((4, 8, 16)):
            self.noises.register_buffer(f"noise_{k}", torch.randn(1, 1, size, size))

    def forward(self, styles):
        x = self.input.input * (1 + self.style(styles[0]))[:, :, None, None]
        x = F.interpolate(self.conv1.conv(x), scale_factor=4) + self.noises.noise_2
        return torch.tanh(self.to_rgb1.conv(x)), None


class StyleOfOne(StyleGAN):
    """With a latent in the place of a list of them."""

    def forward(self, z):
        return super().forward([z])


class CycleGenerator(nn.Module):
    """From pictures to pictures."""

    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(3, 8, 7, 1, 3), nn.InstanceNorm2d(8), nn.Conv2d(8, 12, 3, 2, 1),
                                   nn.ConvTranspose2d(12, 8, 3, 2, 1, 1), nn.Conv2d(8, 3, 7, 1, 3), nn.Tanh())


class Discriminator(nn.Module):
    """pytorch/examples'."""

    def __init__(self, nc=3):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(nc, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
                                  nn.Conv2d(8, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16),
                                  nn.Conv2d(16, 1, 4, 1, 0, bias=False), nn.Sigmoid())


# Factories, as a user writes them

def vae(classes=0):
    module = VAE(classes=classes)
    module.forward = module.decode
    return module


def conv_vae():
    module = ConvVAE()
    module.forward = module.decode
    return module


def unet(**arguments):
    return Sampler(UNet(**arguments))


def normalised():
    return ConditionalBN(nn.utils.parametrizations.spectral_norm)
