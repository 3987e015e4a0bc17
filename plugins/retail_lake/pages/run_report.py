"""Render the page about a run: a template and charts, in one file that loads nothing."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TEMPLATE = Path(__file__).with_name("run_report.html")
#: Colours that people with any colour vision tell apart (Okabe and Ito, 2008), darkest first.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
DAY_MILLISECONDS = 24 * 60 * 60 * 1000
INK, LINES = "#1c2733", "#e3e8ee"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def render(page: Mapping[str, Any]) -> str:
    """Return the page as HTML.

    Args:
        page: `title`, `subtitle`, `figures`, `charts` and `tables`; texts of any content.
    """
    # plotly and Jinja2 are loaded by the task that renders, not by those that parse the DAG
    from jinja2 import Environment, StrictUndefined
    from plotly.offline import get_plotlyjs

    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    charts = [{**chart, "html": _chart(chart)} for chart in page["charts"]]
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        page={**page, "charts": charts}, plotly=get_plotlyjs(), colours=COLOURS
    )


def _chart(chart: Mapping[str, Any]) -> str:
    """Return the chart's element and script; nothing if there is nothing to show."""
    if not chart["labels"]:
        return ""
    text: str = _figure(chart).to_html(
        full_html=False,
        include_plotlyjs=False,
        default_height=f"{_height(chart)}px",
        config={"displayModeBar": False, "responsive": True},
    )
    return text


def _height(chart: Mapping[str, Any]) -> int:
    return max(160, 34 * len(chart["labels"]) + 60) if chart["horizontal"] else 340


def _figure(chart: Mapping[str, Any]) -> "Figure":
    from plotly import graph_objects

    sideways = chart["horizontal"]
    # Plotly reads a little HTML in texts: names are data, so it gets them escaped.
    labels = [html.escape(label, quote=False) for label in _distinct(chart["labels"])]
    names = [html.escape(label, quote=False) for label in chart["labels"]]
    bars = []
    for number, (name, amounts) in enumerate(chart["series"].items()):
        values = [float(amount) for amount in amounts]  # for the length of a bar only
        bars.append(
            graph_objects.Bar(
                name=html.escape(name),
                x=values if sideways else labels,
                y=labels if sideways else values,
                orientation="h" if sideways else "v",
                marker={"color": COLOURS[number % len(COLOURS)]},
                customdata=names,
                hovertemplate=f"%{{customdata}}<br><b>{chart['unit']}%{{{'x' if sideways else 'y'}"
                f":,.2f}}</b><extra>{html.escape(name) if not sideways else ''}</extra>",
            )
        )
    amount_axis: dict[str, Any] = {
        "tickprefix": chart["unit"],
        "tickformat": ",~s",
        "gridcolor": LINES,
    }
    amount_axis |= {"zerolinecolor": LINES, "fixedrange": True, "nticks": 6}
    label_axis: dict[str, Any] = {"fixedrange": True, "showgrid": False}
    if sideways:
        label_axis |= {"type": "category", "autorange": "reversed", "ticksuffix": "  "}
    else:
        step = -(-len(labels) // 5) * DAY_MILLISECONDS  # five labels fit on a phone
        label_axis |= {"type": "date", "tickformat": "%-d %b", "dtick": step, "tick0": labels[0]}
    figure = graph_objects.Figure(bars)
    figure.update_layout(
        barmode="relative",
        bargap=0.28,
        template="none",
        font={"family": FONT, "size": 13, "color": INK},
        margin={"l": 8, "r": 16, "t": 8, "b": 8},
        xaxis={**(amount_axis if sideways else label_axis), "automargin": True},
        yaxis={**(label_axis if sideways else amount_axis), "automargin": True},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        showlegend=len(bars) > 1,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"font": {"family": FONT}},
    )
    return figure


def _distinct(labels: list[str], length: int = 24) -> list[str]:
    """Shorten names and tell equal ones apart, so that their bars are not added up."""
    seen: dict[str, int] = {}
    distinct = []
    for label in labels:
        short = label if len(label) <= length else f"{label[: length - 1].rstrip()}…"
        seen[short] = seen.get(short, 0) + 1
        distinct.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return distinct
