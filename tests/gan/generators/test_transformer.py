"""Tokens: drawn by inverting distributions, cached without a difference, masked by the schedule."""

import pytest
import torch

from ganbench.gan.generators.transformer import GPT, MaskGIT, Tokenizer, choose, masked_share

SMALL = {"resolution": 16, "n_classes": 4, "grid": 4, "codes": 16, "width": 16, "layers": 2, "tokenizer_width": 8}


@pytest.fixture(params=[GPT, MaskGIT])
def model(request):
    torch.manual_seed(0)
    return request.param(**SMALL).eval().requires_grad_(False)


def test_uniform_numbers_choose_with_the_probabilities_of_softmax():
    logits = torch.tensor([0.0, 1.0, -2.0, 0.5])
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    chosen = choose(logits.expand(10_000, 4), uniform)
    assert torch.bincount(chosen, minlength=4) / 10_000 == pytest.approx(logits.softmax(0), abs=1e-4)


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24])
def test_impossible_tokens_are_never_chosen(uniform):
    logits = torch.tensor([[-torch.inf, 0.0, 0.0, -torch.inf]])
    assert choose(logits, torch.tensor([uniform])).item() in (1, 2)


def test_the_cache_changes_nothing():
    model = GPT(**SMALL).eval().requires_grad_(False)
    labels = torch.arange(3)
    tokens = torch.randint(16, (3, 16), generator=torch.Generator().manual_seed(0))
    whole = model(tokens, labels)
    x, past, steps = model.class_of(3, labels) + model.places[0], None, []
    for k in range(16):
        logits, past = model.run(x, past)
        steps.append(logits[:, -1])
        x = model.tokens(tokens[:, k])[:, None] + model.places[min(k + 1, 15)]
    assert torch.allclose(torch.stack(steps, 1), whole, atol=1e-5)      # another order of float32 sums


def test_no_token_sees_itself_or_a_later_one():
    model = GPT(**SMALL).eval().requires_grad_(False)
    tokens = torch.randint(16, (1, 16), generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[:, 9] = (changed[:, 9] + 1) % 16
    difference = (model(tokens, torch.tensor([0])) - model(changed, torch.tensor([0]))).abs().amax(2)[0]
    assert (difference[:10] < 1e-6).all()
    assert (difference[10:] > 1e-6).all()


def test_maskgit_sees_all_unmasked_tokens():
    model = MaskGIT(**SMALL).eval().requires_grad_(False)
    tokens = torch.full((1, 16), model.codes)
    changed = tokens.clone()
    changed[:, 9] = 3
    difference = (model(tokens, torch.tensor([0])) - model(changed, torch.tensor([0]))).abs().amax(2)[0]
    assert (difference > 1e-6).all()


def test_every_round_of_maskgit_leaves_as_many_masks_as_the_schedule_says(monkeypatch):
    model, masks = MaskGIT(**SMALL, steps=5).eval().requires_grad_(False), []
    forward = MaskGIT.forward
    monkeypatch.setattr(
        MaskGIT, "forward", lambda self, tokens, labels: masks.append((tokens == 16).sum(1)) or
        forward(self, tokens, labels)
    )
    decoded = []
    monkeypatch.setattr(Tokenizer, "decode", lambda self, tokens: decoded.append(tokens) or tokens)
    model.sample(model.draws(range(3), 0), torch.zeros(3, dtype=torch.int64))
    assert [found.tolist() for found in masks] == [[16] * 3, [15] * 3, [12] * 3, [9] * 3, [4] * 3]   # 16 cos(pi k / 10)
    assert decoded[0].max() < 16
    assert masked_share(1) == pytest.approx(0)


def test_an_image_becomes_the_nearest_codes_and_codes_an_image(model):
    tokenizer = model.tokenizer
    code = torch.randn(2, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    brute = torch.cdist(code.flatten(2).transpose(1, 2), tokenizer.codebook.expand(2, -1, -1)).argmin(2)
    assert torch.equal(tokenizer.nearest(code), brute)
    assert torch.equal(tokenizer.vectors(brute)[0, :, 1, 2], tokenizer.codebook[brute[0, 6]])
    tokens = tokenizer.encode(torch.zeros(2, 1, 16, 16))
    assert tokens.shape == (2, 16)
    assert tokenizer.decode(tokens).shape == (2, 1, 16, 16)
