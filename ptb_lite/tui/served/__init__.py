"""The app in browsers, for viewers: the server, and the app of each of them."""
