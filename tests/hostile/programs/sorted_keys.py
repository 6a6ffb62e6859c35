a = "x" * 200000
b = [a + "1", a + "2", a + "3"] * 60000
c = sorted(b, key=len)
d = sorted(b)
e = dict.fromkeys(b, b)
