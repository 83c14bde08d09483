"""Buttons that save a figure as PNG and as SVG, with its title, in the colours that it has on the page.

They run in the browser: the figure is already there, and no server knows how it looks.
"""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

_HTML: Final = """
<div class="row">
  <button type="button" data-kind="png">PNG</button>
  <button type="button" data-kind="svg">SVG</button>
</div>
"""

_CSS: Final = """
.row { display: flex; gap: 0.5rem; margin-right: 0.25rem; }
button {
  font: inherit; font-size: 0.875rem; cursor: pointer; border: 0; background: transparent;
  color: var(--st-text-color); padding: 0.35rem 0.25rem;
  border-radius: var(--st-base-radius);
}
button:hover, button:focus-visible { color: var(--st-primary-color); }
button[hidden] { display: none; }
"""

_JS: Final = """
const TITLE = 40;
const SPACE = "http://www.w3.org/2000/svg";

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function element(name, attributes, text) {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

function framed(figure, width, height, title) {
  const page = getComputedStyle(document.querySelector(".stApp"));
  const outer = element("svg", { xmlns: SPACE, width, height: height + TITLE });
  outer.append(element("rect", { width: "100%", height: "100%", fill: page.backgroundColor }));
  outer.append(element("text", {
    x: 12, y: 25, fill: page.color, "font-size": 15, "font-weight": 600, "font-family": "sans-serif",
  }, title));
  figure.setAttribute("y", TITLE);
  outer.append(figure);
  return new XMLSerializer().serializeToString(outer);
}

export default function (component) {
  const { data, parentElement } = component;
  const place = () => document.querySelector(".st-key-" + CSS.escape(data.key) + " [_echarts_instance_]");
  const svg = parentElement.querySelector("[data-kind=svg]");
  const png = parentElement.querySelector("[data-kind=png]");
  svg.hidden = !data.sharp;

  function drawn() {
    const found = place();
    if (!found) return null;
    const { width, height } = found.getBoundingClientRect();
    const shapes = found.querySelector("svg");
    let figure = shapes && shapes.cloneNode(true);
    if (!figure) {
      const pixels = found.querySelector("canvas");
      if (!pixels) return null;
      figure = element("image", { width, height, href: pixels.toDataURL("image/png") });
    }
    return { text: framed(figure, width, height, data.title), width, height: height + TITLE };
  }

  svg.onclick = () => {
    const figure = drawn();
    if (figure) save(new Blob([figure.text], { type: "image/svg+xml" }), data.name + ".svg");
  };
  png.onclick = () => {
    const figure = drawn();
    if (!figure) return;
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = 2 * figure.width;
      canvas.height = 2 * figure.height;
      const brush = canvas.getContext("2d");
      brush.scale(2, 2);
      brush.drawImage(image, 0, 0);
      canvas.toBlob((blob) => blob && save(blob, data.name + ".png"), "image/png");
    };
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(figure.text);
  };
}
"""


def draw(chart: str, title: str, name: str, sharp: bool) -> None:
    """Saves the chart of the key `chart` as `name`.png, and as `name`.svg where it is drawn in shapes."""
    _component()(
        key=f"{chart}-save",
        data={"key": chart, "title": title, "name": name, "sharp": sharp},
        width="content",
        height="content",
    )


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    """Registered once per process, and only where a figure is drawn."""
    return st.components.v2.component("millrace_pictures", html=_HTML, css=_CSS, js=_JS)
