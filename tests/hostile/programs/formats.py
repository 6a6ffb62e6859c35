a = "x" * 200000
b = ("{0}" * 60000).format(a)
c = ("%s" * 60000) % ((a,) * 60000)
d = ("{a}" * 60000).format(a=a)
e = a.replace("x", a)
f = b"".join([a.encode()] * 100000)
