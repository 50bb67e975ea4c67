"""Draw the pictures of the README and the site, all into book/_assets.

picture-light.svg and picture-dark.svg, the logo (also the sign in the browser's tab), and what a shared link shows.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from lrlab import minimize, plots
from lrlab.display import COLORS, INK, figure
from lrlab.objectives import Quadratic, Rosenbrock
from lrlab.optimizers import GradientDescent, HeavyBall, Nesterov
from lrlab.schedules import Cosine, StepDecay, Warmup, WarmupStableDecay

FOLDER = Path(__file__).resolve().parent.parent / "book" / "_assets"
THEMES = {
    "light": {"ink": "#1f2328"} | COLORS,
    "dark": {"ink": "#d1d7e0", "blue": "#56b4e9", "orange": "#ff9248", "green": "#3fc99b", "gray": "#a8a8a8"},
}
ALT = "Three methods in a bent valley, four schedules, and a map of which rates and momenta converge."


def valley(ax: Axes) -> None:
    """Three methods with the same rate from one start."""
    objective, start = Rosenbrock(), [-1.2, 1.0]
    plots.contours(ax, objective, x=(-1.7, 1.5), y=(-0.6, 2.2), levels=14)
    for name, method, color in (
        ("heavy ball, β = 0.9", HeavyBall(0.9), "orange"),
        ("Nesterov, β = 0.9", Nesterov(0.9), "blue"),
        ("gradient descent", GradientDescent(), "gray"),
    ):
        run = minimize(objective, start, method, lr=5e-4, steps=400)
        plots.path(ax, run, label=name, color=COLORS[color], marker="", linewidth=1.6)
    ax.set_title("a bent valley")
    ax.legend(loc="upper center", fontsize=8)


def shapes(ax: Axes) -> None:
    """Four schedules of one length."""
    steps = 200
    named = {
        "cosine": Cosine(0.1, steps),
        "step decay": StepDecay(0.1, gamma=0.5, every=50),
        "warm-up + cosine": Warmup(Cosine(0.1, 160), 40),
        "warm-up, stable, decay": WarmupStableDecay(0.1, 20, 120, 60),
    }
    for (name, schedule), color in zip(named.items(), ("blue", "gray", "green", "orange"), strict=True):
        ax.plot(schedule(np.arange(steps)), label=name, color=COLORS[color])
    ax.set(title="rates that change", xlabel="step t", ylabel="rate η(t)", ylim=(0, 0.145))
    ax.legend(loc="upper right", fontsize=8)


def map_of_settings(ax: Axes) -> None:
    """Loss after 60 steps of heavy ball, for 10,000 settings in one call."""
    rates, momenta = np.geomspace(0.003, 1, 100), np.linspace(0, 0.98, 100)
    run = minimize(Quadratic([1.0, 10.0]), [1.0, 1.0], HeavyBall(momenta[:, None]), rates, steps=60)
    loss = np.where(run.loss[-1] < run.loss[0], run.loss[-1], np.nan)
    ax.set_xscale("log")
    plots.heatmap(ax, rates, momenta, np.log10(loss), label="log₁₀ loss after 60 steps", vmin=-10, vmax=1)
    ax.plot(2 * (1 + momenta) / 10, momenta, color=INK, linestyle="--", linewidth=1)
    ax.set(title="10,000 settings at once", xlabel="rate η", ylabel="momentum β", xlim=(0.003, 1))


def logo() -> str:
    """Gradient descent that overshoots a little, in a bowl: the steps as `minimize` makes them."""
    run = minimize(Quadratic([1.0]), [1.0], GradientDescent(), lr=1.6, steps=6)
    across = np.linspace(-1.15, 1.15, 41)

    def points(x: np.ndarray) -> str:
        return " ".join(f"{32 + 22 * at:.1f},{52 - 34 * at**2:.1f}" for at in x)

    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        '<rect width="64" height="64" rx="12" fill="#0b3c5d"/>'
        '<g fill="none" stroke-linecap="round" stroke-linejoin="round">'
        f'<polyline points="{points(across)}" stroke="#fff" stroke-width="4"/>'
        f'<polyline points="{points(run.params[:, 0])}" stroke="#ffb000" stroke-width="3.5"/></g>'
        '<circle cx="54" cy="18" r="4.5" fill="#ffb000"/></svg>\n'
    )


def social() -> None:
    """Draw 1200 × 630 dots: the title, and the picture of the cover."""
    fig, axes = plots.subplots(1, 3, width=12, height=6.3)
    for ax, draw in zip(axes, (valley, shapes, map_of_settings), strict=True):
        draw(ax)
    fig.get_layout_engine().set(rect=(0.01, 0.03, 0.98, 0.68))
    fig.text(0.03, 0.86, "The learning rate", fontsize=40, fontweight="bold")
    fig.text(0.03, 0.77, "A book whose every number is computed in the page", fontsize=19)
    fig.savefig(FOLDER / "social.png", dpi=100, facecolor="white", metadata={"Software": None})


def main() -> None:
    """Draw once, color twice."""
    (FOLDER / "logo.svg").write_text(logo())
    social()
    fig, axes = plots.subplots(1, 3, width=12, height=3.6)
    for ax, draw in zip(axes, (valley, shapes, map_of_settings), strict=True):
        draw(ax)
    svg = figure(fig, ALT).svg
    for theme, colors in THEMES.items():
        style = "".join(f"--lrlab-{name}: {color};" for name, color in colors.items() if name != "ink")
        themed = svg.replace('style="', f'style="color: {colors["ink"]}; {style} ', 1)
        (FOLDER / f"picture-{theme}.svg").write_text(themed + "\n")
    plt.close("all")


if __name__ == "__main__":
    main()
