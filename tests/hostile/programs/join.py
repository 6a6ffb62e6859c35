a = "x" * 200000
b = (a + a + a + a + a).join([a, a, a, a, a] * 10000)
c = str.join(a, ["y"] * 100000)
