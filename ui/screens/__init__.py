"""One module per screen; `main` puts them into the navigation."""
