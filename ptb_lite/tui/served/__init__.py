"""The app in browsers, for people who only look: the server, and what it starts for each of them."""
