"""The dashboard: Streamlit screens over the HTTP API.

main -> screens -> parts, figures
           `-> reads -> client -> HTTP API (serving)
"""
