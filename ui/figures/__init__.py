"""Pure figures: numbers in, an ECharts option out. Nothing here asks a service or draws on a page.

ECharts keeps its canvas when the numbers change, so a live panel does not flicker; Plotly's charts are
built anew by Streamlit at every change.
"""
