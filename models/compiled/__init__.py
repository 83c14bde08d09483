"""The compiled bodies of recipes."""
