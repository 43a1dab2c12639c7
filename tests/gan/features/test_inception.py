from __future__ import annotations

from types import SimpleNamespace

import torch
import torch.nn.functional as F
import torchvision
from torchvision.models.inception import InceptionA, InceptionC, InceptionE

from ganbench.gan.checkpoints import load_state
from ganbench.gan.features import EXTRACTORS, inception, network


def test_rows_name_the_file_that_is_downloaded():
    assert {row.file for row in EXTRACTORS.values() if row.network == "inception-2015"} == {inception.FILE}


def torchvision_twin(state: dict[str, torch.Tensor], monkeypatch) -> torch.nn.Module:
    """torchvision's Inception v3 with the pools of 2015: a second implementation of the graph.

    Averages leave the padding out; Mixed_7c pools by maximum.
    """
    average, inside = F.avg_pool2d, []

    def pool(x, *, kernel_size, stride, padding):
        if inside:
            return F.max_pool2d(x, kernel_size, stride, padding)
        return average(x, kernel_size, stride, padding, count_include_pad=False)

    monkeypatch.setattr(torchvision.models.inception, "F", SimpleNamespace(**vars(F) | {"avg_pool2d": pool}))
    twin = torchvision.models.Inception3(num_classes=1008, aux_logits=False, init_weights=False)
    twin.load_state_dict(state)
    twin.Mixed_7c.register_forward_pre_hook(lambda *_: inside.append(True))
    twin.Mixed_7c.register_forward_hook(lambda *_: inside.clear())
    twin.avgpool.register_forward_hook(lambda _, __, pooled: twin.__dict__.update(pooled=pooled.flatten(1)))
    assert {type(twin.Mixed_5b), type(twin.Mixed_6b), type(twin.Mixed_7c)} == {InceptionA, InceptionC, InceptionE}
    return twin.eval()


def test_the_graph_is_torchvisions_with_the_pools_of_2015(inception_file, monkeypatch):
    state = load_state(inception_file)
    ours, twin = network.load(inception.TF1, inception_file), torchvision_twin(state, monkeypatch)
    images = torch.rand(2, 3, 299, 299, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        features, logits = ours(images)
        theirs = twin(images)
    assert features.shape == (2, 2048)
    assert logits.shape == (2, 1008)
    torch.testing.assert_close(features, twin.pooled, rtol=1e-5, atol=1e-5 * float(features.abs().max()))
    torch.testing.assert_close(logits, theirs - state["fc.bias"], rtol=1e-5, atol=1e-5 * float(logits.abs().max()))
