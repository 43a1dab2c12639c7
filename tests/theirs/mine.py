import torch
from torch import nn

import flows
import gan
import tasks


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(gan.WIDTH, 256)

    def forward(self, z):
        return torch.tanh(flows.scale * self.layer(z)).reshape(-1, 1, 16, 16).clamp(*tasks.RANGE)


def make():
    torch.manual_seed(0)
    return Net()
