"""A small transformer, short enough to read."""

from __future__ import annotations

import math

import torch
from torch import nn

from lrlab import _checks as check


class Attention(nn.Module):
    r"""Causal self-attention: each place takes from the places up to itself :cite:p:`vaswani2017attention`.

    .. math:: \text{softmax}\!\left( \frac{Q K^\top}{\sqrt{d}} + M \right) V, \qquad
        M_{ij} = \begin{cases} 0 & j \le i \\ -\infty & j > i \end{cases}

    :math:`Q, K, V` are linear in the input, of shape (context, :math:`d`) for each head, :math:`d` = width / heads.

    Parameters
    ----------
    width : int
        Numbers per place.
    heads : int
        A divisor of ``width``.

    Raises
    ------
    ValueError
        If an argument is no positive integer, or ``heads`` does not divide ``width``.

    Examples
    --------
    >>> Attention(width=8, heads=2)(torch.zeros(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        check.count(width=width, heads=heads)
        if width % heads:
            raise ValueError(f"heads must divide width={width}, got heads={heads}")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, places, width = x.shape
        split = self.qkv(x).view(n, places, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)  # each (n, heads, places, d)
        scores = q @ k.transpose(-1, -2) / math.sqrt(width // self.heads)
        future = torch.ones(places, places, dtype=torch.bool, device=x.device).triu(1)
        weights = scores.masked_fill(future, -math.inf).softmax(-1)
        mixed: torch.Tensor = self.out((weights @ v).transpose(1, 2).reshape(n, places, width))
        return mixed


class Block(nn.Module):
    r"""Attention, then a small network for each place, both added to what came in.

    .. math:: y = x + \text{Attention}(\text{norm}(x)), \qquad z = y + \text{MLP}(\text{norm}(y))

    Parameters
    ----------
    width, heads : int
        As for ``Attention``. The network has 4 ``width`` hidden units.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.attention(self.norm1(x))
        z: torch.Tensor = y + self.mlp(self.norm2(y))
        return z


class Embedding(nn.Module):
    """A vector for each token plus a vector for each place."""

    def __init__(self, vocabulary: int, context: int, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.place = nn.Embedding(context, width)
        for table in (self.token, self.place):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        vectors: torch.Tensor = self.token(tokens) + self.place(places)
        return vectors


class Transformer(nn.Module):
    r"""Predicts the next token at every place: embedding, blocks, norm, and a linear map to scores.

    Parameters
    ----------
    vocabulary : int
        How many tokens there are.
    context : int
        The longest input.
    width, heads : int
        As for ``Attention``.
    layers : int
        Blocks.

    Notes
    -----
    From tokens of shape (n, places), int64, it makes scores of shape (n, vocabulary, places): classes second, as
    ``torch.nn.functional.cross_entropy`` wants them, so that `fit` trains it as it is.

    Examples
    --------
    >>> model = Transformer(vocabulary=29, context=40, width=16, heads=2, layers=2)
    >>> model(torch.zeros(3, 40, dtype=torch.int64)).shape
    torch.Size([3, 29, 40])
    """

    def __init__(self, vocabulary: int, context: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        check.count(vocabulary=vocabulary, context=context, layers=layers)
        self.embedding = Embedding(vocabulary, context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, vocabulary)

    def features(self, tokens: torch.Tensor) -> torch.Tensor:
        """What the last block knows about each place, of shape (n, places, width)."""
        known: torch.Tensor = self.norm(self.blocks(self.embedding(tokens)))
        return known

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.scores(self.features(tokens))
        return scores.transpose(1, 2)


class Classifier(nn.Module):
    r"""A new head on a pretrained body: the mean of the features of a text, and a linear map to the classes.

    .. math:: s = W \bar h + b, \qquad \bar h = \frac{1}{|P|} \sum_{i \in P} h_i, \qquad
        P = \{ i : \text{token}_i \ne \text{padding} \}

    Parameters
    ----------
    body : Transformer
        It is used, not copied: training the classifier trains it.
    classes : int
        How many.
    padding : int
        The token that fills up short texts, after their end.

    Examples
    --------
    >>> body = Transformer(vocabulary=29, context=40, width=16, heads=2, layers=2)
    >>> Classifier(body, classes=6)(torch.ones(3, 40, dtype=torch.int64)).shape
    torch.Size([3, 6])
    """

    def __init__(self, body: Transformer, classes: int, padding: int = 0) -> None:
        super().__init__()
        check.count(classes=classes)
        self.body = body
        self.padding = padding
        self.head = nn.Linear(body.scores.in_features, classes)

    def layers(self) -> list[nn.Module]:
        """The layers, input first, as `layerwise_lr` and `GradualUnfreezing` take them; the head is the last."""
        return [self.body.embedding, *self.body.blocks, nn.ModuleList([self.body.norm, self.head])]

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        real = (tokens != self.padding).unsqueeze(-1)
        mean = (self.body.features(tokens) * real).sum(1) / real.sum(1)
        scores: torch.Tensor = self.head(mean)
        return scores
