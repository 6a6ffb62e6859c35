"""The app in browsers, for people who only look: the server, and the app of each of them."""
