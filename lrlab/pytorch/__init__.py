"""The methods and schedules of lrlab for networks in PyTorch.

Needs torch, which ``import lrlab`` alone does not.
"""

from lrlab.pytorch.at_once import Rates, fit_rates
from lrlab.pytorch.clipping import GradientClip, clip_gradients
from lrlab.pytorch.curvature import hessian_product, sharpness
from lrlab.pytorch.devices import describe_device, device
from lrlab.pytorch.history import History
from lrlab.pytorch.layers import LayerNorms, layer_norms
from lrlab.pytorch.lora import LoRA, add_lora, merge_lora
from lrlab.pytorch.mup import mup
from lrlab.pytorch.networks import RandomShift, convnet, mlp
from lrlab.pytorch.noise import NoiseScale, noise_scale
from lrlab.pytorch.optimizer import Optimizer
from lrlab.pytorch.parallel import launch, parallel_fit
from lrlab.pytorch.private import private_gradient
from lrlab.pytorch.rates import as_scheduler, layerwise_lr, set_lr
from lrlab.pytorch.recipes import Recipe, climb_and_fall
from lrlab.pytorch.search import range_test
from lrlab.pytorch.tensorboard import log_to_tensorboard
from lrlab.pytorch.training import evaluate, fit
from lrlab.pytorch.transformer import Classifier, Transformer
from lrlab.pytorch.unfreezing import GradualUnfreezing

__all__ = [
    "Classifier",
    "GradientClip",
    "GradualUnfreezing",
    "History",
    "LayerNorms",
    "LoRA",
    "NoiseScale",
    "Optimizer",
    "RandomShift",
    "Rates",
    "Recipe",
    "Transformer",
    "add_lora",
    "as_scheduler",
    "climb_and_fall",
    "clip_gradients",
    "convnet",
    "describe_device",
    "device",
    "evaluate",
    "fit",
    "fit_rates",
    "hessian_product",
    "launch",
    "layer_norms",
    "layerwise_lr",
    "log_to_tensorboard",
    "merge_lora",
    "mlp",
    "mup",
    "noise_scale",
    "parallel_fit",
    "private_gradient",
    "range_test",
    "set_lr",
    "sharpness",
]
