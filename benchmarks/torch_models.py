# The models of the benchmark cases in PyTorch, under the parameter names of torchvision and nanoGPT.
# SPDX-License-Identifier: Apache-2.0
import collections
import math

import torch
from torch import nn
from torch.nn import functional as F


class Mlp(nn.Sequential):
    """784-128-10."""

    def __init__(self):
        super().__init__(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


class LeNet(nn.Module):
    """Two 3x3 convolutions with 32 and 64 channels, each with a 2x2 maximum pool; dense 128; dense 10."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def downsample(inputs, outputs, stride):
    """The shortcut's projection; None where shapes stay."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al. 2015, figure 2)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = downsample(inputs, outputs, stride)

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)) + shortcut, inplace=True)


class ResNet18(nn.Module):
    """ResNet-18 with torchvision's names and the CIFAR stem: a 3x3 convolution, no pooling."""

    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for i, outputs in enumerate((64, 128, 256, 512), 1):
            blocks = [BasicBlock(inputs, outputs, 1 if i == 1 else 2),
                      BasicBlock(outputs, outputs, 1)]
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
            inputs = outputs
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride) and 1x1 to four times the width, with a shortcut."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = downsample(inputs, outputs, stride)

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        return F.relu(self.bn3(self.conv3(x)) + shortcut, inplace=True)


class ResNet50(nn.Module):
    """ResNet-50 with torchvision's names."""

    def __init__(self, classes=1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for i, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 1):
            blocks = []
            for j in range(count):
                blocks.append(Bottleneck(inputs, width, 2 if i > 1 and j == 0 else 1))
                inputs = 4 * width
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x)), inplace=True), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads, bias=False):
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width, bias=bias)
        self.c_proj = nn.Linear(width, width, bias=bias)
        self.heads = heads

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2)
                   for y in self.c_attn(x).split(c, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c))


class FeedForward(nn.Module):
    def __init__(self, width, bias=False):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width, bias=bias)
        self.c_proj = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width, heads, bias=False):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, bias=bias)
        self.attn = CausalSelfAttention(width, heads, bias)
        self.ln_2 = nn.LayerNorm(width, bias=bias)
        self.mlp = FeedForward(width, bias)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    """nanoGPT without dropout and, unless asked for, biases; the output layer shares the token embedding's weight."""

    def __init__(self, layers, width, heads, context, vocabulary=65, bias=False):
        super().__init__()
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(vocabulary, width),
            "wpe": nn.Embedding(context, width),
            "h": nn.ModuleList(Block(width, heads, bias) for _ in range(layers)),
            "ln_f": nn.LayerNorm(width, bias=bias)})
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.transformer.wte.weight
        for name, p in self.named_parameters():
            if p.dim() == 2:
                scale = 0.02 / math.sqrt(2 * layers) if name.endswith("c_proj.weight") else 0.02
                nn.init.normal_(p, 0, scale)

    def forward(self, tokens):
        t = self.transformer
        x = t.wte(tokens) + t.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in t.h:
            x = block(x)
        return self.lm_head(t.ln_f(x)).flatten(0, 1)


# parameters: how many the model must have, counted by hand from the shapes in the issue of each paper.
Case = collections.namedtuple("Case", "model input classes parameters optimizer images")
CASES = {
    "mlp": Case(Mlp, (64, 784), 10, 101_770, "adamw", False),
    "lenet": Case(LeNet, (64, 1, 28, 28), 10, 421_642, "adamw", True),
    "resnet18": Case(ResNet18, (64, 3, 32, 32), 10, 11_173_962, "sgd", True),
    "gpt-mini": Case(lambda: Gpt(4, 128, 4, 64), (12, 64), 65, 804_096, "adamw", False),
    "gpt-small": Case(lambda: Gpt(6, 384, 6, 256), (4, 256), 65, 10_745_088, "adamw", False),
    "gpt2-124m": Case(lambda: Gpt(12, 768, 12, 1024, 50304, True), (16, 1024), 50304, 124_475_904,
                      "adamw", False),
    "resnet50": Case(ResNet50, (64, 3, 224, 224), 1000, 25_557_032, "sgd", True),
}


def make_batch(case):
    """The same kind of input for both engines: normal images or uniform tokens, uniform labels."""
    if case.model in (Mlp, LeNet, ResNet18, ResNet50):
        return torch.randn(case.input), torch.randint(case.classes, case.input[:1])
    return torch.randint(case.classes, case.input), torch.randint(case.classes, case.input).flatten()


def make_model(case):
    model = case.model()
    count = sum(p.numel() for p in model.parameters())
    if count != case.parameters:
        raise SystemExit(f"the model has {count} parameters, expected {case.parameters}")
    return model


def make_optimizer(case, model):
    if case.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    return torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
